/**
 * Claiming and settling: the only plane that lets anything happen, and the only one that says what
 * came of it.
 *
 *     ops.cmd ─▶ number ─▶ verify ─▶ frame { controller/<op>, op.claimed } ─▶ ack ─▶ execute
 *                   │         └─▶ op.refused | op.expired (late)                        │
 *                   └─▶ early: waits 30 s, then skipped                                 ▼
 *                                        frame { op.applied | op.failed | op.in_doubt } = RESULT
 *
 * One command is decided at a time, in the order of the keeper's numbers; what was decided becomes
 * durable and runs side by side.
 *
 * @module
 */
import {
  asProvError,
  digestOf,
  isMessage,
  opErrors,
  openToken,
  openTokenLater,
  openTokenNow,
  peekToken,
  tokenErrors,
} from 'prov'
import type {
  ApprovalClaims,
  Clock,
  Contract,
  Delivery,
  IntentClaims,
  JsonObject,
  KeyRecord,
  Log,
  OpBody,
  OpsModel,
  Orchestrator,
  ProvError,
  Refusals,
  RunOutcome,
  Timer,
  Topology,
} from 'prov'
import type { OperationFact, OperationInput } from 'prov/machines'
import { expiries } from 'prov/policies'
import type { CompiledPolicy } from 'prov/policies'
import { ackResult } from './answer.ts'
import { compiledIn, unbacked } from './backing.ts'
import type { Letters } from './letters.ts'
import { Numbers } from './numbers.ts'
import { movedMeanwhile, resultFact } from './result.ts'
import { judgeClaim } from './verify.ts'

export interface ControllerParts {
  readonly contract: Contract
  readonly clock: Clock
  readonly log: Log
  readonly topology: Topology
  readonly orchestrator: Orchestrator
  readonly refusals: Refusals
  readonly letters: Letters
  /** True when this plane has an instance of the operation: it was claimed before. */
  readonly knows: (op: string) => boolean
  readonly start: (op: string, input: OperationInput) => Promise<unknown>
  /** The approval that an instance was claimed with. */
  readonly token: (op: string) => string | undefined
  /** Aborts when this plane stops. */
  readonly signal: AbortSignal
}

interface Command {
  readonly delivery: Delivery
  readonly approval: ApprovalClaims
  readonly intent: IntentClaims
  readonly requester: KeyRecord
  readonly token: string
  readonly digest: string
}

