/**
 * Which public keys a workspace trusts: a fold over `actor.enrolled` events, nothing else.
 *
 * K1  Services: the first key of a role counts, for ever (rotation is a signed act of its own).
 * K2  The first person vouches for themselves: that is genesis.
 * K3  Everybody after that was vouched for by an enrolled person, whose signed act is in the event.
 * K4  A name and a key stand for one actor each.
 * K5  Groups and person of a key may be changed by vouching for it again; never by its own holder.
 *
 * @module
 */
import { digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { ProvError } from '../errors.ts'
import { isAudit } from './audit.ts'
import type { AdoptionData, AuditData, AuditEvent } from './audit.ts'
import { isReservedName, parseKeyRecord, personOf } from './key.ts'
import type { KeyRecord } from './key.ts'
import { openTokenNow } from './tokens.ts'

/** The word in `by` for keys that nobody could vouch for. */
export const genesis = 'genesis'

export interface Enrolment {
  readonly record: KeyRecord
  readonly by: string
  readonly time: string
}

export class Keyring {
  #journal: string
  readonly #workspace: string
  readonly #byKid = new Map<string, Enrolment>()
  readonly #byActor = new Map<string, Enrolment>()
  #people = 0

  /** `journal` is the id that the history began with; adoptions in it lead on from there. */
  constructor(options: { readonly journal: string; readonly workspace: string }) {
    this.#journal = options.journal
    this.#workspace = options.workspace
  }

  /** The record of an enrolled key. A field, so that it can be handed on as it is. */
  readonly key = (kid: string): KeyRecord | undefined => this.#byKid.get(kid)?.record

  actor(name: string): KeyRecord | undefined {
    return this.#byActor.get(name)?.record
  }

  /** The key of a plane. */
  service(role: string): KeyRecord | undefined {
    for (const { record } of this.#byKid.values()) if (record.role === role) return record
    return undefined
  }

  /** True once a person is enrolled: from then on only people let others in. */
  get hasPeople(): boolean {
    return this.#people > 0
  }

  /** Everybody, in order of enrolment. */
  list(): readonly Enrolment[] {
    return [...this.#byKid.values()]
  }

  /** Takes whatever changes who is trusted and for which journal, or says why it does not count. */
  take(event: AuditEvent): string | undefined {
    if (isAudit(event, 'actor.enrolled')) return this.enter(event)
    if (isAudit(event, 'journal.adopted')) return this.#adopt(event)
    return undefined
  }

  /** Why an adoption would not count; undefined when it would. */
  refusesAdoption({ from, to, position, hash, by, act }: AdoptionData, time: string) {
    if (from !== this.#journal) return 'it adopts another journal'
    if (!this.hasPeople) return undefined
    try {
      const { claims, record } = openTokenNow('act', act, {
        key: this.key,
        audience: from,
        workspace: this.#workspace,
        nowMs: Date.parse(time),
      })
      if (claims.act !== 'journal.adopt' || claims.sub !== to) return 'the act is another'
      if (digestOf(claims.with) !== digestOf({ from, to, position, hash })) {
        return 'the act names another journal or another end of it'
      }
      if (record.kind !== 'human' || record.actor !== by) return 'a person must adopt it'
      return undefined
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      return thrown.message
    }
  }

  #adopt({ data, time }: AuditEvent<'journal.adopted'>): string | undefined {
    const refused = this.refusesAdoption(data, time)
    if (refused === undefined) this.#journal = data.to
    return refused
  }

  /** Takes an enrolment, or says why it does not count. */
  enter({ data, time }: AuditEvent<'actor.enrolled'>): string | undefined {
    const refused = this.refuses(data, time)
    if (refused !== undefined) return refused
    const record = parseKeyRecord(data.record as unknown as JsonObject) as KeyRecord
    const enrolment = { record, by: data.by, time }
    if (record.kind === 'human' && !this.#byKid.has(record.kid)) this.#people++
    this.#byKid.set(record.kid, enrolment)
    this.#byActor.set(record.actor, enrolment)
    return undefined
  }

  /** Why an enrolment would not count; undefined when it would. `time` is RFC 3339. */
  refuses(data: AuditData['actor.enrolled'], time: string): string | undefined {
    const record = parseKeyRecord(data.record as unknown as JsonObject)
    if (!record) return 'its record is not a key record'
    const known = this.key(record.kid)
    if (known) {
      const same = digestOf(standing(record)) === digestOf(standing(known))
      if (!same || isSame(record, known)) return 'its key is enrolled already'
      const voucher = this.actor(data.by)
      if (voucher && personOf(voucher) === personOf(known)) {
        return 'nobody puts themselves into a group, or says whose key theirs is'
      }
      return this.#judge(record, data.proof, data.by, time)
    }
    if (this.#byActor.has(record.actor)) return `the name ${record.actor} is taken`
    if (record.kind === 'service') {
      if (data.by !== genesis || record.role === undefined)
        return 'a service enrols at genesis only'
      if (this.service(record.role)) return `role ${record.role} has a key already`
    } else {
      if (isReservedName(record.actor)) return `the name ${record.actor} stands for something else`
      return this.#judge(record, data.proof, data.by, time)
    }
    return undefined
  }

  #judge(
    record: KeyRecord,
    proof: string | undefined,
    by: string,
    time: string,
  ): string | undefined {
    const first = !this.hasPeople && record.kind === 'human'
    const key = (kid: string) => (first && kid === record.kid ? record : this.key(kid))
    try {
      const { claims, record: voucher } = openTokenNow('act', proof, {
        key,
        audience: this.#journal,
        workspace: this.#workspace,
        nowMs: Date.parse(time),
      })
      if (claims.act !== 'actor.enrol' || claims.sub !== record.actor) return 'the act is another'
      if (digestOf(claims.with) !== digestOf(recordJson(record))) return 'the act names another key'
      if (voucher.kind !== 'human' || voucher.actor !== by) return 'a person must vouch for it'
      return undefined
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      return thrown.message
    }
  }
}

/** True when both say the same in every member. */
export function isSame(one: KeyRecord, other: KeyRecord): boolean {
  return digestOf(recordJson(one)) === digestOf(recordJson(other))
}

/** What of a record never changes. */
function standing({ groups: _groups, person: _person, ...rest }: KeyRecord): JsonObject {
  return rest as unknown as JsonObject
}

/** A record as what an act is about. */
export function recordJson(record: KeyRecord): JsonObject {
  return record as unknown as JsonObject
}
