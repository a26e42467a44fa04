import { expect, test } from 'vitest'
import {
  domainProblem,
  labelKeyProblem,
  labelValueProblem,
  serialProblem,
} from '../../src/core/inventory-fields.ts'

const cases = [
  [
    'label keys',
    labelKeyProblem,
    ['rack', 'a', 'A.b_c-1', 'topology.example.org/zone', 'x'.repeat(63)],
    ['', '-a', 'a-', 'a b', 'x'.repeat(64), 'a/b/c', '/a', 'a/', 'Ex.org/a', '__proto__', 'é'],
  ],
  [
    'label values',
    labelValueProblem,
    ['', 'r12', 'A_b.c-d', 'x'.repeat(63)],
    ['-', 'a b', 'a-', 'x'.repeat(64), 'a/b', 'a\n'],
  ],
  [
    'serial numbers',
    serialProblem,
    ['CZ1234', 'A B', 'x'.repeat(64)],
    ['', ' a', 'a ', 'x'.repeat(65), 'To Be Filled By O.E.M.', 'Default string', 'a\u0000'],
  ],
  [
    'domains',
    domainProblem,
    ['rack', 'rack.example.org'],
    ['', '.', 'a..b', 'Example.org', 'a_b', 'a.'.repeat(127)],
  ],
] as const

test.for(cases)('%s', ([, check, good, bad]) => {
  expect(good.filter((text) => check(text) !== undefined)).toEqual([])
  expect(bad.filter((text) => check(text) === undefined)).toEqual([])
})