export class Controller {
  readonly #parts: ControllerParts
  readonly #numbers: Numbers
  /** Who holds what, from CLAIM to RESULT. */
  readonly #holds = new Map<string, string>()
  readonly #early = new Map<number, Command>()
  /** Claims on their way to the disk, by operation. */
  readonly #claiming = new Map<string, Promise<unknown>>()
  #gap: Timer | undefined
  #policy: { source: OpsModel['policy']; compiled: CompiledPolicy | undefined } = {
    source: null,
    compiled: undefined,
  }
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: ControllerParts) {
    this.#parts = parts
    this.#numbers = new Numbers(parts.contract)
    for (const row of parts.contract.store.get().open.values()) {
      for (const dimension of row.writes ?? []) this.#holds.set(dimension, row.id)
    }
  }

  /** Records where everything stood when it was seen first; adds what the files declare since. */
  async genesis(): Promise<void> {
    const { contract, topology } = this.#parts
    const declared = await topology.genesis()
    const { positions: known, at, capabilities: had } = contract.store.get()
    const first = at === null || Object.keys(known).length === 0
    const positions = Object.fromEntries(
      Object.entries(declared.positions).filter(([dimension]) => known[dimension] === undefined),
    )
    if (!first && Object.keys(positions).length === 0) return
    // Capabilities come and go with operations; only at the very first sight the files say them.
    const capabilities = first && had.length === 0 ? declared.capabilities : []
    const data = { positions, capabilities }
    await contract.emit('controller', { type: 'state.genesis', subject: contract.workspace, data })
  }

  /** Handles one message; resolves when it was decided. Never throws. */
  take(delivery: Delivery): Promise<void> {
    // Signatures are checked side by side, decisions made one after the other.
    const checked = this.#check(delivery).catch(() => {})
    this.#turn = this.#turn
      .then(() => checked)
      .then(() => this.#take(delivery))
      .catch((thrown: unknown) => this.#turnAway(delivery, thrown))
    return this.#turn
  }

  stop(): void {
    this.#gap?.cancel()
    this.#gap = undefined
  }

  /** Called after an end is durable: what it held is free. */
  release(op: string): void {
    for (const [dimension, holder] of this.#holds) {
      if (holder === op) this.#holds.delete(dimension)
    }
  }

  /**
   * Runs what was claimed, under its token; answers with the RESULT as a fact. Rejects when Prov
   * stops meanwhile: what runs goes on and is asked for at the next start, so nothing is in doubt.
   */
  async execute(op: string, providerToken: string, epoch?: number): Promise<OperationFact> {
    const { contract, orchestrator } = this.#parts
    const { intent, approval } = this.#claimed(op)
    const body = intent.op
    if (approval.aud !== contract.journal) {
      // Its token is another one here, so a provider could not tell a second run from the first.
      const { code, message } = opErrors.PROV_OP_ADOPTED({ op })
      return this.result(body, { outcome: 'unknown', code, message, detail: {} })
    }
    let outcome: RunOutcome
    try {
      outcome = body.run
        ? await orchestrator.run({
            op,
            token: providerToken,
            epoch,
            run: body.run,
            labels: { workspace: contract.workspace, op, target: body.target },
            body,
          })
        : { outcome: 'applied', detail: {} }
    } catch (thrown) {
      if (this.#parts.signal.aborted) throw thrown
      // Whoever could have answered broke off: nobody knows how far it came.
      const { code, message } = asProvError(thrown)
      outcome = { outcome: 'unknown', code, message, detail: {} }
    }
    const moved = movedMeanwhile(intent, contract.store.get().positions)
    if (outcome.outcome === 'applied' && moved) {
      // The work was done against a state that is no more: what that means is for a person to say.
      const { code, message } = moved
      outcome = { outcome: 'unknown', code, message, detail: outcome.detail }
    }
    return this.result(body, outcome)
  }

  /** The RESULT of an outcome, against where things stand now. */
  result(body: OpBody, outcome: RunOutcome): OperationFact {
    const { contract, clock } = this.#parts
    return resultFact(body, outcome, contract.store.get().positions, clock.now())
  }

  /** The claims that an operation was claimed with. */
  #claimed(op: string): { readonly approval: ApprovalClaims; readonly intent: IntentClaims } {
    const context = this.#parts.contract.tokenContext('kept')
    const approval = openTokenNow('approval', this.#parts.token(op), context).claims
    return { approval, intent: openTokenNow('intent', approval.intent, context).claims }
  }

  /** The body of a claimed operation. */
  body(op: string): OpBody {
    return this.#claimed(op).intent.op
  }

  /** Checks the signatures of a command, so that whoever opens it in its turn finds them known. */
  async #check({ body }: Delivery): Promise<void> {
    const { kind, token } = Object(body) as JsonObject
    if (kind !== 'command') return
    const context = this.#parts.contract.tokenContext('leave')
    const { claims } = await openTokenLater('approval', token, context)
    await openTokenLater('intent', claims.intent, context)
  }

  async #take(delivery: Delivery): Promise<void> {
    // Whoever may not lead any more decides nothing; it comes again, there or here.
    this.#parts.contract.claimEpoch()
    const { kind, token, seq, keeper_epoch: epoch } = Object(delivery.body) as JsonObject
    if (kind === 'withdraw') return this.#withdraw(delivery, token)
    if (kind === 'void') return this.#giveUp(delivery, seq, epoch)
    if (kind !== 'command') {
      const expected = 'a command, a void number or a withdrawal'
      throw tokenErrors.PROV_TOKEN_MALFORMED({ kind: 'message', claim: 'kind', expected })
    }
    // Times are judged at CLAIM: a command that is turned away here would leave its number open.
    const context = this.#parts.contract.tokenContext('leave')
    const { claims: approval, digest } = openTokenNow('approval', token, context)
    const { claims: intent, record: requester } = openTokenNow('intent', approval.intent, context)
    this.#mustStandInTrail(approval, digest)
    await this.#place({ delivery, approval, intent, requester, token: token as string, digest })
  }

  /** What a key signed before another followed it stands in the keeper's trail; nothing else counts. */
  #mustStandInTrail({ iss, seq, keeper_epoch: epoch }: ApprovalClaims, digest: string): void {
    const { keyring, store } = this.#parts.contract
    if (!keyring.retired(iss)) return
    const row = store.get().numbers.get(epoch, seq)
    if (row?.used === 'past' || row?.approval === digest) return
    const expected = 'the key that signs for the keeper now'
    throw tokenErrors.PROV_TOKEN_KEY_RETIRED({ kind: 'approval', claim: 'kid', expected })
  }

  async #place(command: Command): Promise<void> {
    const { approval, delivery, digest } = command
    const { sub: op, seq, keeper_epoch: keeperEpoch } = approval
    const { hears, store } = this.#parts.contract
    // Its number must be known as the keeper's, or what is said about it would rest on nothing.
    if (hears && !store.get().numbers.has(keeperEpoch, seq)) {
      throw opErrors.PROV_OP_NOT_HEARD({ op, what: 'the approval' })
    }
    const place = this.#numbers.place({ keeperEpoch, seq, op, approval: digest })
    // Its record is on the way to the disk: this delivery stays open and the first one is answered.
    if (place === 'under way') return
    if (place === 'done') return this.#repeat(command)
    if (place === 'reused') throw opErrors.PROV_OP_SEQ_REUSED({ op, seq, keeperEpoch })
    if (place === 'spent') {
      const error = opErrors.PROV_OP_SEQ_SKIPPED({ op, seq, keeperEpoch })
      await this.#lapse(op, error)
      return delivery.ack()
    }
    if (place === 'early') {
      const before = this.#early.get(seq)
      this.#early.set(seq, command)
      this.#watchGap()
      // Sent again: the one that came first must not keep a place from those that are missing.
      if (before && before.delivery.sequence !== delivery.sequence) await before.delivery.ack()
      return
    }
    await this.#decide(command)
    await this.#goOn()
  }

  /** A known command again: what the outbox sent has its id, once or more often; else it is a replay. */
  async #repeat({ approval, delivery, token }: Command): Promise<void> {
    const { seq, keeper_epoch: epoch, sub } = approval
    if (!isMessage(delivery.id, `command:${epoch}:${seq}`)) {
      const detail = { kind: 'approval', claim: 'jti', expected: 'an id not used yet' }
      const error = tokenErrors.PROV_TOKEN_REPLAYED(detail)
      await this.#parts.refusals.note({ kind: 'approval', subject: sub, error, token })
      return delivery.term(error.code)
    }
    await delivery.ack()
  }

  async #decide(command: Command): Promise<void> {
    const { contract, topology, clock, knows, start } = this.#parts
    const { approval, intent, requester, token, delivery } = command
    const { sub: op, seq, keeper_epoch } = approval
    const epoch = contract.claimEpoch()
    if (knows(op)) {
      this.#numbers.take(seq)
      const detail = { kind: 'approval', claim: 'sub', expected: 'an operation not claimed yet' }
      await this.#spend(seq)
      const error = tokenErrors.PROV_TOKEN_REPLAYED(detail)
      await this.#parts.refusals.note({ kind: 'approval', subject: op, error, token })
      return delivery.term(error.code)
    }
    const { requires } = intent.op
    const gates = requires.length > 0 ? await topology.gates(requires) : []
    const { positions, policy, mode, ops } = contract.store.get()
    const nowMs = clock.now()
    const { key } = contract.keyring
    const { votes = [] } = ops.get(op) ?? {}
    const behind = { approval, intent, requester, votes, policy: this.#policyNow(), mode, key }
    const holds = this.#holds
    const answer = judgeClaim({
      approval,
      intent,
      policy,
      positions,
      holds,
      gates,
      lapsedMs: this.#lapsedMs(op),
      unbacked: unbacked(behind),
      revoked: (kid) => contract.keyring.revocation(kid) !== undefined,
      nowMs,
    })
    this.#numbers.take(seq)
    if (answer.answer !== 'claim') {
      if (answer.answer === 'refuse') await this.#refuse(op, answer.error, seq)
      else await this.#lapse(op, answer.error, seq)
      return delivery.ack()
    }
    const writes = [...new Set(intent.op.achieves.map(({ dimension }) => dimension))]
    for (const dimension of writes) this.#holds.set(dimension, op)
    const provider_token = digestOf({ journal: contract.journal, op, step: 'run' })
    const claim = { seq, keeper_epoch, epoch, provider_token, writes }
    const at = nowMs
    const started = start(op, {
      id: op,
      workspace: contract.workspace,
      op: intent.op.type,
      target: intent.op.target,
      digest: intent.op_digest,
      by: requester.actor,
      at,
      token,
      birth: {
        type: 'op.claimed',
        seq,
        epoch,
        providerToken: provider_token,
        at,
        by: 'controller',
        data: { say: [{ type: 'op.claimed', data: claim }] },
      },
    })
    this.#claiming.set(op, started)
    // Durable first, acknowledged then; the next command need not wait for the disk.
    void started
      .finally(() => this.#claiming.delete(op))
      .then(() => delivery.ack())
      .catch((thrown: unknown) => {
        this.release(op)
        return this.#turnAway(delivery, thrown)
      })
  }

  /** Whatever waited for its turn and has it now. */
  async #goOn(): Promise<void> {
    this.#gap?.cancel()
    this.#gap = undefined
    for (;;) {
      this.#numbers.settle()
      const command = this.#early.get(this.#numbers.next)
      if (!command) break
      this.#early.delete(this.#numbers.next)
      await this.#decide(command).catch((thrown: unknown) =>
        this.#turnAway(command.delivery, thrown),
      )
    }
    if (this.#early.size > 0) this.#watchGap()
  }

  #watchGap(): void {
    const skip = (): void => {
      this.#gap = undefined
      this.#turn = this.#turn.then(() =>
        this.#skip().catch((thrown: unknown) => {
          this.#parts.log.error('a gap could not be closed', asProvError(thrown).toJSON())
        }),
      )
    }
    this.#gap ??= this.#parts.clock.after(expiries.sequenceGapMs, skip, { background: true })
  }

  /** Gives up the numbers before the first command that waits, each with a record and an alarm. */
  async #skip(): Promise<void> {
    if (this.#early.size === 0) return
    const first = Math.min(...this.#early.keys())
    for (let seq = this.#numbers.next; seq < first; seq = this.#numbers.next) {
      this.#parts.log.warn(`command ${seq} did not come; its number is given up`)
      const op = this.#numbers.row(seq)?.op
      this.#numbers.take(seq)
      if (op === undefined) await this.#spend(seq)
      else {
        const keeperEpoch = this.#numbers.epoch
        await this.#lapse(op, opErrors.PROV_OP_SEQ_SKIPPED({ op, seq, keeperEpoch }), seq)
      }
    }
    await this.#goOn()
  }

  /** The keeper says that nobody uses a number; its trail must not say otherwise. */
  async #giveUp(delivery: Delivery, seq: unknown, epoch: unknown): Promise<void> {
    const known = typeof seq === 'number' ? this.#numbers.row(seq) : undefined
    if (typeof seq === 'number' && epoch === this.#numbers.epoch && !known) {
      await this.#spend(seq)
      await this.#goOn()
    }
    await delivery.ack()
  }

  /** A person takes back what was approved and is not claimed yet. */
  async #withdraw(delivery: Delivery, token: unknown): Promise<void> {
    const { contract, refusals } = this.#parts
    const { claims, record, digest } = await openToken('act', token, contract.tokenContext())
    const op = claims.sub
    // A claim that is not durable yet is a claim: nobody may be told that it is taken back.
    await this.#claiming.get(op)?.catch(() => {})
    const row = contract.store.get().ops.get(op)
    if (contract.hears && (!row || row.phase === 'submitted' || row.phase === 'held')) {
      throw opErrors.PROV_OP_NOT_HEARD({ op, what: 'the approval' })
    }
    if (!row) throw opErrors.PROV_OP_UNKNOWN({ op })
    if (claims.act !== 'op.withdraw' || record.kid !== row.kid) {
      throw opErrors.PROV_OP_NOT_YOURS({ op, by: record.actor, requester: row.by })
    }
    if (row.phase !== 'approved' || row.seq === undefined || this.#parts.knows(op)) {
      const error = opErrors.PROV_OP_ALREADY_CLAIMED({ op, phase: row.phase })
      if (row.phase !== 'withdrawn') {
        await refusals.note({ kind: 'withdraw', subject: op, error, token })
      }
      return delivery.ack()
    }
    const { seq, keeperEpoch: keeper_epoch = this.#numbers.epoch } = row
    const open = this.#numbers.row(seq)?.used === undefined
    const number = open ? { seq, keeper_epoch } : {}
    const data = { by: record.actor, reason: claims.reason, ...number }
    await contract.emit('controller', {
      type: 'op.withdrawn',
      subject: op,
      data,
      causation: digest,
    })
    this.#early.delete(seq)
    await delivery.ack()
    await this.#goOn()
  }

  async #refuse(op: string, error: ProvError, seq: number): Promise<void> {
    const { code, message, remedy } = error
    const data = { code, message, remedy, seq, keeper_epoch: this.#numbers.epoch }
    await this.#parts.contract.emit('controller', { type: 'op.refused', subject: op, data })
  }

  /** The policy in force, compiled once. */
  #policyNow(): CompiledPolicy | undefined {
    const { policy } = this.#parts.contract.store.get()
    if (policy !== this.#policy.source)
      this.#policy = { source: policy, compiled: compiledIn(policy) }
    return this.#policy.compiled
  }

  /** When a command of the operation had no force last. */
  #lapsedMs(op: string): number | undefined {
    const notes = this.#parts.contract.store.get().ops.get(op)?.notes ?? []
    const last = notes.findLast(({ phase, code }) => phase === 'approved' && code !== undefined)
    return last && Date.parse(last.at)
  }

  async #lapse(op: string, error: ProvError, seq?: number): Promise<void> {
    const { code, message } = error
    const number = seq === undefined ? {} : { seq, keeper_epoch: this.#numbers.epoch }
    const data = { what: 'command', code, message, ...number } as const
    await this.#parts.contract.emit('controller', { type: 'op.expired', subject: op, data })
  }

  async #spend(seq: number): Promise<void> {
    const data = { seq, keeper_epoch: this.#numbers.epoch }
    await this.#parts.contract.emit('controller', {
      type: 'seq.skipped',
      subject: 'keeper',
      data,
    })
  }

  async #turnAway(delivery: Delivery, thrown: unknown): Promise<void> {
    const { log, refusals, letters } = this.#parts
    const error = asProvError(thrown)
    const result = ackResult(error, delivery.attempt)
    const { kind, token } = Object(delivery.body) as JsonObject
    const { code, message } = error
    try {
      if (result.answer === 'ack') return await delivery.ack()
      if (result.answer === 'nak') {
        log.warn(`${delivery.id} again in ${result.delayMs} ms`, { code, message })
        return await delivery.nak({ delayMs: result.delayMs })
      }
      if (result.answer === 'bury') {
        await letters.bury(delivery, error)
        log.error(`${delivery.id} was set aside: see prov controller status`, { code, message })
        return await delivery.term(code)
      }
      const subject = peekToken(token).sub ?? 'unknown'
      await refusals.note({ kind, subject, error, token: token ?? null })
      await delivery.term(error.code)
    } catch (again) {
      log.warn(`${delivery.id} could not be turned away`, { thrown: String(again) })
    }
  }
}
