/**
 * What the journal says about its ledger: whose key signs there, and which event has which digest. From
 * the events, wherever they come from.
 *
 * @module
 */
import { createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { eventDigest, Keyring } from 'prov'
import type { AuditEvent } from 'prov'

export interface JournalSide {
  /** Public key of the ledger, as it was enrolled; undefined before that. */
  readonly key: KeyObject | undefined
  /** Digests of the events by emitter; event n at index n - 1. */
  readonly digests: ReadonlyMap<string, readonly string[]>
}

export async function journalSide(
  events: Iterable<AuditEvent> | AsyncIterable<AuditEvent>,
  /** Root of the journal, and the workspace's name. */
  whose: { readonly journal: string; readonly workspace: string },
): Promise<JournalSide> {
  const keyring = new Keyring(whose)
  const digests = new Map<string, string[]>()
  for await (const event of events) {
    keyring.take(event)
    const list = digests.get(event.emitter)
    if (list) list.push(eventDigest(event))
    else digests.set(event.emitter, [eventDigest(event)])
  }
  const record = keyring.service('ledger')
  const key = record && createPublicKey({ key: { ...record.publicKey }, format: 'jwk' })
  return { key, digests }
}
