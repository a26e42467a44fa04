import { z } from '@hono/zod-openapi'
import { stages } from '../../core/boot-event.ts'
import { type Boot, type Outcome } from '../../core/boot.ts'
import type { InventoryFacts } from '../../core/facts.ts'
import type { StoredEvent } from '../../store/store.ts'
import { formatTime } from '../../values/time.ts'
import { eventDetails, eventText } from './event-words.ts'
import { time } from './schema.ts'

const outcomes = ['running', 'up', 'misnamed', 'superseded'] as const satisfies readonly Outcome[]

export const bootSchema = z
  .object({
    id: z.string(),
    machine: z.string().openapi({ description: 'its hostname now' }),
    machineId: z.string(),
    mac: z.string().openapi({ description: 'the NIC that it boots from' }),
    stage: z.enum(stages).openapi({ description: 'how far it has come' }),
    outcome: z.enum(outcomes),
    opened: time,
    updated: time,
    issued: z
      .object({ hostname: z.string(), image: z.string(), at: time })
      .optional()
      .openapi({ description: 'what its boot script said' }),
    problem: z.string().optional().openapi({ description: 'the latest thing that went wrong' }),
  })
  .openapi('Boot')
export type BootView = z.infer<typeof bootSchema>

export const eventSchema = z
  .object({
    seq: z.int().openapi({ description: 'its place among all events' }),
    at: time,
    machine: z.string(),
    machineId: z.string(),
    boot: z.string(),
    mac: z.string(),
    kind: z.string().openapi({ example: 'dhcp.ack' }),
    text: z.string().openapi({ example: 'gave 192.0.2.50 to iPXE' }),
    details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  })
  .openapi('TimelineEvent')
export type EventView = z.infer<typeof eventSchema>

export const bootView = (boot: Boot, facts: InventoryFacts): BootView => ({
  id: boot.id,
  // A machine that was removed has no hostname any more.
  machine: facts.machine(boot.machine)?.hostname ?? boot.issued?.hostname ?? boot.machine,
  machineId: boot.machine,
  mac: boot.mac,
  stage: boot.stage,
  outcome: boot.outcome,
  opened: formatTime(boot.opened),
  updated: formatTime(boot.updated),
  // The seed's digest stays inside.
  ...(boot.issued === undefined
    ? {}
    : {
        issued: {
          hostname: boot.issued.hostname,
          image: boot.issued.image,
          at: formatTime(boot.issued.at),
        },
      }),
  ...(boot.problem === undefined ? {} : { problem: boot.problem }),
})

export const eventView = (stored: StoredEvent, facts: InventoryFacts): EventView => ({
  seq: stored.seq,
  at: formatTime(stored.at),
  machine: facts.machine(stored.machine)?.hostname ?? stored.machine,
  machineId: stored.machine,
  boot: stored.boot,
  mac: stored.mac,
  kind: stored.event.kind,
  text: eventText(stored.event),
  details: eventDetails(stored.event),
})
