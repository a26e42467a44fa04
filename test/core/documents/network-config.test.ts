import { expect, test } from 'vitest'
import { networkConfig } from '../../../src/core/documents/network-config.ts'

test('leaves the network to the image', () => {
  expect(networkConfig()).toBe('')
})
