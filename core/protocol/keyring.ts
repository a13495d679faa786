/**
 * Which public keys a workspace trusts, and what its people put in force with them: a fold over the
 * events that bear a person's signed act, nothing else.
 *
 * K1  Services: the first key of a role counts until another follows it, see `tenures.ts`.
 * K2  The first person vouches for themselves: that is genesis.
 * K3  Everybody after that was vouched for by an enrolled person, whose signed act is in the event.
 * K4  A name and a key stand for one actor each.
 * K5  Groups and person of a key may be changed by vouching for it again; never by its own holder.
 * K6  A key that a person revoked stays known, so that what it signed before can be checked, and
 *     signs nothing more. Its name and key come never again; the last person stays.
 * K7  A policy or a mode is in force because a person signed it: what a keeper says on its own, or a
 *     policy that is not newer than the last one, does not count (D-35). Before the first person is
 *     enrolled there is nobody who could sign.
 *
 * @module
 */
import { digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { ProvError } from '../errors.ts'
import type { Count } from '../units.ts'
import { isAudit } from './audit.ts'
import type { AdoptionData, AuditData, AuditEvent } from './audit.ts'
import { isReservedName, parseKeyRecord, personOf } from './key.ts'
import type { KeyRecord } from './key.ts'
import { refusesAct } from './signed-act.ts'
import type { SaidAct } from './signed-act.ts'
import { Tenures } from './tenures.ts'
import { openTokenNow } from './tokens.ts'

/** The word in `by` for keys that nobody could vouch for. */
export const genesis = 'genesis'

export interface Enrolment {
  readonly record: KeyRecord
  readonly by: string
  readonly time: string
}

/** Who took a key its force, and why. */
export interface Revocation {
  readonly by: string
  readonly reason: string
  readonly time: string
}

export class Keyring {
  #journal: string
  readonly #workspace: string
  readonly #byKid = new Map<string, Enrolment>()
  readonly #byActor = new Map<string, Enrolment>()
  readonly #revoked = new Map<string, Revocation>()
  readonly #tenures = new Tenures()
  #people = 0
  /** Version of the newest policy. */
  #policy: Count

  /**
   * `journal` is the id that the history began with; adoptions in it lead on from there. `policy`: the
   * version in force, where the ring does not see the history from its beginning. Default: none.
   */
  constructor(options: {
    readonly journal: string
    readonly workspace: string
    readonly policy?: Count | undefined
  }) {
    this.#journal = options.journal
    this.#workspace = options.workspace
    this.#policy = options.policy ?? 0
  }

  /** The record of an enrolled key. A field, so that it can be handed on as it is. */
  readonly key = (kid: string): KeyRecord | undefined => this.#byKid.get(kid)?.record

  actor(name: string): KeyRecord | undefined {
    return this.#byActor.get(name)?.record
  }

  /** The key of a plane. */
  service(role: string): KeyRecord | undefined {
    return this.#tenures.current(role)
  }

  /** The key that is to follow a plane's own, until it does. */
  offered(role: string): KeyRecord | undefined {
    return this.#tenures.offered(role)
  }

  /** True for a plane's key that another one followed. */
  retired(kid: string): boolean {
    return this.#tenures.retired(kid)
  }

  /** The key that an event names, when it may have signed event `n` of that plane. */
  emits({ emitter, kid, n }: Pick<AuditEvent, 'emitter' | 'kid' | 'n'>): KeyRecord | undefined {
    return this.#tenures.signer(emitter, kid, n)
  }

  /** How a key was revoked; undefined while it counts. A field, as `key` is. */
  readonly revocation = (kid: string): Revocation | undefined => this.#revoked.get(kid)

  readonly #isRevoked = (kid: string): boolean => this.#revoked.has(kid)

  /** True once a person is enrolled: from then on only people let others in. */
  get hasPeople(): boolean {
    return this.#people > 0
  }

  /** Everybody, in order of enrolment. */
  list(): readonly Enrolment[] {
    return [...this.#byKid.values()]
  }

  /** Takes whatever people sign for the workspace as a whole, or says why it does not count. */
  take(event: AuditEvent): string | undefined {
    if (isAudit(event, 'actor.enrolled')) return this.enter(event)
    if (isAudit(event, 'actor.revoked')) return this.#revoke(event)
    if (isAudit(event, 'journal.adopted')) return this.#adopt(event)
    if (isAudit(event, 'key.offered')) return this.#offer(event)
    if (isAudit(event, 'key.rotated')) return this.#rotate(event)
    if (isAudit(event, 'op.reviewed')) return this.#review(event)
    if (isAudit(event, 'policy.activated') || isAudit(event, 'keeper.mode')) {
      return this.#putsInForce(event)
    }
    return undefined
  }

  /** Why a revocation would not count; undefined when it would. */
  refusesRevocation(
    { actor, kid, by, reason, act }: AuditData['actor.revoked'],
    time: string,
  ): string | undefined {
    const record = this.key(kid)
    if (record?.actor !== actor) return 'no such key is enrolled'
    if (this.#revoked.has(kid)) return 'it is revoked already'
    if (record.kind === 'service')
      return 'a plane cannot do without its key: prov keeper rotate gives it another'
    const left = this.list().filter(
      (one) => one.record.kind === 'human' && !this.#revoked.has(one.record.kid),
    )
    if (record.kind === 'human' && left.length === 1) {
      return 'nobody would be left who could let others in'
    }
    return this.#refusesAct(
      act,
      { act: 'actor.revoke', subject: actor, with: { kid }, reason, by },
      time,
    )
  }

  #revoke({ data, time }: AuditEvent<'actor.revoked'>): string | undefined {
    const refused = this.refusesRevocation(data, time)
    if (refused === undefined) {
      this.#revoked.set(data.kid, { by: data.by, reason: data.reason, time })
    }
    return refused
  }

  /** Why a plane's next key would not count; undefined when it would. */
  refusesOffer(
    { role, kid, from, by, record: given, act }: AuditData['key.offered'],
    time: string,
  ): string | undefined {
    const record = parseKeyRecord(given as unknown as JsonObject)
    const current = this.service(role)
    if (record?.kid !== kid || record.kind !== 'service' || record.role !== role) {
      return 'its record is not one of a key for that plane'
    }
    if (current?.kid !== from || record.actor !== current.actor) return 'it follows another key'
    if (this.key(kid)) return 'its key is enrolled already'
    const said = { act: 'keeper.rotate', subject: role, with: { from, ...recordJson(record) } }
    return this.#refusesAct(act, { ...said, act: 'keeper.rotate', by }, time)
  }

  #offer({ data, time, emitter }: AuditEvent<'key.offered'>): string | undefined {
    const refused =
      emitter === data.role ? this.refusesOffer(data, time) : 'another plane speaks for it'
    if (refused === undefined) this.#tenures.offer(data.role, data.record)
    return refused
  }

  #rotate(event: AuditEvent<'key.rotated'>): string | undefined {
    const record =
      event.emitter === event.data.role
        ? this.#tenures.rotate(event)
        : 'another plane speaks for it'
    if (typeof record === 'string') return record
    const enrolment = { record, by: genesis, time: event.time }
    this.#byKid.set(record.kid, enrolment)
    this.#byActor.set(record.actor, enrolment)
    return undefined
  }

  #putsInForce(event: AuditEvent<'policy.activated'> | AuditEvent<'keeper.mode'>) {
    const { data, time } = event
    if (isAudit(event, 'policy.activated')) {
      const { version, digest, policy, sources = {}, act } = event.data
      if (act !== undefined && digestOf({ policy, sources }) !== digest) {
        return 'another policy was signed'
      }
      if (version <= this.#policy) return `policy ${this.#policy} is in force, and it is not newer`
      const said = { act: 'policy.activate', subject: 'policy', with: { digest, version } } as const
      const refused = this.#refusesSetting(said, data, time)
      if (refused === undefined) this.#policy = version
      return refused
    }
    const { mode } = data as AuditData['keeper.mode']
    const said = { act: 'keeper.mode', subject: 'mode', with: { mode } } as const
    return this.#refusesSetting(said, data, time)
  }

  #review({ data, subject, time }: AuditEvent<'op.reviewed'>): string | undefined {
    const { by, reason, approval, act } = data
    return this.#refusesAct(
      act,
      { act: 'op.review', subject, reason, with: { approval }, by },
      time,
    )
  }

  #refusesSetting(
    said: Omit<SaidAct, 'by'>,
    { by, act }: { readonly by: string; readonly act?: string },
    time: string,
  ): string | undefined {
    if (act === undefined && !this.hasPeople) return undefined
    return this.#refusesAct(act, { ...said, by }, time)
  }

  #refusesAct(token: string | undefined, said: SaidAct, time: string): string | undefined {
    return refusesAct(token, said, {
      key: this.key,
      revoked: this.#isRevoked,
      audience: this.#journal,
      workspace: this.#workspace,
      nowMs: Date.parse(time),
    })
  }

  /** Why an adoption would not count; undefined when it would. */
  refusesAdoption({ from, to, position, hash, by, act }: AdoptionData, time: string) {
    if (from !== this.#journal) return 'it adopts another journal'
    if (!this.hasPeople) return undefined
    const given = { from, to, position, hash }
    return this.#refusesAct(act, { act: 'journal.adopt', subject: to, with: given, by }, time)
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
    if (record.role !== undefined) this.#tenures.begin(record.role, record)
    this.#byKid.set(record.kid, enrolment)
    this.#byActor.set(record.actor, enrolment)
    return undefined
  }

  /** Why an enrolment would not count; undefined when it would. `time` is RFC 3339. */
  refuses(data: AuditData['actor.enrolled'], time: string): string | undefined {
    const record = parseKeyRecord(data.record as unknown as JsonObject)
    if (!record) return 'its record is not a key record'
    const known = this.key(record.kid)
    if (this.#revoked.has(record.kid)) return 'its key was revoked'
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
        revoked: this.#isRevoked,
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
