import type { Database } from 'better-sqlite3'
import type { BootEvent } from '../../core/boot-event.ts'
import type { Boot } from '../../core/boot.ts'
import type { BootId } from '../../values/ids.ts'
import type { AuditEntry } from '../../core/audit.ts'
import type { AuditQuery, BootQuery, EventQuery, StoredAudit, StoredEvent } from '../store.ts'

type EventRow = Omit<StoredEvent, 'event'> & { readonly event: string }

/** Past boots and their events: read from the disk when somebody asks, never by a decision. */
export function historyReader(database: Database) {
  const boot = database.prepare<[string], string>('SELECT document FROM boots WHERE id = ?').pluck()
  const boots = database
    .prepare<[{ machine: string | null; limit: number }], string>(
      `
      SELECT document FROM boots WHERE @machine IS NULL OR machine = @machine
      ORDER BY id DESC LIMIT @limit`,
    )
    .pluck()
  const columns = 'SELECT seq, at, machine, boot, mac, event FROM events'
  const events = {
    all: database.prepare<EventParameters, EventRow>(
      `${columns} WHERE seq > @after ORDER BY seq LIMIT @limit`,
    ),
    boot: database.prepare<EventParameters, EventRow>(
      `${columns} WHERE boot = @boot AND seq > @after ORDER BY seq LIMIT @limit`,
    ),
    machine: database.prepare<EventParameters, EventRow>(
      `${columns} WHERE machine = @machine AND seq > @after ORDER BY seq LIMIT @limit`,
    ),
  }
  const audit = (where: string) =>
    database.prepare<AuditParameters, { seq: number; entry: string }>(
      `SELECT seq, entry FROM audit WHERE ${where} AND seq > @after ORDER BY seq LIMIT @limit`,
    )
  const audits = {
    all: audit('true'),
    machine: audit('machine = @machine'),
    token: audit('token = @token'),
    both: audit('machine = @machine AND token = @token'),
  }
  const crowded = database
    .prepare<[number], string>('SELECT machine FROM boots GROUP BY machine HAVING count(*) > ?')
    .pluck()
  const older = 'SELECT id FROM boots WHERE machine = ? ORDER BY id DESC LIMIT -1 OFFSET ?'
  const dropEvents = database.prepare<[string, number]>(
    `DELETE FROM events WHERE boot IN (${older})`,
  )
  const dropBoots = database.prepare<[string, number]>(`DELETE FROM boots WHERE id IN (${older})`)
  // What may still be in the cluster has yet to be deleted there.
  const dropTokens = database
    .prepare<[string, number], BootId>(
      `DELETE FROM boot_tokens
       WHERE boot IN (${older}) AND document ->> 'inCluster' = 0 RETURNING boot`,
    )
    .pluck()

  return {
    boot: (id: BootId): Boot | undefined => {
      const text = boot.get(id)
      return text === undefined ? undefined : (JSON.parse(text) as Boot)
    },

    boots: ({ machine, limit }: BootQuery): readonly Boot[] =>
      boots.all({ machine: machine ?? null, limit }).map((text) => JSON.parse(text) as Boot),

    events: ({ boot: ofBoot, machine, after = 0, limit }: EventQuery): readonly StoredEvent[] => {
      const parameters = { boot: ofBoot ?? null, machine: machine ?? null, after, limit }
      const query = ofBoot ? events.boot : machine ? events.machine : events.all
      return query
        .all(parameters)
        .map((row) => ({ ...row, event: JSON.parse(row.event) as BootEvent }))
    },

    audit: ({ machine, token, after = 0, limit }: AuditQuery): readonly StoredAudit[] => {
      const parameters = { machine: machine ?? null, token: token ?? null, after, limit }
      const which = machine && token ? 'both' : machine ? 'machine' : token ? 'token' : 'all'
      return audits[which]
        .all(parameters)
        .map(({ seq, entry }) => ({ ...(JSON.parse(entry) as AuditEntry), seq }))
    },

    /** Machines that have more boots than that. One pass over an index, also with 100,000 machines. */
    crowded: (keepBoots: number): readonly string[] => crowded.all(keepBoots),

    /** @returns how many boots were removed, and those whose tokens went */
    prune: database.transaction((machines: readonly string[], keepBoots: number) => {
      let removed = 0
      const tokens: BootId[] = []
      for (const machine of machines) {
        tokens.push(...dropTokens.all(machine, keepBoots))
        dropEvents.run(machine, keepBoots)
        removed += dropBoots.run(machine, keepBoots).changes
      }
      return { removed, tokens }
    }),
  }
}

type EventParameters = [
  { boot: string | null; machine: string | null; after: number; limit: number },
]

type AuditParameters = [
  { machine: string | null; token: string | null; after: number; limit: number },
]
