import type { Command } from 'commander'
import type { AuditView } from '../serve/api/audit.ts'
import type { ApiClient } from './client.ts'
import { connect } from './connection.ts'
import { localTime, printList } from './table.ts'

export function auditCommand(program: Command): void {
  program
    .command('audit')
    .description('who was given or refused a token, and why')
    .option('--machine <machine>', 'of this machine, by hostname or MAC')
    .option('--token <id>', 'of this token, by the six characters before its dot')
    .option('--json', 'as JSON, with the evidence')
    .action(
      async (options: { machine?: string; token?: string; json?: true }, command: Command) => {
        const entries = await all(connect(command), options)
        printList(entries, options.json, {
          head: ['TIME', 'WHAT', 'MACHINE', 'TOKEN', 'BOOT', 'WHY'],
          row: ({ at, kind, machine, token, boot, reason }) => [
            localTime(at),
            kind,
            machine ?? '-',
            token ?? '-',
            boot ?? '-',
            reason ?? '',
          ],
          empty: 'nothing was given or refused yet',
        })
      },
    )
}

/** Page by page: an audit is as long as the server's life. */
async function all(
  client: ApiClient,
  { machine, token }: { readonly machine?: string; readonly token?: string },
): Promise<readonly AuditView[]> {
  const found: AuditView[] = []
  for (;;) {
    const query = new URLSearchParams({
      ...(machine === undefined ? {} : { machine }),
      ...(token === undefined ? {} : { token }),
      after: String(found.at(-1)?.seq ?? 0),
    })
    const { entries } = await client.get<{ entries: AuditView[] }>(`/audit?${query.toString()}`)
    if (entries.length === 0) return found
    found.push(...entries)
  }
}
