import { expect, test } from 'vitest'
import { userData } from '../../../src/core/documents/user-data.ts'

test.each([
  ['nothing', undefined, ''],
  ['an empty text', '', ''],
  ['white space', ' \n\n', ''],
  ['YAML alone', 'runcmd:\n  - [touch, /run/x]\n', '#cloud-config\nruncmd:\n  - [touch, /run/x]\n'],
  ['its first line', '#cloud-config\npackages: []\n', '#cloud-config\npackages: []\n'],
  ['no end of line', '#cloud-config\npackages: []', '#cloud-config\npackages: []\n'],
  ['white space after it', '#cloud-config  \r\na: 1\r\n', '#cloud-config  \r\na: 1\n'],
  ['a byte order mark', '\uFEFF#cloud-config\na: 1\n', '#cloud-config\na: 1\n'],
  ['another comment first', '# ours\na: 1\n', '#cloud-config\n# ours\na: 1\n'],
  [
    'a word that only begins like it',
    '#cloud-config-archive\n- a\n',
    '#cloud-config\n#cloud-config-archive\n- a\n',
  ],
])('from %s', (_, cloudConfig, expected) => {
  expect(userData(cloudConfig)).toBe(expected)
})
