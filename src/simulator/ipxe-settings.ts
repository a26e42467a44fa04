/** iPXE's settings: names with a type behind a colon, and `${…}` in text (core/settings.c). */
export class IpxeSettings {
  readonly #values = new Map<string, { readonly text: string; readonly type: Type }>()

  /** @param setting `name` or `name:type`; an empty value clears it. @returns false on a bad value */
  set(setting: string, text: string): boolean {
    const { name, type } = parsed(setting)
    if (name === '' || (type !== undefined && !isType(type))) return false
    const stored = type ?? 'string'
    if (text === '') this.#values.delete(name)
    else if (isInteger(stored) && integer(text) === undefined) return false
    else
      this.#values.set(name, { text: isInteger(stored) ? `${integer(text)}` : text, type: stored })
    return true
  }

  /** @returns '' where there is none, as iPXE puts it into text */
  get(setting: string): string {
    const { name, type } = parsed(setting)
    const text = this.#values.get(name)?.text ?? ''
    return type === 'hexhyp' ? text.replaceAll(':', '-') : text
  }

  /** `inc`: what is no number counts as 0. */
  increment(setting: string, by: number): boolean {
    const { name } = parsed(setting)
    const held = this.#values.get(name)
    const before = held && isInteger(held.type) ? Number(held.text) : 0
    const type = held?.type ?? 'int32'
    this.#values.set(name, { text: `${before + by}`, type })
    return true
  }

  /** Innermost first, until nothing is left to expand. */
  expand(text: string): string {
    const open = /\$\{([^${}]*)\}/
    let expanded = text
    for (let found = open.exec(expanded); found; found = open.exec(expanded)) {
      const [whole, setting = ''] = found
      const before = expanded.slice(0, found.index)
      expanded = before + this.get(setting) + expanded.slice(found.index + whole.length)
    }
    return expanded
  }
}

const types = ['string', 'int8', 'int16', 'int32', 'uint8', 'uint16', 'uint32', 'hexhyp'] as const
type Type = (typeof types)[number]

const isType = (text: string): text is Type => types.some((type) => type === text)
const isInteger = (type: Type): boolean => type.includes('int')

function parsed(setting: string): { readonly name: string; readonly type: string | undefined } {
  const [name = '', type] = setting.split(':')
  return { name, type }
}

/** As strtoul with base 0 reads it. */
export const integer = (text: string): number | undefined =>
  /^(0x[0-9a-f]+|-?\d+)$/i.test(text) ? Number(text) : undefined
