import { readFileSync } from 'node:fs'

/** Who rollcall is to the cluster. */
export type Subject =
  | { readonly kind: 'user'; readonly name: string }
  | { readonly kind: 'service-account'; readonly namespace: string; readonly name: string }

const user = `  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: rollcall
`

/** The RBAC objects that rollcall needs, in YAML, for that subject. */
export function rbacManifest(subject: Subject): string {
  const text = readFileSync(new URL('rbac.yaml', import.meta.url), 'utf8')
  return text.replaceAll(user, subjectYaml(subject))
}

/** JSON strings are YAML strings: whatever the name, it stays one. */
function subjectYaml(subject: Subject): string {
  const name = JSON.stringify(subject.name)
  return subject.kind === 'user'
    ? user.replace('name: rollcall', `name: ${name}`)
    : `  - kind: ServiceAccount\n    namespace: ${JSON.stringify(subject.namespace)}\n    name: ${name}\n`
}
