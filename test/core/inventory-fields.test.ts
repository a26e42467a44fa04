import { expect, test } from 'vitest'
import {
  domainProblem,
  labelKeyProblem,
  labelValueProblem,
  serialProblem,
} from '../../src/core/inventory-fields.ts'

const cases = [
  [
    labelKeyProblem,
    ['rack', 'a', 'A.b_c-1', 'topology.example.org/zone', 'x'.repeat(63)],
    ['', '-a', 'a-', 'a b', 'x'.repeat(64), 'a/b/c', '/a', 'a/', 'Ex.org/a', '__proto__', 'é'],
  ],
  [
    labelValueProblem,
    ['', 'r12', 'A_b.c-d', 'x'.repeat(63)],
    ['-', 'a b', 'a-', 'x'.repeat(64), 'a/b', 'a\n'],
  ],
  [
    serialProblem,
    ['CZ1234', 'A B', 'x'.repeat(64)],
    ['', ' a', 'a ', 'x'.repeat(65), 'To Be Filled By O.E.M.', 'Default string', 'a\u0000'],
  ],
  [
    domainProblem,
    ['rack', 'rack.example.org'],
    ['', '.', 'a..b', 'Example.org', 'a_b', `${'a.'.repeat(127)}`],
  ],
] as const

for (const [check, good, bad] of cases) {
  test(check.name, () => {
    expect(good.filter((text) => check(text) !== undefined)).toEqual([])
    expect(bad.filter((text) => check(text) === undefined)).toEqual([])
  })
}
