import type { TokenId } from '../values/ids.ts'
import type { ApiToken } from './api-token.ts'
import type { Decided } from './change.ts'
import type { TokenFacts } from './facts.ts'

/** One name, one token: by its name people choose which to revoke. */
export function planAddToken(facts: TokenFacts, token: ApiToken): Decided<'added' | 'name-taken'> {
  const isTaken = [...facts.apiTokens()].some(({ name }) => name === token.name)
  return isTaken
    ? { changes: [], result: 'name-taken' }
    : { changes: [{ kind: 'api-token.put', token }], result: 'added' }
}

/** The last token stays: without one nobody could make another. */
export function planRevokeToken(
  facts: TokenFacts,
  id: TokenId,
): Decided<'revoked' | 'not-found' | 'is-last'> {
  const tokens = [...facts.apiTokens()]
  if (!tokens.some((token) => token.id === id)) return { changes: [], result: 'not-found' }
  if (tokens.length === 1) return { changes: [], result: 'is-last' }
  return { changes: [{ kind: 'api-token.delete', id }], result: 'revoked' }
}
