/**
 * Whatever changes whom a workspace trusts: who is let in and who is shut out, which key follows a
 * plane's own, who may say so. Each is an act that somebody signed and an event of the keeper; the keyring judges.
 *
 *     act ─▶ in its turn: signatures, rule, keyring ─▶ frame { actor.enrolled | actor.revoked | keys.governed }
 *                                                  └─▶ key.offered ─ confirmed by the controller ─▶ key.rotated
 *
 * @module
 */
import { asProvError } from '../errors.ts'
import type { Clock } from '../clock.ts'
import type { Journal, JournalEntry } from '../journal/journal.ts'
import type { JsonObject } from '../json.ts'
import type { Log } from '../log.ts'
import { defined } from '../optional.ts'
import type { Count } from '../units.ts'
import type { AuditEvent, Emitter } from './audit.ts'
import type { AuditDraft, AuditEmitter } from './emitter.ts'
import { keyErrors, tokenErrors } from './errors.ts'
import { keyActs, parseKeyRule, signerName } from './key-rule.ts'
import type { KeyRule } from './key-rule.ts'
import { parseKeyRecord, personOf } from './key.ts'
import type { KeyRecord, Signer } from './key.ts'
import { isSame, recordJson, rotationAct } from './keyring.ts'
import type { Keyring } from './keyring.ts'
import type { KeyStore } from './keys.ts'
import type { ActName } from './op.ts'
import { TakenActs } from './replay.ts'
import { openAct, payloadOf } from './signatures.ts'
import type { SignedAct } from './signatures.ts'
import { peekToken } from './tokens.ts'
import type { TokenContext } from './tokens.ts'

/** Those whose chain says which key signs from where on. The ledger's signs commits, not events. */
const rotating = ['keeper', 'submitter', 'controller', 'orchestrator'] as const

export interface KeyChanges {
  /**
   * The signer of an own key that is enrolled here; a first person is enrolled on the way. Throws
   * PROV_KEY_NOT_ENROLLED and what `KeyStore.signer` throws.
   */
  signer(as: string | undefined): Promise<Signer>
  /**
   * Enrols a key. The first person of a workspace vouches for themselves, everybody else needs
   * `as`. A known key may be vouched for again with other groups, or as another person's, by
   * somebody else. Throws PROV_KEY_ENROL_REFUSED.
   */
  enrol(request: {
    readonly record: KeyRecord
    readonly as?: string | undefined
    /** Groups that quorums name. Default: those it has. */
    readonly groups?: readonly string[] | undefined
    /** Whose key it is, when a person has several. Default: as it was. */
    readonly person?: string | undefined
  }): Promise<void>
  /**
   * Takes an enrolment whose voucher signed it elsewhere; answers who that was. Throws
   * PROV_KEY_ENROL_REFUSED, PROV_TOKEN_REPLAYED.
   */
  handIn(enrolment: { readonly record: KeyRecord; readonly proof: string }): Promise<{
    readonly by: string
  }>
  /**
   * Takes whatever changes whom the workspace trusts, signed by those who must: `actor.enrol`,
   * `actor.revoke`, `keeper.rotate`, `plane.rotate`, `keys.govern` (D-39). What a key signed counts
   * until here; the next key of a plane signs nothing before the controller confirmed it. Throws
   * PROV_KEY_SIGNATURES, PROV_KEY_*_REFUSED, PROV_TOKEN_*.
   */
  changeKeys(act: string): Promise<{ readonly act: ActName; readonly by: string }>
  /**
   * Thumbprint of a plane's key and the record of the one that would follow it, which is made when
   * there is none yet. Throws PROV_KEY_PLANE_ELSEWHERE.
   */
  rotation(role: Emitter): Promise<{ readonly current: string; readonly next: KeyRecord }>
}

