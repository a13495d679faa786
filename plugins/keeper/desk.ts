/**
 * The keeper's desk: votes, mode, policy. Everything a person does here is signed with their own key
 * and handed in as a token; the desk signs nothing in the keeper's name.
 *
 * @module
 */
import {
  breakersOf,
  digestOf,
  isRefusal,
  keyActs,
  keyErrors,
  newId,
  opErrors,
  openToken,
  peekToken,
  personOf,
  outboxEntry,
  policyErrors,
  rotationAct,
  ProvError,
  signToken,
  subjects,
  TakenActs,
  TakenIds,
  tokenErrors,
  custodyBetween,
  voteClaims,
} from 'prov'
import type {
  ActName,
  Clock,
  Contract,
  Emitter,
  Journal,
  JsonObject,
  KeyRecord,
  KeeperDesk,
  Log,
  Millis,
  OpRow,
  Refusals,
  Signer,
  WorkspaceFiles,
} from 'prov'
import { judgeVote } from './decide.ts'
import { timeOfFact } from './keeper.ts'
import type { Keeper, OperationRef } from './keeper.ts'
import { policyFile } from './policy-file.ts'
import { readPolicyFile } from './read-policy.ts'

export interface DeskParts {
  readonly contract: Contract
  readonly clock: Clock
  readonly files: WorkspaceFiles
  readonly log: Log
  readonly keeper: Keeper
  readonly refusals: Refusals
  readonly ref: (op: string) => OperationRef | undefined
  readonly journal: Journal
  /** Aborts when this plane stops. */
  readonly signal: AbortSignal
}

/** How long a rotation waits for the controller, and whatever is handed in for a plane that vouches. */
const confirmWaitMs: Millis = 5_000

const modes = ['auto', 'manual', 'hybrid'] as const

type VoteRequest = Parameters<KeeperDesk['vote']>[0]
type RevokeRequest = Parameters<KeeperDesk['revoke']>[0]
type ModeRequest = Parameters<KeeperDesk['setMode']>[0]

export class Desk implements KeeperDesk {
  readonly #parts: DeskParts
  readonly #taken: TakenIds
  readonly #acts: TakenActs
  #acting: Promise<unknown> = Promise.resolve()

  constructor(parts: DeskParts) {
    this.#parts = parts
    this.#taken = new TakenIds(parts.clock)
    this.#acts = new TakenActs(parts.clock)
  }

  async vote(request: VoteRequest): Promise<{ counted: boolean; why: string }> {
    const { contract } = this.#parts
    if (request.reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op: request.op })
    const signer = await contract.signer(request.as)
    return this.handIn(await this.#sign(request, signer))
  }

