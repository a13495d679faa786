/**
 * Which key a plane signs with, and from which of its events on (D-39). A key follows another in three
 * steps, each an event, so that there is no moment in which two of them count or none does:
 *
 *     key.offered    the keeper says it, people signed it
 *     key.confirmed  the controller has it: it knows both from here on
 *     key.rotated    the new key's first word, with the confirmation inside
 *
 * The order is that of the plane's own chain: number n was signed by the key of that tenure or it does
 * not count, however late it comes and whoever still holds the old file.
 *
 * @module
 */
import type { JsonObject } from '../json.ts'
import type { Count } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AuditEvent } from './audit.ts'
import { parseAuditEvent, signedText } from './emitter.ts'
import { verifySignature } from './key.ts'
import type { KeyRecord } from './key.ts'

interface Tenure {
  readonly record: KeyRecord
  /** Number of the first event that it signed. */
  readonly from: Count
}

export class Tenures {
  readonly #of = new Map<string, Tenure[]>()
  readonly #offered = new Map<string, KeyRecord>()
  readonly #confirmed = new Map<string, AuditEvent<'key.confirmed'>>()

  /** The first key of a role. */
  begin(role: string, record: KeyRecord): void {
    // A plane may have said nothing at all before another key follows.
    this.#of.set(role, [{ record, from: 0 }])
  }

  /** The key of a role now. */
  current(role: string): KeyRecord | undefined {
    return this.#of.get(role)?.at(-1)?.record
  }

  /** The key that is to follow, until it does. */
  offered(role: string): KeyRecord | undefined {
    return this.#offered.get(role)
  }

  /** What the controller said of the key that is to follow, once it did. */
  confirmation(role: string): AuditEvent<'key.confirmed'> | undefined {
    const event = this.#confirmed.get(role)
    return event && event.data.kid === this.#offered.get(role)?.kid ? event : undefined
  }

  /** Also ahead of the offer: between planes that live apart the two come in any order. */
  confirm(event: AuditEvent<'key.confirmed'>): void {
    const { role, kid } = event.data
    if (event.emitter !== 'controller' || this.#confirmed.get(role)?.data.kid === kid) return
    this.#confirmed.set(role, event)
  }

  /** True when the event means something here: its offer and who confirmed it are known. */
  isReady({ data }: AuditEvent<'key.rotated'>): boolean {
    const { role, kid, confirmation } = data
    const { emitter, kid: by, n } = Object(confirmation) as AuditEvent
    const offered = this.#offered.get(role)?.kid === kid || this.current(role)?.kid === kid
    return offered && emitter === 'controller' && this.signer(emitter, by, n) !== undefined
  }

  /** True for a plane's key that another one followed. */
  retired(kid: string): boolean {
    for (const [role, tenures] of this.#of) {
      if (this.current(role)?.kid !== kid && tenures.some(({ record }) => record.kid === kid)) {
        return true
      }
    }
    return false
  }

  /** The key, when it may have signed that event of its role; the offered one for what comes next. */
  signer(role: string, kid: string, n: Count): KeyRecord | undefined {
    const tenures = this.#of.get(role) ?? []
    const at = tenures.findIndex(({ record }) => record.kid === kid)
    if (at < 0) {
      const next = this.#offered.get(role)
      return next?.kid === kid && n > (tenures.at(-1)?.from ?? 0) ? next : undefined
    }
    const { record, from } = tenures[at] as Tenure
    const until = tenures[at + 1]?.from ?? Infinity
    return n >= from && n < until ? record : undefined
  }

  offer(role: string, record: KeyRecord): void {
    this.#offered.set(role, record)
  }

  /** Lets the offered key follow, or says why not; answers with its record then. */
  rotate({ data, kid, n }: AuditEvent<'key.rotated'>): KeyRecord | string {
    const { role, from, confirmation } = data
    const next = this.#offered.get(role)
    const tenures = this.#of.get(role)
    if (!next || !tenures || next.kid !== data.kid || kid !== data.kid) return 'it was not offered'
    if (this.current(role)?.kid !== from) return 'it follows another key'
    const refused = this.#refusesConfirmation(confirmation, role, next.kid)
    if (refused !== undefined) return refused
    this.#offered.delete(role)
    this.#confirmed.delete(role)
    tenures.push({ record: next, from: n })
    return next
  }

  #refusesConfirmation(given: unknown, role: string, kid: string): string | undefined {
    try {
      const event = parseAuditEvent(given as JsonObject, 'a confirmation')
      const key = event.emitter === 'controller' && this.signer('controller', event.kid, event.n)
      const good = key && verifySignature(key.publicKey, signedText(event), event.signature)
      if (!good || !isAudit(event, 'key.confirmed')) return 'the controller did not confirm it'
      const { role: of, kid: confirmed } = event.data
      return of === role && confirmed === kid ? undefined : 'the controller confirmed another'
    } catch {
      return 'the controller did not confirm it'
    }
  }
}
