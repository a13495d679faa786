/**
 * Is this event what its emitter signed? Asked before anything goes into the ledger, and before two
 * events are called a fork: a forged one must be able to stop nothing.
 *
 * @module
 */
import { auditErrors, canonicalJson, eventDigest, verifySignature } from 'prov'
import type { AuditEvent, JsonObject, KeyRecord, ProvError } from 'prov'
import type { LedgerEntry } from './message.ts'

/** What is wrong with it: PROV_AUDIT_UNKNOWN_KEY, PROV_AUDIT_FORGED; undefined when nothing is. */
export function faultOf(
  event: AuditEvent,
  options: {
    readonly workspace: string
    readonly key: (kid: string) => KeyRecord | undefined
  },
): ProvError | undefined {
  const { emitter, n, kid, signature, ...rest } = event
  const record = options.key(kid)
  if (record?.role !== emitter || event.workspace !== options.workspace) {
    return auditErrors.PROV_AUDIT_UNKNOWN_KEY({ emitter, n, kid })
  }
  const text = canonicalJson({ emitter, n, kid, ...rest } as unknown as JsonObject)
  if (verifySignature(record.publicKey, text, signature)) return undefined
  return auditErrors.PROV_AUDIT_FORGED({ emitter, n })
}

/** The event as it goes into the ledger. */
export function ledgerEntry(event: AuditEvent, streamSequence?: number): LedgerEntry {
  const text = canonicalJson(event as unknown as JsonObject)
  const digest = eventDigest(event)
  return { event, text, digest, ...(streamSequence !== undefined && { streamSequence }) }
}