  /** Takes a signed vote, from here or from elsewhere. Throws the named reason when it does not count. */
  async handIn(token: string): Promise<{ counted: boolean; why: string }> {
    const { contract, clock, keeper, refusals, ref } = this.#parts
    await this.#sure()
    let op = 'unknown'
    try {
      const opened = await openToken('vote', token, contract.tokenContext())
      const { claims, record: voter, digest: vote } = opened
      const { jti, iat, iss, exp, decision, reason } = claims
      op = claims.sub
      const row = contract.store.get().ops.get(op)
      const intent = keeper.intent(op)
      const instance = ref(op)
      if (!row || !intent || !instance) throw noVoteOn(op, row)
      // A vote is handed in once; whoever hands it in again repeats what is not theirs to repeat.
      const before = this.#taken.take('vote', { jti, iat, iss, exp, digest: vote })
      if (before === 'same' || row.voided?.includes(vote) === true) {
        const expected = 'an id not used yet'
        throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'vote', claim: 'jti', expected })
      }
      const { requester } = intent
      const { quorum } = keeper.judgement(intent)
      const { policy } = keeper
      const { key } = contract.keyring
      const nowMs = clock.now()
      const asked = { claims, intent: intent.claims, voter, requester, row, nowMs }
      const refused = judgeVote({ ...asked, policy, quorum, key })
      if (refused) throw refused
      const { actor, kid } = voter
      const custody = custodyBetween(voter, requester)
      const cast = { decision, actor, kid, custody, reason, vote }
      const said = claims.break_glass ? { ...cast, until: exp * 1_000 } : cast
      await instance.apply({
        type: 'op.vote',
        at: timeOfFact(instance.snapshot().context, 'op.vote', clock),
        by: 'keeper',
        ...said,
        data: { say: [{ type: 'op.vote', data: { ...said, token } }] },
      } as never)
      await keeper.count(op)
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      await refusals.note({ kind: 'vote', subject: op, error: thrown, token })
      throw thrown
    }
    const after = contract.store.get().ops.get(op)
    const why = after?.phase === 'held' ? `still needed: ${keeper.missing(op)}` : (after?.why ?? '')
    return { counted: true, why }
  }

  /** Throws PROV_PLANE_UNVOUCHED when nobody says in time that this journal is the newest one. */
  #sure(): Promise<void> {
    const { contract, signal } = this.#parts
    return contract.sure({ withinMs: confirmWaitMs, signal })
  }

  async status() {
    const { contract, keeper } = this.#parts
    const { mode, policy, open } = contract.store.get()
    return {
      mode,
      epoch: keeper.epoch,
      nextSeq: keeper.nextSeq,
      policy: policy && { version: policy.version, digest: policy.digest },
      held: [...open.values()].filter(({ phase }) => phase === 'held').length,
    }
  }

  async setMode({ mode, as }: ModeRequest): Promise<void> {
    await this.#person(as)
    const request = { as, act: 'keeper.mode', subject: 'mode', reason: '', with: { mode } } as const
    await this.handInAct(await this.#parts.contract.act(request))
  }

  async proposed() {
    const { version, digest, changes } = await this.#proposal()
    return { version, digest, changes }
  }

  async revoke({ actor, reason, as }: RevokeRequest) {
    const { contract } = this.#parts
    const refuse = (what: string) => keyErrors.PROV_KEY_REVOKE_REFUSED({ actor, what })
    const kid = contract.keyring.actor(actor)?.kid
    if (kid === undefined) throw refuse('nobody of that name is enrolled')
    if (reason.trim() === '') throw refuse('no reason was given')
    const { record } = await contract.signer(as)
    const request = { as, act: 'actor.revoke', subject: actor, reason, with: { kid } } as const
    await this.handInAct(await contract.act(request))
    return { kid, by: record.actor }
  }

  async review({ op, reason, as }: Parameters<KeeperDesk['review']>[0]) {
    const { contract } = this.#parts
    if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
    const { record } = await this.#person(as)
    const approval = this.#unreviewed(op, record).approval
    const said = { act: 'op.review', subject: op, reason } as const
    await this.handInAct(await contract.act({ as, ...said, with: { approval } }))
    return { by: record.actor }
  }

  /** The broken glass of an operation, for somebody who had no part in it. Throws PROV_OP_REVIEW. */
  #unreviewed(op: string, reviewer: KeyRecord) {
    const { contract, keeper } = this.#parts
    const { actor } = reviewer
    const refuse = (what: string) => opErrors.PROV_OP_REVIEW({ op, actor, what })
    const found = contract.store.get().unreviewed.find((one) => one.op === op)
    if (!found) throw refuse('no glass was broken for it that nobody reviewed')
    const person = (name: string) => personOf(contract.keyring.actor(name) ?? { actor: name })
    if (breakersOf(found).some((one) => person(one) === personOf(reviewer))) {
      throw refuse('they broke it themselves')
    }
    const mayApprove = keeper.policy.compiled?.policy.requester_may_approve === true
    if (person(found.requester) === personOf(reviewer) && !mayApprove) {
      throw refuse('they asked for the operation')
    }
    return found
  }

  rotation(plane: Emitter = 'keeper') {
    return this.#parts.contract.rotation(plane)
  }

  async rotate({ as, plane = 'keeper' }: Parameters<KeeperDesk['rotate']>[0]) {
    const { contract } = this.#parts
    await this.#person(as)
    const { current: from, next } = await this.rotation(plane)
    const said = { act: rotationAct(plane), subject: plane, reason: '' } as const
    const given = { from, ...(next as unknown as JsonObject) }
    await this.handInAct(await contract.act({ as, ...said, with: given }))
    return { kid: next.kid, from, done: contract.service(plane).record.kid === next.kid }
  }

  /** Resolves when the offered key followed, or after a while: the controller may be away for long. */
  #followed(plane: string): Promise<void> {
    const { contract, clock, signal } = this.#parts
    return new Promise((resolve) => {
      const end = (): void => {
        stop()
        late.cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
      const look = (): void => void (contract.keyring.offered(plane) ?? end())
      const stop = contract.follow(look)
      const late = clock.after(confirmWaitMs, end)
      signal.addEventListener('abort', end)
      look()
    })
  }

  async activatePolicy({ as }: { readonly as?: string | undefined }) {
    await this.#person(as)
    const { digest, version, changes } = await this.#proposal()
    if (!changes) return { version, digest }
    const said = { act: 'policy.activate', subject: 'policy', reason: '' } as const
    const act = await this.#parts.contract.act({ as, ...said, with: { digest, version } })
    await this.handInAct(act)
    return { version, digest }
  }

  /** One after the other: an activation is bound to the version that the one before it made. */
  async handInAct(token: string): Promise<void> {
    await this.#sure()
    const turn = this.#acting.then(() => this.#takeAct(token))
    this.#acting = turn.catch(() => {})
    // Others may act meanwhile: how long it takes is up to another plane.
    const act = await turn
    if (act === 'keeper.rotate' || act === 'plane.rotate') {
      await this.#followed(peekToken(token).sub ?? '')
    }
  }

  async #takeAct(token: string): Promise<ActName> {
    const { contract, refusals } = this.#parts
    let subject = 'unknown'
    try {
      const named = peekToken(token).act as ActName
      if (keyActs.has(named)) {
        subject = named
        await contract.changeKeys(token)
        if (named === 'actor.revoke') await this.#parts.keeper.revoked()
        return named
      }
      const opened = await openToken('act', token, contract.tokenContext())
      const { act, with: given } = opened.claims
      subject = act
      const { actor, kind } = opened.record
      if (kind !== 'human') throw policyErrors.PROV_POLICY_ACTIVATION({ actor, kind })
      if (act === 'keeper.mode') {
        const mode = modes.find((one) => one === given['mode'])
        if (mode === undefined) throw otherAct('with')
        this.#acts.take(opened, contract.epoch)
        const data = { mode, by: actor, act: token }
        await contract.emit('keeper', { type: 'keeper.mode', subject: 'mode', data })
      } else if (act === 'policy.activate') {
        const { policy, sources, digest, version, warnings, changes } = await this.#proposal()
        // They signed what they saw: another file, or another policy before it, is not that.
        if (given['digest'] !== digest || given['version'] !== version) throw otherAct('with')
        this.#acts.take(opened, contract.epoch)
        // Somebody else put the very same one in force in between: said twice, no trail would verify.
        if (!changes) return act
        for (const warning of warnings) this.#parts.log.warn(warning)
        const data = { version, digest, by: actor, policy, sources, act: token }
        await contract.emit('keeper', { type: 'policy.activated', subject: policyFile, data })
        await this.#parts.keeper.adopt()
      } else if (act === 'op.review') {
        const { sub: op, reason } = opened.claims
        subject = op
        if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
        const { approval } = this.#unreviewed(op, opened.record)
        if (given['approval'] !== approval) throw otherAct('with')
        this.#acts.take(opened, contract.epoch)
        const data = { by: actor, reason, approval, act: token }
        await contract.emit('keeper', { type: 'op.reviewed', subject: op, data })
      } else throw otherAct('act')
      return act
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      if (isRefusal(thrown)) await refusals.note({ kind: 'act', subject, error: thrown, token })
      throw thrown
    }
  }

  /** What the file proposes now, one version up; a file that is no policy is an alarm. */
  async #proposal() {
    const { contract, files } = this.#parts
    const { policy: before, policyTrouble } = contract.store.get()
    const proposal = await readPolicyFile(files).catch(async (thrown: unknown) => {
      if (ProvError.is(thrown)) await this.#alarm(thrown)
      throw thrown
    })
    // After an alarm the same policy is put in force anew: that ends the alarm, signed by a person.
    const changes = before?.digest !== proposal.digest || Boolean(policyTrouble)
    const version = (before?.version ?? 0) + (changes ? 1 : 0)
    return { ...proposal, version, changes }
  }

  /** Says so when the file is no policy: the last good one judges, and nobody may think otherwise. */
  async lookAtFile(): Promise<void> {
    const { files, signal } = this.#parts
    if (!files.has(policyFile)) return
    await readPolicyFile(files).catch(async (thrown: unknown) => {
      if (!ProvError.is(thrown)) throw thrown
      if (!signal.aborted) await this.#alarm(thrown)
    })
  }

  /** In the trail and on the bus; once per kind of trouble. */
  async #alarm({ code, message }: ProvError): Promise<void> {
    const { contract, journal, clock, log } = this.#parts
    const { policy, policyTrouble: known } = contract.store.get()
    if (known?.code === code && known.message === message) return
    const kept = policy ? `policy ${policy.version} (${policy.digest})` : 'none: all is held'
    const data = { code, message, kept }
    log.error(`${policyFile} is no policy; in force stays ${kept}`, { code, message })
    if (!contract.vouched) return
    const { partition, type, body } = contract
      .emitter('keeper')
      .entry({ type: 'policy.invalid', subject: policyFile, data })
    const subject = subjects.ecosystem(contract.workspace, 'policy', 'invalid')
    const told = outboxEntry('keeper', { subject, id: newId('alarm', clock), body: data })
    await journal.append([{ partition, type, body }, told])
  }

  async #person(as: string | undefined): Promise<Signer> {
    const signer = await this.#parts.contract.signer(as)
    const { actor, kind } = signer.record
    if (kind !== 'human') throw policyErrors.PROV_POLICY_ACTIVATION({ actor, kind })
    return signer
  }

  async ballot(op: string) {
    const { contract, keeper } = this.#parts
    const row = contract.store.get().ops.get(op)
    const intent = keeper.intent(op)
    if (!row || !intent) throw noVoteOn(op, row)
    return {
      op_digest: row.digest,
      plan_digest: row.plan ?? digestOf({ held: false }),
      policy_digest: row.policy ?? keeper.policy.digest,
      state_vector: row.expected,
      exp: intent.claims.exp,
    }
  }

  async #sign(request: VoteRequest, signer: Signer): Promise<string> {
    const { op } = request
    const { contract, clock } = this.#parts
    const claims = voteClaims({
      request,
      ballot: await this.ballot(op),
      kid: signer.record.kid,
      contract,
      clock,
    })
    return signToken('vote', claims, signer)
  }
}

function otherAct(claim: 'act' | 'with') {
  const expected =
    claim === 'act' ? 'an act that the keeper takes' : 'what the file and the keeper say now'
  return tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim, expected })
}

/** An operation that ended is known by its row when its instance is gone: it is held no more. */
function noVoteOn(op: string, row: OpRow | undefined): ProvError {
  return row
    ? opErrors.PROV_OP_NOT_HELD({ op, phase: row.phase })
    : opErrors.PROV_OP_UNKNOWN({ op })
}
