import { z } from '@hono/zod-openapi'
import type { Context, TypedResponse } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { Conflict, FieldProblem } from '../../core/inventory.ts'
import { StoreError } from '../../store/store.ts'

/** Every failure that the API tells, with the title that people see. */
const titles = {
  400: 'The request is malformed',
  401: 'A valid API token is needed',
  404: 'Not found',
  405: 'This resource does not do that',
  409: 'It conflicts with what is there',
  412: 'It has been changed meanwhile',
  413: 'The body is too large',
  415: 'The body has a media type that is not taken here',
  422: 'A value cannot be used',
  500: 'A fault of the server',
  503: 'The server cannot do that at the moment',
  507: 'The disk is full',
} as const
export type ProblemStatus = keyof typeof titles

/** RFC 9457. `type` stays `about:blank`: the status tells the kinds apart, the members tell the rest. */
const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.object({ field: z.string(), problem: z.string() }))
      .optional()
      .openapi({ description: 'the fields to change' }),
    conflicts: z
      .array(
        z.object({
          field: z.string(),
          value: z.string(),
          holder: z.string().openapi({ description: 'the hostname or the name of who has it' }),
        }),
      )
      .optional()
      .openapi({ description: 'the values that something else already has' }),
  })
  .openapi('Problem')
export type Problem = z.infer<typeof problemSchema>

type Members = Omit<Problem, 'type' | 'title' | 'status'>

export function problem<S extends ProblemStatus>(
  context: Context,
  status: S,
  members: Members | string,
): Response & TypedResponse<Problem, S, 'json'> {
  const body: Problem = {
    type: 'about:blank',
    title: titles[status],
    status,
    ...(typeof members === 'string' ? { detail: members } : members),
  }
  // `c.json` keeps a content type that is given.
  return context.json(body, status, { 'Content-Type': 'application/problem+json' })
}

/** 422: the request is well-formed, and these fields can't be taken. */
export const invalid = (context: Context, errors: readonly FieldProblem[]) =>
  problem(context, 422, {
    detail: errors.map(sentence).join('; '),
    errors: errors.map(({ field, problem: text }) => ({ field, problem: text })),
  })

/** 409: somebody else has these values. The detail names both sides. */
export const conflict = (context: Context, conflicts: readonly Conflict[]) =>
  problem(context, 409, {
    detail: conflicts.map((each) => each.problem).join('; '),
    conflicts: conflicts.map(({ field, value, holder }) => ({ field, value, holder })),
  })

const sentence = ({ field, problem: text }: FieldProblem) =>
  field === '' ? text : `${field}: ${text}`

/** The OpenAPI entry of each failure that a route can answer with, besides those of every route. */
export function problems<S extends ProblemStatus>(...statuses: readonly S[]) {
  const entry = (status: ProblemStatus) => ({
    description: titles[status],
    content: { 'application/problem+json': { schema: problemSchema } },
  })
  return Object.fromEntries(statuses.map((status) => [status, entry(status)])) as Record<
    S,
    ReturnType<typeof entry>
  >
}

/** What any request under /api can meet. */
export const always = [401, 500, 503] as const

/** The one place where what was thrown becomes an answer. */
export function thrown(context: Context, error: Error, log: (error: Error) => void): Response {
  if (error instanceof HTTPException) {
    const status = error.status as number
    if (status === 415) {
      const sent = context.req.header('content-type') ?? 'none'
      return problem(context, 415, `the body's Content-Type is ${sent}; send application/json`)
    }
    if (status === 400) return problem(context, 400, error.message)
  }
  log(error)
  if (error instanceof StoreError) return problem(context, 503, error.message)
  return problem(context, 500, 'the server has logged what went wrong')
}
