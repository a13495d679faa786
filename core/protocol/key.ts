/**
 * A key as everybody may know it, and what can be done with it: an Ed25519 public key with the name
 * and the kind of its holder. Whoever holds the private half is the actor; human, agent or service
 * stands in this record and nowhere else (D-27).
 *
 * Signing and checking go through node:crypto with cached key objects, since this is the hot path.
 *
 * @module
 */
import { createHash, createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { JsonObject, JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import { Lanes } from './lanes.ts'
import type { Custody } from './op.ts'
import { Recent } from './recent.ts'

export type ActorKind = 'human' | 'agent' | 'service'

/** The public half as a JWK (RFC 8037), exactly these members. */
export interface PublicJwk {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  /** 32 bytes, base64url. */
  readonly x: string
}

export interface KeyRecord {
  /** JWK thumbprint (RFC 7638) of the public key. */
  readonly kid: string
  /** Name of the holder: lower case letters, digits, `.` and `-`. Unique in a workspace. */
  readonly actor: string
  readonly kind: ActorKind
  /** What a service's key is for, such as `keeper`; people and agents have none. One role per key. */
  readonly role?: string
  /** The one `alg` that a token of this key may name (D-8). */
  readonly alg: 'Ed25519'
  readonly publicKey: PublicJwk
  /** RFC 3339, UTC. */
  readonly createdAt: string
  /** Who could open the file: the same value for keys of one user on one machine (D-28). */
  readonly custody: string
  /**
   * Groups that quorums name, such as `ops`; sorted, each once. Whoever vouches says them, so nobody
   * puts themselves into one. Default: none.
   */
  readonly groups?: readonly string[]
  /** Whose key it is, when a person has several: quorums count people. Default: the actor. */
  readonly person?: string
}

/** Who stands behind a key. Two keys of one person are one voice. */
export function personOf({ person, actor }: Pick<KeyRecord, 'person' | 'actor'>): string {
  return person ?? actor
}

/** A key that can sign. Never leaves the process; has no way to show its private half. */
export interface Signer {
  readonly record: KeyRecord
  /** Ed25519 over the bytes, base64url. Thirty microseconds, in this thread. */
  sign(data: string): string
  /** For jose, which wants the key itself. Only `tokens.ts` asks. */
  readonly keyObject: KeyObject
}

export const actorNamePattern = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/

/**
 * Names that stand for something else in the trail: planes, whoever vouched for them, what judges.
 * A person of that name would read like one of those.
 */
export function isReservedName(actor: string): boolean {
  return reserved.has(actor) || actor.startsWith('service-')
}

const reserved: ReadonlySet<string> = new Set([
  'controller',
  'genesis',
  'keeper',
  'kernel',
  'ledger',
  'mirror',
  'orchestrator',
  'policy',
  'prov',
  'submitter',
  'system',
])

/** The thumbprint that names a public key everywhere. */
export function thumbprint(key: PublicJwk): string {
  const text = `{"crv":"${key.crv}","kty":"${key.kty}","x":"${key.x}"}`
  return createHash('sha256').update(text).digest('base64url')
}

/** Makes a signer of a 32 byte seed and its record. */
export function signerOf(record: KeyRecord, seed: Uint8Array): Signer {
  const d = Buffer.from(seed).toString('base64url')
  const keyObject = createPrivateKey({ key: { ...record.publicKey, d }, format: 'jwk' })
  return {
    record,
    keyObject,
    sign: (data) => sign(null, Buffer.from(data), keyObject).toString('base64url'),
  }
}

const publicObjects = new Map<string, KeyObject>()

/** The node:crypto key of a record, made once per public key. */
export function publicObject(key: PublicJwk): KeyObject {
  let object = publicObjects.get(key.x)
  if (!object) {
    object = createPublicKey({ key: { ...key }, format: 'jwk' })
    // A ring holds few keys; a flood of strangers' keys must not grow this without end.
    if (publicObjects.size >= 4_096) publicObjects.clear()
    publicObjects.set(key.x, object)
  }
  return object
}

/**
 * Signatures that were found good in this process, by what was checked: the key, the signature and
 * every byte under it. Planes of one process look at the same few thousand texts several times; the
 * answer to the same question cannot change, and whoever could make two questions with one SHA-256
 * could forge every digest of the contract as well. Bad ones are never kept, so a flood of them
 * displaces nothing; revocation is asked of the keyring, before this. What a pen of this process signed
 * with a key that was shown to fit is good by its making. About a megabyte at most.
 */
const found = new Recent<true>(4_096)
/** Checks under way: two planes that ask at once share one. */
const checking = new Map<string, Promise<boolean>>()
/** One of the pool's four threads at least is free for files, but where dozens of checks wait. */
const lanes = new Lanes(Math.min(3, availableParallelism()), 16)

function questionOf(key: PublicJwk, data: string, signature: string): string {
  // Both in front have one length each, so no text can be taken for another question.
  return hash('sha256', `${key.x}${signature}${data}`, 'base64')
}

/** Notes a signature that this process made itself, with a private key that was shown to fit. */
export function noteSigned(key: PublicJwk, data: string, signature: string): void {
  found.set(questionOf(key, data, signature), true)
}

/** The 64 bytes of a signature; undefined for any but the one canonical spelling of them. */
function signatureBytes(signature: string): Buffer | undefined {
  const bytes = Buffer.from(signature, 'base64url')
  // Buffer skips what is not base64url.
  return bytes.length === 64 && bytes.toString('base64url') === signature ? bytes : undefined
}

/** As `verifySignature`, asked anew each time. */
export function isGoodSignature(key: PublicJwk, data: string, signature: string): boolean {
  const bytes = signatureBytes(signature)
  return bytes !== undefined && verify(null, Buffer.from(data), publicObject(key), bytes)
}

/** True when the base64url signature is the key's over the text. False for anything malformed. */
export function verifySignature(key: PublicJwk, data: string, signature: string): boolean {
  const bytes = signatureBytes(signature)
  if (!bytes) return false
  const question = questionOf(key, data, signature)
  if (found.get(question)) return true
  const good = verify(null, Buffer.from(data), publicObject(key), bytes)
  if (good) found.set(question, true)
  return good
}

/** As `verifySignature`, on the thread pool: twice the rate when many are under way. */
export function verifySignatureLater(
  key: PublicJwk,
  data: string,
  signature: string,
): Promise<boolean> {
  const bytes = signatureBytes(signature)
  if (!bytes) return Promise.resolve(false)
  const question = questionOf(key, data, signature)
  if (found.get(question)) return Promise.resolve(true)
  const under = checking.get(question)
  if (under) return under
  const coming = new Promise<boolean>((resolve, reject) => {
    lanes.add((done) =>
      verify(null, Buffer.from(data), publicObject(key), bytes, (error, good) => {
        checking.delete(question)
        if (good) found.set(question, true)
        if (error) reject(error)
        else resolve(good)
        done()
      }),
    )
  })
  checking.set(question, coming)
  return coming
}

/** What two signatures prove about two people: `shared` when one user could have made both. */
export function custodyBetween(one: KeyRecord, other: KeyRecord): Custody {
  return one.custody === other.custody ? 'shared' : 'separate'
}

/** A public key record from unknown data; undefined unless it is one and its kid is its thumbprint. */
export function parseKeyRecord(value: JsonValue | undefined): KeyRecord | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const { kid, actor, kind, role, alg, publicKey, createdAt, custody, groups, person } =
    value as JsonObject
  const jwk = publicKey as JsonObject | undefined | null
  if (typeof jwk !== 'object' || jwk === null) return undefined
  const { kty, crv, x } = jwk
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string') return undefined
  if (!/^[A-Za-z0-9_-]{43}$/.test(x)) return undefined
  if (typeof actor !== 'string' || !actorNamePattern.test(actor)) return undefined
  if (kind !== 'human' && kind !== 'agent' && kind !== 'service') return undefined
  if (role !== undefined && typeof role !== 'string') return undefined
  if (alg !== 'Ed25519' || typeof createdAt !== 'string' || typeof custody !== 'string') {
    return undefined
  }
  const key: PublicJwk = { kty, crv, x }
  if (kid !== thumbprint(key)) return undefined
  if (groups !== undefined && !areGroups(groups)) return undefined
  if (person !== undefined && !(typeof person === 'string' && actorNamePattern.test(person))) {
    return undefined
  }
  const record = { kid, actor, kind, alg, publicKey: key, createdAt, custody } as const
  return defined({ ...record, role, groups, person })
}

/** One spelling of every membership, so that a record has one digest. */
function areGroups(value: JsonValue): value is string[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((name) => typeof name === 'string' && actorNamePattern.test(name)) &&
    value.every((name, at) => at === 0 || (value[at - 1] as string) < (name as string))
  )
}
