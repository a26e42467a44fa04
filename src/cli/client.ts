import type { Problem } from '../serve/api/problem.ts'

/** The server said no, and why. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly problem: Problem

  constructor(problem: Problem, message = problemText(problem)) {
    super(message)
    this.status = problem.status
    this.problem = problem
  }
}

/** Nobody answered, or somebody who is not rollcall. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable'
}

export interface Answer<T> {
  readonly status: number
  readonly body: T
  readonly etag: string | undefined
}

export interface ApiClient {
  readonly server: string
  readonly get: <T>(path: string) => Promise<T>
  /** @throws ApiError, Unreachable */
  readonly send: <T>(method: string, path: string, sent?: Sent) => Promise<Answer<T>>
  /** The response as it comes, for streams. */
  readonly open: (path: string, headers: Headers, signal: AbortSignal) => Promise<Response>
}

type Headers = Readonly<Record<string, string>>

export interface Sent {
  /** Goes out as JSON. */
  readonly json?: unknown
  /** Goes out as it is. */
  readonly bytes?: Blob
  readonly headers?: Headers
}

/** @param source where the token was found, for people whose token is refused */
export function apiClient(server: string, token: string, source?: string): ApiClient {
  const request = async (path: string, init: RequestInit): Promise<Response> => {
    let response: Response
    try {
      response = await fetch(`${server}/api/v1${path}`, {
        ...init,
        headers: { authorization: `Bearer ${token}`, ...(init.headers as Headers) },
      })
    } catch (error) {
      throw new Unreachable(
        `${server} does not answer: ${reason(error)}; is "rollcall serve" running there?`,
      )
    }
    if (response.ok) return response
    throw await failure(response, server, source)
  }

  const send = async <T>(
    method: string,
    path: string,
    { json, bytes, headers = {} }: Sent = {},
  ): Promise<Answer<T>> => {
    const body = bytes ?? (json === undefined ? undefined : JSON.stringify(json))
    const type = bytes ? 'application/octet-stream' : 'application/json'
    const response = await request(path, {
      method,
      headers: { ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { body }),
    })
    const etag = response.headers.get('etag') ?? undefined
    const answer = response.status === 204 ? undefined : await response.json()
    return { status: response.status, body: answer as T, etag }
  }

  return {
    server,
    get: async <T>(path: string) => (await send<T>('GET', path)).body,
    send,
    open: (path, headers, signal) => request(path, { headers, signal }),
  }
}

async function failure(
  response: Response,
  server: string,
  source: string | undefined,
): Promise<ApiError | Unreachable> {
  const text = await response.text()
  if (response.headers.get('content-type')?.startsWith('application/problem+json')) {
    const problem = JSON.parse(text) as Problem
    if (problem.status !== 401) return new ApiError(problem)
    const token = source === undefined ? 'the API token' : `the API token from ${source}`
    return new ApiError(problem, `${token} is not known at ${server}; it may have been revoked`)
  }
  return new Unreachable(`${server} answers ${response.status}, but not as rollcall does`)
}

/** The detail, which names the fields; each on a line of its own where there are several. */
function problemText({ detail, errors = [] }: Problem): string {
  if (errors.length < 2) return detail
  return [
    `${errors.length} values cannot be used:`,
    ...errors.map(({ field, problem }) => `  ${field}: ${problem}`),
  ].join('\n')
}

/** undici says "fetch failed" and hides the reason one level down, or two. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof AggregateError) return reason(error.errors[0])
  if (error.cause !== undefined) return reason(error.cause)
  return error.message
}
