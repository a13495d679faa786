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
 *     enrolled there is nobody who could sign. Nor does a vote that bears no token of its voter.
 * K8  Where a rule was declared (`key-rule.ts`), K3, K5, K6 and the next key of a plane need what it
 *     asks for, signed for this very version of the key set: no act counts twice, nor late.
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
import { parseKeyRule, refusesSigners, signerName } from './key-rule.ts'
import type { KeyRule } from './key-rule.ts'
import { refusesAct } from './signed-act.ts'
import type { SaidAct } from './signed-act.ts'
import { openAct } from './signatures.ts'
import type { SignedAct } from './signatures.ts'
import { Tenures } from './tenures.ts'
import { openTokenNow } from './tokens.ts'
import type { TokenContext } from './tokens.ts'

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
  #rule: KeyRule | undefined
  #version: Count = 0
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

  /** The controller's word on that key, once it came. */
  confirmation(role: string): AuditEvent<'key.confirmed'> | undefined {
    return this.#tenures.confirmation(role)
  }

  /** False for the first word of a plane's next key before what it rests on is known here. */
  isReady(event: AuditEvent): boolean {
    return !isAudit(event, 'key.rotated') || this.#tenures.isReady(event)
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

  /** Who may change the key set; undefined while any one person may. */
  get rule(): KeyRule | undefined {
    return this.#rule
  }

  /** The journal whose tokens count now. */
  get journal(): string {
    return this.#journal
  }

  /** How often the key set changed: what a change is signed for. Keys of planes do not count. */
  get version(): Count {
    return this.#version
  }

  /** As `key`, with the roots of the rule in force: for key acts, which nobody else's may sign. */
  readonly signingKey = (kid: string): KeyRecord | undefined =>
    this.key(kid) ?? this.#rule?.roots.find((root) => root.kid === kid)

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
    if (isAudit(event, 'keys.governed')) return this.#govern(event)
    if (isAudit(event, 'journal.adopted')) return this.#adopt(event)
    if (isAudit(event, 'key.offered')) return this.#offer(event)
    if (isAudit(event, 'key.confirmed')) this.#tenures.confirm(event)
    if (isAudit(event, 'key.rotated')) return this.#rotate(event)
    if (isAudit(event, 'op.reviewed')) return this.#review(event)
    if (isAudit(event, 'op.vote')) return this.#vote(event)
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
    const left = this.persons(kid)
    // A root lets others in, also when the last key of a person was stolen.
    const rooted = (this.#rule?.roots.length ?? 0) > 0
    if (record.kind === 'human' && left.size === 0 && !rooted) {
      return 'nobody would be left who could let others in'
    }
    const few = this.#tooFew(left)
    if (few !== undefined) return few
    return this.#refusesKeyAct(
      act,
      { act: 'actor.revoke', subject: actor, with: { kid }, reason, by },
      time,
    )
  }

  /** Persons whose keys count, without one of the keys. */
  persons(without?: string): Set<string> {
    const counted = this.list()
      .map(({ record }) => record)
      .filter(({ kid, kind }) => kind === 'human' && !this.#revoked.has(kid) && kid !== without)
    return new Set(counted.map(personOf))
  }

  /** Nobody may leave so few that the rule could never be met again. */
  #tooFew(left: ReadonlySet<string>): string | undefined {
    const { roots = [], people } = this.#rule ?? {}
    if (!people || roots.length > 0) return undefined
    const able = people.of.filter((name) => left.has(name)).length
    return able >= people.need
      ? undefined
      : `${able} would be left of ${people.of.join(', ')}, and key acts need ${people.need}`
  }

  #revoke({ data, time }: AuditEvent<'actor.revoked'>): string | undefined {
    const refused = this.refusesRevocation(data, time)
    if (refused === undefined) {
      this.#revoked.set(data.kid, { by: data.by, reason: data.reason, time })
      this.#version++
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
    const said = { subject: role, with: { from, ...recordJson(record) }, by }
    return this.#refusesKeyAct(act, { act: rotationAct(role), ...said }, time)
  }

  /** Why a rule would not come into force; undefined when it would. */
  refusesRule({ rule: given, by, reason, act }: AuditData['keys.governed'], time: string) {
    const rule = parseKeyRule(given as unknown as JsonObject)
    if (typeof rule === 'string') return rule
    if (!this.hasPeople) return 'nobody is enrolled who could declare one'
    const enrolled = rule.roots.find(({ kid }) => this.key(kid) !== undefined)
    if (enrolled) return 'a root key signs nothing else, and one of these is enrolled'
    const persons = this.persons()
    const unknown = rule.people?.of.find((name) => !persons.has(name))
    if (unknown !== undefined) return `no key of a person ${unknown} is enrolled`
    const roots = [...(this.#rule?.roots ?? []), ...rule.roots]
    const key = (kid: string) => this.key(kid) ?? roots.find((root) => root.kid === kid)
    const said = { act: 'keys.govern', subject: 'keys', with: ruleJson(rule), reason, by } as const
    // Who was in charge agrees, and those who will be show that they can sign.
    const refused = this.#refusesKeyAct(act, said, time, { key })
    if (refused !== undefined) return refused
    const { signers } = openAct(act, this.#context(time, key))
    const unable = refusesSigners(rule, signers)
    return unable === undefined ? undefined : `under the new rule ${unable}`
  }

  #govern(event: AuditEvent<'keys.governed'>): string | undefined {
    const { data, time, emitter } = event
    const refused =
      emitter === 'keeper' ? this.refusesRule(data, time) : 'another plane speaks for the keeper'
    if (refused !== undefined) return refused
    this.#rule = parseKeyRule(data.rule as unknown as JsonObject) as KeyRule
    this.#version++
    return undefined
  }

  /** Why an act is not signed by those who must, for the key set of now; undefined when it is. */
  lacks({ claims, signers }: SignedAct, except?: string): string | undefined {
    const { keys } = claims.with
    if (keys !== undefined && keys !== this.#version) {
      return `it was signed for key set ${String(keys)}, and that is at ${this.#version}`
    }
    if (signers.some(({ kind }) => kind !== 'human')) return 'a person must sign it'
    if (this.#rule) {
      if (keys === undefined) return 'it does not say for which key set it was signed'
      return refusesSigners(this.#rule, signers, except)
    }
    return signers.some(({ role }) => role === undefined) ? undefined : 'a person must sign it'
  }

  #refusesKeyAct(
    token: string | undefined,
    said: SaidAct,
    time: string,
    { key = this.signingKey, except }: { key?: TokenContext['key']; except?: string } = {},
  ): string | undefined {
    if (token === undefined) return 'nobody signed it'
    try {
      const opened = openAct(token, this.#context(time, key))
      const { claims, signers } = opened
      const { keys } = claims.with
      if (claims.act !== said.act || claims.sub !== said.subject) return 'the act is another'
      const about = { ...said.with, ...(keys !== undefined && { keys }) }
      if (digestOf(claims.with) !== digestOf(about)) return 'the act names something else'
      if (said.reason !== undefined && claims.reason !== said.reason) {
        return 'the act gives another reason'
      }
      if (signerName(signers[0]) !== said.by) return 'somebody else signed it'
      return this.lacks(opened, except)
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      return thrown.message
    }
  }

  #context(time: string, key: TokenContext['key']): TokenContext {
    return {
      key,
      revoked: this.#isRevoked,
      audience: this.#journal,
      workspace: this.#workspace,
      nowMs: Date.parse(time),
    }
  }

  #offer({ data, time, emitter }: AuditEvent<'key.offered'>): string | undefined {
    const refused =
      emitter === 'keeper' ? this.refusesOffer(data, time) : 'another plane speaks for the keeper'
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

  #vote({ data, subject, time }: AuditEvent<'op.vote'>): string | undefined {
    const { token, vote, actor, kid, decision, reason, until } = data
    try {
      // Its time was looked at when it was handed in.
      const context = { ...this.#context(time, this.key), expiry: 'leave' } as const
      const { claims, record, digest } = openTokenNow('vote', token, context)
      if (record.kind !== 'human' || record.actor !== actor || record.kid !== kid) {
        return 'somebody else signed the vote'
      }
      const ends = claims.break_glass ? claims.exp * 1_000 : undefined
      const said = claims.decision === decision && claims.reason === reason && ends === until
      return said && claims.sub === subject && digest === vote ? undefined : 'the vote is another'
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      return thrown.message
    }
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
    return refusesAct(token, said, this.#context(time, this.key))
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
    else this.#version++
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
      if (voucher && personOf(voucher) === personOf(known) && !this.#rule) {
        return 'nobody puts themselves into a group, or says whose key theirs is'
      }
      return this.#judge(record, data, time, personOf(known))
    }
    if (this.#byActor.has(record.actor)) return `the name ${record.actor} is taken`
    if (record.kind === 'service') {
      if (data.by !== genesis || record.role === undefined)
        return 'a service enrols at genesis only'
      if (this.service(record.role)) return `role ${record.role} has a key already`
    } else {
      if (isReservedName(record.actor)) return `the name ${record.actor} stands for something else`
      // One role per key: whoever may vouch gives nobody the key of a plane, nor lets a root ask.
      if (record.role !== undefined) return `a key for the role ${record.role} is no actor's`
      return this.#judge(record, data, time)
    }
    return undefined
  }

  #judge(
    record: KeyRecord,
    { proof, by }: AuditData['actor.enrolled'],
    time: string,
    /** Whose standing it is about, when the key is known: they have no say in that. */
    holder?: string,
  ): string | undefined {
    const first = !this.hasPeople && record.kind === 'human'
    const key = (kid: string) => (first && kid === record.kid ? record : this.signingKey(kid))
    const said = { subject: record.actor, with: recordJson(record), by } as const
    const except = holder === undefined ? {} : { except: holder }
    return this.#refusesKeyAct(proof, { act: 'actor.enrol', ...said }, time, { key, ...except })
  }
}

/** The act that gives a plane another key. */
export function rotationAct(role: string): 'keeper.rotate' | 'plane.rotate' {
  return role === 'keeper' ? 'keeper.rotate' : 'plane.rotate'
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

/** A rule as what an act is about. */
export function ruleJson(rule: KeyRule): JsonObject {
  return rule as unknown as JsonObject
}
