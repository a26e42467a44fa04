import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { tokenGroup, tokenNamespace } from '../../../src/core/join-secret.ts'
import { kubeletSigner } from '../../../src/core/join-request.ts'
import { rbacManifest, type Subject } from '../../../src/serve/kubernetes/manifest.ts'

interface Rbac {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules?: readonly { readonly resources: readonly string[] }[]
  readonly subjects?: readonly object[]
}

const objects = (subject: Subject): readonly Rbac[] =>
  parseAllDocuments(rbacManifest(subject)).map((document) => document.toJS() as Rbac)

test('the same names as the program uses', () => {
  const all = objects({ kind: 'user', name: 'rollcall' })
  expect(all.map(({ kind }) => kind)).toEqual([
    ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding', 'ClusterRoleBinding'],
  ])
  expect(all[0]!.metadata.namespace).toBe(tokenNamespace)
  expect(all[2]!.rules).toContainEqual(expect.objectContaining({ resourceNames: [kubeletSigner] }))
  expect(all[4]!.subjects).toMatchObject([{ kind: 'Group', name: tokenGroup }])
})

test.each<[Subject, object]>([
  [
    { kind: 'user', name: 'x: "y"\n- z' },
    { apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'x: "y"\n- z' },
  ],
  [
    { kind: 'service-account', namespace: 'ops', name: 'rollcall' },
    { kind: 'ServiceAccount', namespace: 'ops', name: 'rollcall' },
  ],
])('both bindings are for %j', (subject, written) => {
  const [, role, , clusterRole, bootstrappers] = objects(subject)
  expect(role!.subjects).toEqual([written])
  expect(clusterRole!.subjects).toEqual([written])
  expect(bootstrappers!.subjects).not.toEqual([written])
})
