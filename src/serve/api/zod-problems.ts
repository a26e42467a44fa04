import type { z } from '@hono/zod-openapi'
import type { FieldProblem } from '../../core/inventory.ts'

type Issue = z.core.$ZodIssue

/** zod's findings in this API's words: the field as people write it, and what to change. */
export const zodProblems = (error: z.ZodError): readonly FieldProblem[] =>
  error.issues.flatMap((issue) => describe(issue, issue.path))

function describe(issue: Issue, path: readonly PropertyKey[]): readonly FieldProblem[] {
  const field = formatPath(path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        field: formatPath([...path, key]),
        problem: issue.message,
      }))
    case 'invalid_type':
      if (issue.message.endsWith('received undefined')) return [{ field, problem: 'is missing' }]
      return [{ field, problem: `must be ${article(issue.expected)}` }]
    case 'invalid_value':
      return [
        {
          field,
          problem: `must be ${issue.values.map((value) => `'${String(value)}'`).join(' or ')}`,
        },
      ]
    case 'too_big':
    case 'too_small':
      return [{ field, problem: size(issue) }]
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((inner) => describe(inner, path))
    case 'custom':
    case 'invalid_format':
    case 'invalid_union':
    case 'not_multiple_of':
      return [{ field, problem: issue.message }]
  }
}

const formatPath = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`
    return text === '' ? String(step) : `${text}.${String(step)}`
  }, '')

const article = (type: string): string => {
  if (type === 'int') return 'a whole number'
  if (type === 'record') return 'an object'
  return /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`
}

function size(issue: Extract<Issue, { code: 'too_big' | 'too_small' }>): string {
  const [word, bound] =
    issue.code === 'too_big' ? ['at most', issue.maximum] : ['at least', issue.minimum]
  const units: Readonly<Record<string, string>> = { string: ' characters', array: ' entries' }
  const unit = units[issue.origin]
  if (unit === undefined) return `must be ${word} ${bound}`
  return issue.code === 'too_small' && bound === 1
    ? 'is empty'
    : `must have ${word} ${bound}${unit}`
}
