const header = '#cloud-config'

/**
 * NoCloud `user-data`: the machine's own cloud-config, and nothing where it has none. Without its
 * first line cloud-init takes the document for something else and still reports success.
 */
export function userData(cloudConfig: string | undefined): string {
  const text = (cloudConfig ?? '').replace(/^\uFEFF/, '').trimEnd()
  if (text === '') return ''
  const [first = ''] = text.split('\n', 1)
  return `${first.trimEnd() === header ? text : `${header}\n${text}`}\n`
}
