/**
 * One emitter's pen: the next audit event of a plane, numbered without a gap, bound to the one
 * before it by digest, signed. And the reader's side: what makes a trail good.
 *
 * `entry` counts on: whoever takes one appends it next, in the order of the calls. Planes take it
 * inside the kernel's `records` hook, which runs in the same turn as the append. An append that
 * fails ends the journal, so no number is lost by it.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { canonicalJson, digestOf, digestOfText, withText } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { Bytes, Count } from '../units.ts'
import type { AuditData, AuditEvent, AuditType, Emitter } from './audit.ts'
import { auditErrors } from './errors.ts'
import { noteSigned, verifySignature } from './key.ts'
import type { PublicJwk, Signer } from './key.ts'

/** What a plane wants to say. */
export interface AuditDraft<T extends AuditType = AuditType> {
  readonly type: T
  /** Op id, actor name or file. */
  readonly subject: string
  readonly data: AuditData[T]
  /** Default: the subject. */
  readonly correlation?: string | undefined
  /** Id of the event or message that led to it. */
  readonly causation?: string | undefined
}

/** Where a chain ends. */
export interface ChainEnd {
  readonly n: Count
  readonly digest: string | null
}

export interface AuditEmitter {
  readonly role: Emitter
  /** The next event as a journal entry; see above. Throws PROV_AUDIT_TOO_LARGE and what `may` throws, then nothing is counted. */
  entry<T extends AuditType>(draft: AuditDraft<T>): JournalEntry & { readonly event: AuditEvent<T> }
  readonly end: ChainEnd
  /** Signs with another key from the next entry on. */
  resign(signer: Signer): void
}

export interface EmitterOptions {
  readonly role: Emitter
  readonly workspace: string
  readonly epoch: Count
  readonly signer: Signer
  readonly clock: Clock
  readonly end: ChainEnd
  /** Throws while nothing may be said. Default: it always may. */
  readonly may?: (() => void) | undefined
}

const limitBytes: Bytes = 262_144

export function auditEmitter(options: EmitterOptions): AuditEmitter {
  const { role, workspace, epoch, clock, may } = options
  let { signer } = options
  let { n, digest } = options.end
  /** Whether what it signs is good under the key that its record shows: asked once. */
  let proven: boolean | undefined
  return {
    role,
    get end() {
      return { n, digest }
    },
    resign(other) {
      signer = other
      proven = undefined
    },
    entry<T extends AuditType>(draft: AuditDraft<T>) {
      may?.()
      const unsigned = {
        specversion: '1.0',
        id: `${role}:${epoch}:${n + 1}`,
        source: `prov/${workspace}/${role}`,
        type: `prov.${draft.type}`,
        subject: draft.subject,
        time: new Date(clock.now()).toISOString(),
        datacontenttype: 'application/json',
        workspace,
        correlationid: draft.correlation ?? draft.subject,
        ...(draft.causation !== undefined && { causationid: draft.causation }),
        emitter: role,
        epoch,
        n: n + 1,
        prev: digest,
        kid: signer.record.kid,
        data: draft.data,
      } as const
      const [before, after] = halves(unsigned as unknown as JsonObject)
      const signed = `{${before},${after}}`
      if (signed.length > limitBytes) {
        const bytes = Buffer.byteLength(signed)
        throw auditErrors.PROV_AUDIT_TOO_LARGE({ type: draft.type, bytes, limitBytes })
      }
      const signature = signer.sign(signed)
      const event = { ...unsigned, signature } as unknown as AuditEvent<T>
      const json = `{${before},"signature":${JSON.stringify(signature)},${after}}`
      n++
      digest = digestOfText(json)
      const { publicKey } = signer.record
      proven ??= verifySignature(publicKey, signed, signature)
      if (proven) noteSigned(publicKey, signed, signature)
      made.set(withText(event, json), { signed, digest, key: proven ? publicKey.x : undefined })
      return { partition: role, type: 'audit', body: event as unknown as JsonObject, json, event }
    },
  }
}

/**
 * Texts of events that were made here. They are frozen to the last leaf, so whoever holds one holds
 * what was signed; events that came from elsewhere are spelled anew each time.
 */
const made = new WeakMap<
  AuditEvent,
  {
    readonly signed: string
    readonly digest: string
    /** The key that signed it here, when its halves belong together. */
    readonly key: string | undefined
  }
>()

/**
 * True for the very object that a pen of this process made and signed with that key. To check the
 * signature as well would ask whether this process can sign, and that was asked of the first one. What
 * was read back, heard or copied is another object and never true.
 */
export function isSignedHere(event: AuditEvent, { x }: PublicJwk): boolean {
  return made.get(event)?.key === x
}

/** Digest of the whole event: what the next one of its emitter names as `prev`. */
export function eventDigest(event: AuditEvent): string {
  return made.get(event)?.digest ?? digestOf(event as unknown as JsonObject)
}

/** Both at once, for whoever wants both of an event that came from elsewhere: one pass over it. */
export function spelled(event: AuditEvent): { readonly signed: string; readonly digest: string } {
  const known = made.get(event)
  if (known) return known
  const { signature, ...unsigned } = event
  const [before, after] = halves(unsigned as unknown as JsonObject)
  const json = `{${before},"signature":${JSON.stringify(signature)},${after}}`
  return { signed: `{${before},${after}}`, digest: digestOfText(json) }
}

/** The text that an event's signature is over. */
export function signedText(event: AuditEvent): string {
  const known = made.get(event)
  if (known) return known.signed
  const { signature: _, ...unsigned } = event
  return canonicalJson(unsigned as unknown as JsonObject)
}

/** Canonical members before and behind the place of `signature`, so that both texts cost one pass. */
function halves(unsigned: JsonObject): readonly [string, string] {
  let before = ''
  let after = ''
  for (const name of Object.keys(unsigned).sort()) {
    const value = unsigned[name]
    if (value === undefined) continue
    const member = `${JSON.stringify(name)}:${canonicalJson(value)}`
    if (name < 'signature') before += before === '' ? member : `,${member}`
    else after += after === '' ? member : `,${member}`
  }
  return [before, after]
}

/** An audit event from unknown data, as far as its envelope goes. Throws PROV_AUDIT_MALFORMED. */
export function parseAuditEvent(value: JsonValue, where: string): AuditEvent {
  const refuse = (what: string) => auditErrors.PROV_AUDIT_MALFORMED({ where, what })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw refuse('it is not an object')
  }
  const event = value as JsonObject
  const texts = ['id', 'source', 'type', 'subject', 'time', 'workspace', 'emitter', 'kid'] as const
  for (const name of [...texts, 'correlationid', 'signature'] as const) {
    if (typeof event[name] !== 'string') throw refuse(`${name} is not a text`)
  }
  if (event['specversion'] !== '1.0') throw refuse('specversion is not 1.0')
  if (!Number.isSafeInteger(event['n']) || !Number.isSafeInteger(event['epoch'])) {
    throw refuse('n or epoch is not a whole number')
  }
  if (event['prev'] !== null && typeof event['prev'] !== 'string')
    throw refuse('prev is not a text')
  const { data } = event
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw refuse('data is not an object')
  }
  return event as unknown as AuditEvent
}
