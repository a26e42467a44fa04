import { z } from 'zod'

/**
 * Which iPXE goes to which firmware: `netboot/firmware.json`. Architectures are those of DHCP
 * option 93 (RFC 4578 2.1; IANA "Processor Architecture Types"). 7 and 9 are one family, because
 * firmware of x64 machines says either (RFC 4578 errata 4624).
 */
const fileName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a boot file is a plain file name, without a folder')

const family = z.strictObject({
  name: z.string().min(1),
  architectures: z.array(z.int().min(0).max(65_535)).min(1),
  /** The first of these that the server has is sent; the same for `http`. */
  tftp: z.array(fileName).min(1),
  http: z.array(fileName).min(1),
})

const firmwareFile = z
  .strictObject({ families: z.array(family).min(1) })
  .superRefine(({ families }, context) => {
    const seen = new Map<number, string>()
    for (const { name, architectures } of families) {
      for (const arch of architectures) {
        const other = seen.get(arch)
        if (other !== undefined) {
          context.addIssue(`architecture ${arch} is in '${other}' and in '${name}'`)
        }
        seen.set(arch, name)
      }
    }
  })

export type Firmware = z.infer<typeof firmwareFile>
export type FirmwareFamily = Firmware['families'][number]

/** @throws ZodError that names the field: the file is part of the installation */
export const parseFirmware = (json: unknown): Firmware => firmwareFile.parse(json)

export type Via = 'tftp' | 'http'

export type BootFileChoice = { readonly file: string } | { readonly problem: string }

export function bootFileFor(
  firmware: Firmware,
  arch: number,
  via: Via,
  available: (name: string) => boolean,
): BootFileChoice {
  const found = firmware.families.find(({ architectures }) => architectures.includes(arch))
  if (found === undefined) return { problem: `no boot file is known for architecture ${arch}` }
  const file = found[via].find(available)
  return file === undefined
    ? { problem: `none of ${found[via].join(', ')} is there for ${found.name}` }
    : { file }
}

/** What the DHCP side asks: the file to name in the reply, or undefined when there is none. */
export interface BootFiles {
  readonly fileFor: (arch: number, via: Via) => string | undefined
}

export function bootFiles(firmware: Firmware, availableNames: Iterable<string>): BootFiles {
  const names = new Set(availableNames)
  return {
    fileFor: (arch, via) => {
      const choice = bootFileFor(firmware, arch, via, (name) => names.has(name))
      return 'file' in choice ? choice.file : undefined
    },
  }
}

/** Every name that any firmware may be told, once each. */
export const bootFileNames = (firmware: Firmware): readonly string[] => [
  ...new Set(firmware.families.flatMap(({ tftp, http }) => [...tftp, ...http])),
]

/** The families that can't be booted with these files. */
export const unservedFamilies = (
  firmware: Firmware,
  available: (name: string) => boolean,
): readonly FirmwareFamily[] =>
  firmware.families.filter(({ tftp, http }) => ![...tftp, ...http].some(available))
