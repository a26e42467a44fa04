import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../net/lab-process.ts'
import { debianProgram } from './programs.ts'

/** Files with a certificate and its private key, PEM. */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

/** Who a client certificate is for: Kubernetes reads the user from CN and the groups from O. */
export interface Subject {
  readonly name: string
  readonly groups?: readonly string[]
}

/** The cluster's one certificate authority: servers, clients and what the controllers sign. */
export interface Authority extends KeyPair {
  readonly pem: string
  readonly server: (file: string, addresses: readonly string[]) => Promise<KeyPair>
  readonly client: (file: string, subject: Subject) => Promise<KeyPair>
}

// openssl's own configuration would make every one of them an authority.
const configuration = `
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, digitalSignature
subjectKeyIdentifier = hash
[client]
basicConstraints = CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
`

export async function createAuthority(folder: string): Promise<Authority> {
  const openssl = debianProgram('openssl')
  const config = join(folder, 'openssl.cnf')
  writeFileSync(config, configuration)

  const create = async (file: string, subject: string, more: readonly string[]) => {
    const pair = { cert: join(folder, `${file}.crt`), key: join(folder, `${file}.key`) }
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
    const out = ['-subj', subject, '-days', '2', '-keyout', pair.key, '-out', pair.cert]
    await run([openssl, 'req', '-x509', '-config', config, ...newKey, ...out, ...more])
    return pair
  }

  const root = await create('ca', '/CN=lab authority', ['-extensions', 'authority'])
  const signed = ['-CA', root.cert, '-CAkey', root.key]

  const server: Authority['server'] = (file, addresses) => {
    const names = ['DNS:localhost', ...addresses.map((address) => `IP:${address}`)]
    return create(file, '/CN=kube-apiserver', [
      ...signed,
      ...['-addext', 'basicConstraints=CA:false', '-addext', 'extendedKeyUsage=serverAuth'],
      ...['-addext', `subjectAltName=${names.join(',')}`],
    ])
  }

  const client: Authority['client'] = (file, subject) =>
    create(file, distinguishedName(subject), [...signed, '-extensions', 'client'])

  return { ...root, pem: readFileSync(root.cert, 'utf8'), server, client }
}

/** As openssl's -subj takes it. */
export const distinguishedName = ({ name, groups = [] }: Subject): string =>
  [...groups.map((group) => `/O=${group}`), `/CN=${name}`].join('')
