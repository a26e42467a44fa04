import { expect, test } from 'vitest'
import { vendorData } from '../../../src/core/documents/vendor-data.ts'
import { parseHostname } from '../../../src/values/hostname.ts'
import { must } from '../../../src/values/parse.ts'

const seed = 'http://192.0.2.1:8080/seed/0123456789abcdefghjkmnpqrs/'

test('tells the machine where to report', () => {
  expect(vendorData({ hostname: must(parseHostname('worker-1')), seed })).toBe(
    `#cloud-config
reporting:
  rollcall:
    type: webhook
    endpoint: http://192.0.2.1:8080/seed/0123456789abcdefghjkmnpqrs/events
phone_home:
  url: http://192.0.2.1:8080/seed/0123456789abcdefghjkmnpqrs/phone-home
  post:
    - instance_id
    - hostname
    - fqdn
  tries: 10
`,
  )
})

test('a name with dots is set whole', () => {
  expect(vendorData({ hostname: must(parseHostname('w1.dc.example')), seed })).toBe(
    `#cloud-config
reporting:
  rollcall:
    type: webhook
    endpoint: http://192.0.2.1:8080/seed/0123456789abcdefghjkmnpqrs/events
phone_home:
  url: http://192.0.2.1:8080/seed/0123456789abcdefghjkmnpqrs/phone-home
  post:
    - instance_id
    - hostname
    - fqdn
  tries: 10
prefer_fqdn_over_hostname: true
`,
  )
})
