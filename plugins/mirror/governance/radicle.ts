/**
 * Where a repository is one of Radicle as well: do its delegates and its threshold there say the same?
 * Read from Radicle's storage with git, so it needs no `rad` and no running node.
 *
 *     <RAD_HOME or ~/.radicle>/storage/<rid>   refs/rad/id : embeds/radicle.json
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import fs from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Count, ProvError } from 'prov'
import { mirrorErrors } from '../errors.ts'
import type { RepositoryPlace } from './places.ts'
import { keysOf } from './signers.ts'
import type { Signers } from './signers.ts'

export type Environment = Readonly<Record<string, string | undefined>>

interface Identity {
  readonly delegates: readonly string[]
  readonly threshold: Count
}

const identityRef = 'refs/rad/id'
const identityFile = 'embeds/radicle.json'

/** Undefined: both say the same. A text: why nothing was compared. An error: PROV_GOVERNANCE_RADICLE. */
export async function compareWithRadicle(
  { name, path }: RepositoryPlace,
  options: { readonly gitdir: string; readonly signers: Signers; readonly env: Environment },
): Promise<string | ProvError | undefined> {
  const { gitdir, signers, env } = options
  const storage = await storageOf(gitdir, env)
  if (storage === undefined) return 'not compared with Radicle: it has no remote rad://'
  if (!existsSync(storage)) return `not compared with Radicle: ${storage} is not here`
  const place = { file: path }
  const refuse = (what: string) =>
    mirrorErrors.PROV_GOVERNANCE_RADICLE({ repository: name, what }, { place })
  const identity = await identityIn(storage)
  if (!identity) return refuse(`${storage} has no ${identityFile} at ${identityRef}`)
  const here = keysOf(signers).map(didOf)
  const apart = [
    ...here.filter((did) => !identity.delegates.includes(did)).map((did) => `${did} is none there`),
    ...identity.delegates.filter((did) => !here.includes(did)).map((did) => `${did} is none here`),
    ...(signers.threshold === undefined || signers.threshold === identity.threshold
      ? []
      : [`the threshold is ${identity.threshold} there, ${signers.threshold} here`]),
  ]
  return apart.length === 0 ? undefined : refuse(apart.join('; '))
}

/** The repository itself when it is one of the storage, else where its remote lies. */
async function storageOf(gitdir: string, env: Environment): Promise<string | undefined> {
  const { default: git } = await import('isomorphic-git')
  const own = await git.resolveRef({ fs, gitdir, ref: identityRef }).catch(() => undefined)
  if (own !== undefined) return gitdir
  const url: unknown = await git.getConfig({ fs, gitdir, path: 'remote.rad.url' })
  const rid = /^rad:\/\/(z[1-9A-HJ-NP-Za-km-z]+)/.exec(String(url))?.[1]
  if (rid === undefined) return undefined
  const home = env['RAD_HOME'] ?? join(homedir(), '.radicle')
  return join(home, 'storage', rid)
}

async function identityIn(gitdir: string): Promise<Identity | undefined> {
  const { default: git } = await import('isomorphic-git')
  try {
    const oid = await git.resolveRef({ fs, gitdir, ref: identityRef })
    const { blob } = await git.readBlob({ fs, gitdir, oid, filepath: identityFile })
    const { delegates, threshold } = JSON.parse(Buffer.from(blob).toString('utf8')) as Identity
    const good = Array.isArray(delegates) && Number.isSafeInteger(threshold)
    return good ? { delegates, threshold } : undefined
  } catch {
    return undefined
  }
}

const ed25519 = [0xed, 0x01]
const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** The key as Radicle writes it: base58 of the multicodec of Ed25519 and the 32 bytes. */
function didOf(key: KeyObject): string {
  const raw = Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url')
  let number = BigInt(`0x${Buffer.from([...ed25519, ...raw]).toString('hex')}`)
  let text = ''
  for (; number > 0n; number /= 58n) text = `${alphabet[Number(number % 58n)]}${text}`
  return `did:key:z${text}`
}
