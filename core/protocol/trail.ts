/**
 * Is a trail of audit events whole and genuine? The same question for the journal, for the ledger
 * and for a file that somebody sent: everything needed stands in the events themselves.
 *
 * @module
 */
import type { ProvError } from '../errors.ts'
import type { JournalReader, JournalRecord } from '../journal/journal.ts'
import type { Count } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import { CheckThreads } from './check-threads.ts'
import { parseAuditEvent, spelled } from './emitter.ts'
import { auditErrors } from './errors.ts'
import { verifySignatureLater } from './key.ts'
import { Keyring } from './keyring.ts'
import { heardType } from './planes.ts'

/** Up to here signatures are checked on the pool, where what this process knows costs nothing. */
const few: Count = 1_024

export interface TrailReport {
  readonly events: Count
  /** Where each emitter's chain ends, by name: what a witness outside may remember. */
  readonly ends: Readonly<Record<string, { readonly n: Count; readonly digest: string }>>
  /** PROV_AUDIT_* errors, in order of the trail; empty means good. */
  readonly findings: readonly ProvError[]
  readonly keyring: Keyring
}

/**
 * Checks numbers, chain, keys and signatures. Events of one emitter must come in order, and the
 * enrolment of a plane's key before its first other event; beyond that emitters may be mixed in any
 * way. Every finding is reported, not only the first.
 */
export async function verifyTrail(
  source: AsyncIterable<AuditEvent> | Iterable<AuditEvent>,
  /** `journal`: the id that the history began with. */
  options: { readonly journal: string; readonly workspace: string },
): Promise<TrailReport> {
  const found: { readonly at: Count; readonly error: ProvError }[] = []
  const keyring = new Keyring(options)
  const ends: Record<string, { n: Count; digest: string }> = {}
  const waiting: Promise<void>[] = []
  const threads = new CheckThreads()
  let events = 0
  const enter = async (event: AuditEvent): Promise<void> => {
    const at = events++
    const find = (error: ProvError): void => void found.push({ at, error })
    const { emitter, n } = event
    const end = ends[emitter]
    if (n !== (end?.n ?? 0) + 1) {
      const expected = (end?.n ?? 0) + 1
      find(auditErrors.PROV_AUDIT_GAP({ emitter, expected, found: n }))
    } else if (event.prev !== (end?.digest ?? null)) {
      find(auditErrors.PROV_AUDIT_CHAIN({ emitter, n }))
    }
    const { signed, digest } = spelled(event)
    ends[emitter] = { n, digest }
    // A plane's first event enrols its own key, so the ring is asked after the event was entered.
    const refused = keyring.take(event)
    if (refused !== undefined) {
      find(auditErrors.PROV_AUDIT_MALFORMED({ where: event.id, what: refused }))
    }
    const record = keyring.emits(event)
    if (!record || event.workspace !== options.workspace) {
      return find(auditErrors.PROV_AUDIT_UNKNOWN_KEY({ emitter, n, kid: event.kid }))
    }
    const { publicKey } = record
    const forged = (): void => find(auditErrors.PROV_AUDIT_FORGED({ emitter, n }))
    if (events > few) await threads.add([publicKey, signed, event.signature], forged)
    else {
      const good = verifySignatureLater(publicKey, signed, event.signature)
      waiting.push(good.then((holds) => (holds ? undefined : forged())))
    }
  }
  try {
    for await (const event of inReach(source, keyring)) await enter(event)
    await Promise.all(waiting)
    await threads.settled()
  } finally {
    await threads.close()
  }
  // What a signature is like is known later than the rest.
  const findings = found.toSorted((one, two) => one.at - two.at).map(({ error }) => error)
  return { events, ends, findings, keyring }
}

/**
 * A plane's next key is believed by what other planes said, and their order among each other is free:
 * the rest of that plane's events comes once it can be judged, at the latest in the end.
 */
async function* inReach(
  source: AsyncIterable<AuditEvent> | Iterable<AuditEvent>,
  keyring: Keyring,
): AsyncGenerator<AuditEvent> {
  const later = new Map<string, AuditEvent[]>()
  const first = () => [...later.values()].find(([event]) => event && keyring.isReady(event))
  for await (const event of source) {
    const queue = later.get(event.emitter)
    if (queue) queue.push(event)
    else if (keyring.isReady(event)) yield event
    else later.set(event.emitter, [event])
    for (let ready = first(); ready; ready = first()) {
      const next = ready.shift() as AuditEvent
      if (ready.length === 0) later.delete(next.emitter)
      yield next
    }
  }
  for (const queue of later.values()) yield* queue
}

/** Audit events of a journal in order; of one operation when asked for. Needs no lock. */
export async function* auditEvents(
  journal: JournalReader,
  options: { readonly op?: string | undefined } = {},
): AsyncGenerator<AuditEvent> {
  for await (const record of journal.read()) {
    const event = eventIn(record)
    if (!event) continue
    if (options.op === undefined || event.correlationid === options.op) yield event
  }
}

/** The event that a record holds, said here or heard from elsewhere; undefined for other records. */
export function eventIn(record: JournalRecord): AuditEvent | undefined {
  return record.type === 'audit' || record.type === heardType ? eventOfRecord(record) : undefined
}

/** The event in an audit record. Throws PROV_AUDIT_MALFORMED with its position. */
export function eventOfRecord(record: JournalRecord): AuditEvent {
  return parseAuditEvent(record.body, `record ${record.position}`)
}
