import { expect, test } from 'vitest'
import { RateLimit } from '../../src/serve/rate-limit.ts'
import { epochMs } from '../../src/values/time.ts'

test('so many in a window, and then the count of the others', () => {
  const limit = new RateLimit(2, 1000)
  const pass = (...times: readonly number[]) => times.map((time) => limit.pass(epochMs(time)))
  expect(pass(5000, 5001, 5002, 5999)).toEqual([0, 0, undefined, undefined])
  expect(pass(6000, 6001, 6002)).toEqual([2, 0, undefined])
})

test('a clock that is set back does not silence it', () => {
  const limit = new RateLimit(1, 1000)
  expect([9000, 9001, 10].map((time) => limit.pass(epochMs(time)))).toEqual([0, undefined, 1])
})