export interface KeyChangesParts {
  readonly keyring: Keyring
  readonly keys: KeyStore
  /** Id of the first journal of the workspace: files of keys are kept under it. */
  readonly root: string
  /** Roles whose keys are here. */
  readonly roles: readonly string[]
  /** The key of a plane. Throws PROV_KEY_PLANE_ELSEWHERE. */
  readonly service: (role: Emitter) => Signer
  readonly emitter: (role: Emitter) => AuditEmitter
  /** From here on another key signs for a plane. */
  readonly succeed: (role: Emitter, successor: Signer) => void
  readonly journal: Pick<Journal, 'append'>
  readonly workspace: string
  /** Epoch of the writer, which its acts bear. */
  readonly epoch: Count
  readonly tokenContext: () => TokenContext
  /** Signs an act with a key that is open. */
  readonly sign: (
    signer: Signer,
    request: { act: ActName; subject: string; reason: string; with: JsonObject },
  ) => Promise<string>
  /** Resolves when the pen may write, see `Contract.sure`. */
  readonly sure: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
  /** Once it is aborted, a key that could not follow is told to nobody. */
  readonly signal: AbortSignal | undefined
}

export function keyChanges(parts: KeyChangesParts): KeyChanges & {
  /** Lets the keys of the planes here follow that the controller confirmed. */
  followKeys(): void
} {
  const { keyring, keys, root, roles, service, emitter, succeed, journal, workspace } = parts
  const { epoch, tokenContext, sign, sure, clock, log, signal } = parts

  /**
   * One at a time, in one order, and judged before it is written: what does not count would stand in the
   * trail for ever as something that is wrong with it.
   */
  let last: Promise<unknown> = Promise.resolve()
  function inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = last.then(sure).then(run)
    last = turn.catch(() => {})
    return turn
  }

  function enrol(record: KeyRecord, voucher: Signer): Promise<void> {
    return inTurn(() => enrolNow(record, voucher))
  }

  /** True when this very record counts already. */
  function isEnrolled(given: KeyRecord): boolean {
    const known = keyring.key(given.kid)
    const record = parseKeyRecord(recordJson(given))
    const counts = known !== undefined && keyring.revocation(known.kid) === undefined
    return counts && record !== undefined && isSame(record, known)
  }

  async function enrolNow(given: KeyRecord, voucher: Signer): Promise<void> {
    const { actor } = given
    if (isEnrolled(given)) return
    // Exactly the members of a record: a caller's may bear more, and what is signed must be what counts.
    const record = parseKeyRecord(recordJson(given))
    if (!record) {
      throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'its record is not a key record' })
    }
    const request = { act: 'actor.enrol', subject: actor, reason: '' } as const
    const proof = await sign(voucher, { ...request, with: recordJson(record) })
    await enrolProven(record, proof, voucher.record.actor)
  }

  async function enrolProven(record: KeyRecord, proof: string, by: string): Promise<void> {
    const { actor, kid, kind } = record
    const now = new Date(clock.now()).toISOString()
    if (keyring.rule) mustSuffice(openedAct(proof), keyring.key(kid))
    const what = keyring.refuses({ actor, kid, kind, by, record, proof }, now)
    if (what !== undefined) throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what })
    await journal.append([enrolment(emitter('keeper'), { record, by, proof })])
  }

  const taken = new TakenActs(clock)
  const openedAct = (text: string, key = keyring.signingKey): SignedAct =>
    openAct(text, { ...tokenContext(), key })
  /** An act that names the key set is bound to it; any other one to this life of the writer. */
  const takeOnce = ({ claims, first }: SignedAct): void => {
    if (claims.with['keys'] === undefined) taken.take(first, epoch)
  }
  function mustSuffice(opened: SignedAct, holder?: KeyRecord): void {
    const what = keyring.lacks(opened, holder && personOf(holder))
    if (what !== undefined) throw keyErrors.PROV_KEY_SIGNATURES({ act: opened.claims.act, what })
  }

  /** What somebody signed elsewhere is judged like what is signed here, and counts once. */
  async function handIn({ record, proof }: { record: KeyRecord; proof: string }) {
    const { actor, kid } = record
    return inTurn(async () => {
      const first = !keyring.hasPeople && record.kind === 'human'
      const key = (id: string) => (first && id === kid ? record : keyring.signingKey(id))
      const iss = peekToken(proof).iss ?? ''
      if (!key(iss)) {
        const what = 'nobody who is enrolled vouches for it'
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what })
      }
      const opened = openedAct(proof, key)
      const by = signerName(opened.signers[0])
      if (isEnrolled(record)) return { by }
      takeOnce(opened)
      await enrolProven(record, proof, by)
      return { by }
    })
  }

  async function changeKeys(text: string): Promise<{ readonly act: ActName; readonly by: string }> {
    if (peekToken(text).act === 'actor.enrol') {
      const record = parseKeyRecord(payloadOf(text))
      if (!record) {
        const what = 'the act names no key record'
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor: peekToken(text).sub ?? 'nobody', what })
      }
      return { act: 'actor.enrol', ...(await handIn({ record, proof: text })) }
    }
    return inTurn(async () => {
      const { act } = peekToken(text)
      const opened = act === 'keys.govern' ? openedRule(text) : openedAct(text)
      const by = signerName(opened.signers[0])
      const draft = await keyDraft(opened, { by, act: text })
      takeOnce(opened)
      await journal.append([emitter('keeper').entry(draft)])
      return { act: opened.claims.act, by }
    })
  }

  /** The roots of a rule sign it too, before they count for anything else. */
  function openedRule(text: string): SignedAct {
    const { roots = [] } = Object(parseKeyRule(unbound(payloadOf(text)))) as Partial<KeyRule>
    const key = (kid: string) => keyring.signingKey(kid) ?? roots.find((root) => root.kid === kid)
    return openedAct(text, key)
  }

  /** The event that an act comes to. Throws the reason by name when it comes to none. */
  async function keyDraft(
    opened: SignedAct,
    { by, act }: { readonly by: string; readonly act: string },
  ): Promise<AuditDraft<'actor.revoked' | 'key.offered' | 'keys.governed'>> {
    const { sub, reason, with: given, act: name } = opened.claims
    const now = new Date(clock.now()).toISOString()
    if (keyring.rule && keyActs.has(name)) mustSuffice(opened)
    if (name === 'actor.revoke') {
      const data = { actor: sub, kid: String(given['kid']), by, reason, act }
      const what =
        reason.trim() === '' ? 'no reason was given' : keyring.refusesRevocation(data, now)
      if (what !== undefined) throw keyErrors.PROV_KEY_REVOKE_REFUSED({ actor: sub, what })
      return { type: 'actor.revoked', subject: sub, data }
    }
    if (name === 'keeper.rotate' || name === 'plane.rotate') {
      const refuse = (what: string) => keyErrors.PROV_KEY_ROTATION_REFUSED({ plane: sub, what })
      const role = rotating.find((one) => one === sub && rotationAct(one) === name)
      if (role === undefined) throw refuse('no key of that name is followed by another')
      const record = parseKeyRecord(given)
      if (!record) throw refuse('the act names no key record')
      const { kid } = record
      // Where the plane lives its private half must be here; elsewhere whoever signed made sure of it.
      if (roles.includes(role) && (await keys.next(root, role)).record.kid !== kid) {
        throw refuse('its next key is another one')
      }
      const data = { role, kid, from: String(given['from']), by, record, act }
      const what = keyring.refusesOffer(data, now)
      if (what !== undefined) throw refuse(what)
      if (keyring.offered(role)?.kid === kid) throw refuse('it is offered, and not confirmed yet')
      return { type: 'key.offered', subject: `service-${role}`, data }
    }
    if (name !== 'keys.govern') {
      const expected = 'an act that changes keys'
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'act', expected })
    }
    const data = { rule: unbound(given) as unknown as KeyRule, by, reason, act }
    const what = keyring.refusesRule(data, now)
    if (what !== undefined) throw keyErrors.PROV_KEY_RULE_REFUSED({ what })
    return { type: 'keys.governed', subject: 'keys', data }
  }

  /** The new key takes over between two events; what was signed before stands in the trail. */
  function rotate(confirmation: AuditEvent<'key.confirmed'>): Promise<void> {
    return inTurn(async () => {
      const { role, kid, from } = confirmation.data
      if (keyring.offered(role)?.kid !== kid || keyring.service(role)?.kid !== from) return
      const successor = await keys.next(root, role, { make: false })
      if (successor.record.kid !== kid) return
      const pen = emitter(role)
      succeed(role, successor)
      pen.resign(successor)
      const data = { role, kid, from, confirmation }
      await journal.append([pen.entry({ type: 'key.rotated', subject: `service-${role}`, data })])
      await keys.follow(root, role)
    })
  }

  /** Lets the keys of the planes here follow that the controller confirmed. */
  function followKeys(): void {
    for (const role of roles) {
      const confirmation = keyring.confirmation(role)
      if (!confirmation) continue
      rotate(confirmation).catch((thrown: unknown) => {
        const { code, message } = asProvError(thrown)
        if (!signal?.aborted) log.error(`the next key of ${role} waits`, { code, message })
      })
    }
  }

  async function signer(as: string | undefined): Promise<Signer> {
    const own = await keys.signer(as)
    const { record } = own
    const revoked = keyring.revocation(record.kid)
    if (revoked) throw keyErrors.PROV_KEY_REVOKED({ actor: record.actor, ...revoked })
    if (keyring.key(record.kid)) return own
    if (record.kind === 'human' && !keyring.hasPeople) {
      await enrol(record, own)
      return own
    }
    throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor: record.actor, workspace })
  }

  return {
    signer,
    async enrol({ record: given, as, ...standing }) {
      const { actor } = given
      const known = keyring.key(given.kid)
      const record = recordFor(given, known, standing)
      if (isEnrolled(record)) return
      if (!known && keyring.actor(actor)) {
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'the name is taken by another key' })
      }
      if (record.kind === 'human' && !keyring.hasPeople) {
        return enrol(record, await keys.signer(actor))
      }
      const voucher = await signer(as)
      if (voucher.record.kind !== 'human') {
        throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'only a person vouches for others' })
      }
      return enrol(record, voucher)
    },
    handIn,
    changeKeys,
    async rotation(role) {
      const current = service(role).record.kid
      return { current, next: (await keys.next(root, role)).record }
    },
    followKeys,
  }
}

/** The record that a voucher signs: what they say now counts, else what was said before. */
export function recordFor(
  given: KeyRecord,
  known: KeyRecord | undefined,
  { groups, person }: { groups?: readonly string[] | undefined; person?: string | undefined },
): KeyRecord {
  const names = groups ? [...new Set(groups)].sort() : (given.groups ?? known?.groups)
  return defined({
    ...given,
    groups: names?.length === 0 ? undefined : names,
    person: person ?? given.person ?? known?.person,
  })
}

/** What an act is about, without the key set that it was signed for. */
function unbound(given: JsonObject | undefined): JsonObject | undefined {
  const { keys: _, ...rest } = given ?? {}
  return given && rest
}

/** The entry that lets a key in; without a proof only at the first start, for those of planes. */
export function enrolment(
  pen: AuditEmitter,
  { record, by, proof }: { record: KeyRecord; by: string; proof?: string },
): JournalEntry {
  const { actor, kid, kind } = record
  const data = { actor, kid, kind, by, record, ...(proof !== undefined && { proof }) }
  const { partition, type, body } = pen.entry({ type: 'actor.enrolled', subject: actor, data })
  return { partition, type, body }
}
