import { expect, test } from 'vitest'
import { metaData } from '../../../src/core/documents/meta-data.ts'
import { parseHostname, type Hostname } from '../../../src/values/hostname.ts'
import type { MachineId } from '../../../src/values/ids.ts'
import { must } from '../../../src/values/parse.ts'

const hostname = (text: string): Hostname => must(parseHostname(text))
const instanceId = 'i-0123456789abcdef' as MachineId

test('says who the machine is', () => {
  expect(metaData({ instanceId, hostname: hostname('worker-1') })).toBe(
    `instance-id: i-0123456789abcdef
local-hostname: worker-1
`,
  )
})

// PyYAML reads YAML 1.1, where `no` and `on` are booleans too.
test.each(['0x1f', '1e3', 'null', 'true', 'no', 'on', 'y'])(
  'a hostname that YAML may take for something else stays a name: %s',
  (name) => {
    const text = metaData({ instanceId, hostname: hostname(name) })
    expect(text).toContain(`local-hostname: "${name}"`)
  },
)
