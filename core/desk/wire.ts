/**
 * What goes between a person on another machine and the desk of a plane: one signed request, one signed
 * answer that names it. The server in between is nobody's witness.
 *
 *     request   who asks whom what, in which life of the plane, a nonce, until when    signed by the person
 *     answer    digest of that very request, the end or the error                      signed by the plane
 *
 * @module
 */
import { gunzipSync, gzip } from 'node:zlib'
import { promisify } from 'node:util'
import { canonicalJson } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { ErrorReport } from '../errors.ts'
import type { KeyRecord, Signer } from '../protocol/key.ts'
import type { PlaneName } from '../protocol/planes.ts'
import { answerLimitBytes, isObject, parsedLine } from '../socket/wire.ts'
import type { Count, Millis } from '../units.ts'

/** Changes when an older one would misunderstand. */
export const deskVersion: Count = 1

/** One life of the process at a desk: what was said to another one does not count. */
export interface Life {
  readonly journal: string
  readonly epoch: Count
}

/** How far the chain of each plane was heard: whoever answers must have heard as much. */
export type Heads = Readonly<Record<string, Count>>

/** What is signed of a request. */
export interface Asked {
  readonly prov: 'desk'
  readonly version: Count
  readonly workspace: string
  readonly plane: PlaneName
  /** Absent: whoever is there may answer; for what names no life. */
  readonly life?: Life
  readonly do: string
  readonly with: JsonObject
  /** What earlier answers rested on: nobody is told less than they were told before. */
  readonly knows: Heads
  readonly nonce: string
  /** When it was signed and until when somebody waits, by the clock of who asks. */
  readonly at: Millis
  readonly until: Millis
}

/** What is signed of an answer. */
export interface Answered extends Life {
  readonly prov: 'desk'
  readonly version: Count
  readonly workspace: string
  readonly plane: PlaneName
  /** Digest of the request's text. */
  readonly to: string
  readonly heads: Heads
  readonly end?: JsonValue
  readonly error?: ErrorReport
}

export interface Signed<T> {
  readonly said: T
  readonly kid: string
  readonly signature: string
  /** Under the signature. */
  readonly text: string
}

/** Nothing that is signed as one can be taken for the other, nor for a token. */
const heads = { request: 'prov desk request 1\n', answer: 'prov desk answer 1\n' } as const
type Kind = keyof typeof heads

export function sign(kind: Kind, said: Asked | Answered, signer: Signer): string {
  const whole = { ...said, kid: signer.record.kid } as unknown as JsonObject
  const signature = signer.sign(`${heads[kind]}${canonicalJson(whole)}`)
  return JSON.stringify({ ...whole, signature })
}

/** What a text says and who says so, before anybody checked it; undefined when it has no such form. */
export function read(kind: Kind, text: string): Signed<JsonObject> | undefined {
  const { signature, ...whole } = parsedLine(text) ?? {}
  const { kid, ...said } = whole
  if (typeof kid !== 'string' || typeof signature !== 'string' || said['prov'] !== 'desk') {
    return undefined
  }
  return { said, kid, signature, text: `${heads[kind]}${canonicalJson(whole)}` }
}

export function askedIn(said: JsonObject): Asked | undefined {
  const { version, workspace, plane, life, do: name, with: given, knows, nonce, at, until } = said
  const texts = [workspace, plane, name].every((one) => typeof one === 'string')
  const counts = [version, at, until].every(Number.isSafeInteger)
  const lives = life === undefined || isLife(life)
  const fresh = typeof nonce === 'string' && /^[\w-]{22}$/.test(nonce)
  if (!texts || !counts || !lives || !fresh || !isObject(given) || !areHeads(knows)) {
    return undefined
  }
  return said as unknown as Asked
}

export function answeredIn(said: JsonObject): Answered | undefined {
  const { version, workspace, plane, to, heads, end, error } = said
  const texts = [workspace, plane, to].every((one) => typeof one === 'string')
  const ends = end !== undefined || isObject(error)
  if (!texts || !Number.isSafeInteger(version) || !isLife(said) || !ends || !areHeads(heads)) {
    return undefined
  }
  return said as unknown as Answered
}

function areHeads(value: JsonValue | undefined): boolean {
  return isObject(value) && Object.values(value).every(Number.isSafeInteger)
}

function isLife(value: JsonValue): boolean {
  const { journal, epoch } = Object(value) as Record<string, unknown>
  return typeof journal === 'string' && Number.isSafeInteger(epoch)
}

/** Which key of a workspace speaks for a plane. */
export const speakers: Readonly<Record<PlaneName, NonNullable<KeyRecord['role']>>> = {
  submitter: 'submitter',
  keeper: 'keeper',
  controller: 'controller',
  mirror: 'ledger',
}

const pressed = promisify(gzip)

/** Read models are long and say the same words often. */
export const pack = (text: string): Promise<Uint8Array> => pressed(text)

/** Undefined for what is no packed text, or would be too long. */
export function unpack(data: Uint8Array): string | undefined {
  try {
    return gunzipSync(data, { maxOutputLength: answerLimitBytes }).toString('utf8')
  } catch {
    return undefined
  }
}
