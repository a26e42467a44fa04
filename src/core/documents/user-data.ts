import { joinFiles, type JoinFiles } from './join.ts'
import { yaml } from './yaml.ts'

const header = '#cloud-config'

/**
 * How our part goes into the machine's own: its `write_files` grow by ours, and every other key stays
 * as it is. Without these words cloud-init takes the first `write_files` and drops the second.
 */
const merge = 'list(append)+dict(no_replace,recurse_list)+str()'

/**
 * NoCloud `user-data`: the machine's own cloud-config with the files that it needs to join, and nothing
 * where there is neither. Without its first line cloud-init takes the document for something else and
 * still reports success.
 *
 * The machine's own text is not parsed and written again, which would turn `0644` and `yes` into
 * something else between YAML 1.1 and 1.2: it goes as one part of an archive, as people wrote it.
 */
export function userData(cloudConfig: string | undefined, join: JoinFiles = {}): string {
  const own = ownPart(cloudConfig)
  const files = joinFiles(join)
  if (files.length === 0) return own
  if (own === '') return `${header}\n${yaml({ write_files: files })}`
  return `${header}-archive\n${yaml([
    { type: 'text/cloud-config', content: own },
    {
      type: 'text/cloud-config',
      content: `${header}\n${yaml({ merge_how: merge, write_files: files })}`,
    },
  ])}`
}

function ownPart(cloudConfig: string | undefined): string {
  const text = (cloudConfig ?? '').replace(/^\uFEFF/, '').trimEnd()
  if (text === '') return ''
  const [first = ''] = text.split('\n', 1)
  return `${first.trimEnd() === header ? text : `${header}\n${text}`}\n`
}
