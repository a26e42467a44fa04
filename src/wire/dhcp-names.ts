import table from 'dhcp/lib/options.js'

/** Options that the table of the npm package `dhcp` lacks, by IANA's names ("BOOTP and DHCP Parameters"). */
const lacking: Readonly<Record<number, string>> = {
  77: 'User Class',
  78: 'Directory Agent',
  79: 'Service Scope',
  81: 'Client FQDN',
  82: 'Relay Agent Information',
  90: 'Authentication',
  93: 'Client System Architecture',
  94: 'Client Network Device Interface',
  97: 'Client Machine Identifier',
  100: 'POSIX Time Zone',
  101: 'TZ Database Time Zone',
  108: 'IPv6-Only Preferred',
  114: 'Captive Portal',
  117: 'Name Service Search',
  120: 'SIP Servers',
  124: 'Vendor-Identifying Vendor Class',
  125: 'Vendor-Identifying Vendor-Specific Information',
  150: 'TFTP Server Address',
  175: 'iPXE Encapsulated Options',
}

/** A standard name for people to read. Codes that nobody named are `Option 203`. */
export const optionName = (code: number): string =>
  lacking[code] ?? (code < 255 ? table.opts[code]?.name : undefined) ?? `Option ${code}`
