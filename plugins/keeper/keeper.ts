/**
 * The keeper's acts on one operation: judge it, count its votes, sign its approval, let it expire.
 * Each act is one fact on the operation's own instance, which keeps step, events and messages in
 * one frame; an act that comes again (after a crash, by a second vote) finds the phase moved on and
 * does nothing.
 *
 *     intent ── begin ──▶ submitted | approved at once
 *     submitted ── judge ──▶ refused | held | approved
 *     held ── vote, count ──▶ held | refused | approved        policy moved: held again, votes void
 *     approved ── command late, skipped ──▶ judge again
 *
 * Numbers: each approval takes the next one at once and many may be under way. One that was taken
 * and not used (the phase had moved on) is given back to the controller as void, so a gap never
 * stays open.
 *
 * @module
 */
import {
  crashPoint,
  newId,
  opErrors,
  openTokenNow,
  outboxEntry,
  peekIntent,
  personOf,
  planDigest,
  policyErrors,
  seqKey,
  sleep,
  subjects,
  tokenErrors,
} from 'prov'
import type {
  Acted,
  ActorRef,
  Clock,
  Contract,
  IntentClaims,
  OpPhase,
  OpRow,
  Journal,
  KeyRecord,
  Log,
  Millis,
  ProvError,
  Refusals,
  Timer,
} from 'prov'
import type { OperationContext, OperationFact, OperationInput } from 'prov/machines'
import { retries, retryDelayMs } from 'prov/policies'
import { signApproval } from './approval.ts'
import {
  countOf,
  glassFor,
  glassIn,
  judgeOp,
  movedState,
  noPolicy,
  policyInForce,
} from './decide.ts'
import type { Count, Judgement, PolicyInForce, TakenVote } from './decide.ts'

export type OperationRef = ActorRef<OperationContext>

export interface KeeperParts {
  readonly contract: Contract
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly refusals: Refusals
  /** This plane's instance of an operation. */
  readonly ref: (op: string) => OperationRef | undefined
  /** Starts this plane's instance; resolves once it is durable. */
  readonly start: (op: string, input: OperationInput) => Promise<unknown>
  readonly signal: AbortSignal
}

/** Held operations are looked at so often: what waits is the monotonic clock, what counts the wall. */
const longestLookMs: Millis = 600_000

/** The intent of an operation that this plane took, verified when it came in. */
export interface KnownIntent {
  readonly token: string
  readonly claims: IntentClaims
  readonly requester: KeyRecord
}

export class Keeper {
  readonly #parts: KeeperParts
  readonly #timers = new Map<string, Timer>()
  readonly #turns = new Map<string, Promise<void>>()
  readonly #epoch: number
  #seq: number
  #policy: PolicyInForce

  constructor(parts: KeeperParts) {
    this.#parts = parts
    const { highest, policy } = parts.contract.store.get()
    this.#epoch = highest.keeperEpoch
    this.#seq = highest.seq
    this.#policy = policyInForce(policy)
  }

  /** What matching, hashing and signing use; swapped whole by `adopt`, never changed. */
  get policy(): PolicyInForce {
    return this.#policy
  }

  get epoch(): number {
    return this.#epoch
  }

  get nextSeq(): number {
    return this.#seq + 1
  }

  /** Goes on where an earlier life stopped: holes, expiries, operations judged by an older policy. */
  async resume(): Promise<void> {
    const { numbers, open } = this.#parts.contract.store.get()
    for (let seq = numbers.floor(this.#epoch) + 1; seq <= this.#seq; seq++) {
      if (!numbers.has(this.#epoch, seq)) await this.#giveBack(seq)
    }
    for (const row of open.values()) {
      // Many may wait, and a signature costs more than all of this: it is looked at before anything follows.
      const kept = this.kept(row.id)
      if (!kept) continue
      if (waits(row.phase) && this.#isLeft(kept)) await this.judge(row.id)
      if (row.phase !== 'held') continue
      if (this.#restsOnRevoked(row)) await this.judge(row.id)
      else if (row.policy === this.#policy.digest) this.#watchExpiry(row.id)
      else await this.judge(row.id, 'the policy in force is another one')
    }
  }

  /** Takes the activated policy of the journal into force and judges what is held by it. */
  async adopt(): Promise<void> {
    const { policy, open } = this.#parts.contract.store.get()
    this.#policy = policyInForce(policy)
    const counts = (row: OpRow) => row.phase === 'held' && row.policy !== this.#policy.digest
    for (const row of open.values()) {
      if (!counts(row)) continue
      await this.#judgeWhile(row.id, counts, `policy ${this.#policy.version} came into force`)
    }
  }

  /** Signs what was held by the mode alone; votes on anything else stay as they are. */
  async switched(): Promise<void> {
    const signs = ({ id, phase }: OpRow): boolean => {
      const intent = phase === 'held' ? this.intent(id) : undefined
      return intent !== undefined && this.judgement(intent).verdict === 'auto-sign'
    }
    for (const row of this.#parts.contract.store.get().open.values()) {
      if (row.trace?.some(({ matched, effect }) => matched && effect === 'auto-sign')) {
        await this.#judgeWhile(row.id, signs)
      }
    }
  }

  /** Ends what counts on a state that is over: no approval could bring it back. */
  async moved(): Promise<void> {
    const { positions, open } = this.#parts.contract.store.get()
    for (const row of open.values()) {
      if (row.phase !== 'held' || !movedState(row.id, row.expected, positions)) continue
      await this.judge(row.id)
    }
  }

  /** Ends what a revoked key asked for, and holds anew what one agreed to. */
  async revoked(): Promise<void> {
    for (const row of this.#parts.contract.store.get().open.values()) {
      if (this.#restsOnRevoked(row)) await this.#judgeWhile(row.id, this.#restsOnRevoked)
    }
  }

  readonly #restsOnRevoked = ({ phase, kid, votes }: OpRow): boolean =>
    waits(phase) && this.#revokedIn([kid, ...votes.map((vote) => vote.kid)]) !== undefined

  /** The first actor of these whose key was revoked. */
  #revokedIn(kids: readonly (string | undefined)[]): string | undefined {
    const { keyring } = this.#parts.contract
    const kid = kids.find((one) => one !== undefined && keyring.revocation(one) !== undefined)
    return kid === undefined ? undefined : keyring.key(kid)?.actor
  }

  /** Counts what was voted once more: who is of which group changed. */
  async recount(): Promise<void> {
    for (const row of this.#parts.contract.store.get().open.values()) {
      if (row.phase === 'held' && row.votes.length > 0) await this.count(row.id)
    }
  }

  #token(op: string): string | undefined {
    return this.#parts.ref(op)?.snapshot().context.token ?? undefined
  }

  /** What the intent that an instance holds says of itself: nobody looks at its signature. */
  kept(op: string): ReturnType<typeof peekIntent> | undefined {
    const token = this.#token(op)
    return token === undefined ? undefined : peekIntent(token)
  }

  /** The intent that an instance holds. */
  intent(op: string): KnownIntent | undefined {
    const token = this.#token(op)
    if (token === undefined) return undefined
    const context = this.#parts.contract.tokenContext('kept')
    const { claims, record } = openTokenNow('intent', token, context)
    return { token, claims, requester: record }
  }

  judgement({ claims, requester }: KnownIntent): Judgement {
    const { clock, contract } = this.#parts
    const { mode } = contract.store.get()
    return judgeOp({ claims, requester, policy: this.#policy, mode, nowMs: clock.now() })
  }

  /**
   * Begins an operation of a checked intent, and resolves once that is durable. What policy signs by
   * itself begins approved, in one frame; anything else is judged in its turn.
   */
  begin(intent: KnownIntent): Promise<void> {
    const { contract, clock, start } = this.#parts
    const { claims, requester, token } = intent
    const { sub: op, op: body, op_digest: digest } = claims
    const { actor: by } = requester
    return this.#inTurn(op, async () => {
      const at = clock.now()
      // One that came twice at once takes no number.
      const signed = this.#parts.ref(op) ? undefined : this.#signedAtOnce(intent)
      const { workspace } = contract
      const { type, target } = body
      await start(op, {
        id: op,
        workspace,
        op: type,
        target,
        digest,
        by,
        at,
        token,
        ...(signed && { birth: { ...signed, at, by: 'keeper' } }),
      }).catch(async (thrown: unknown) => {
        if (signed) await this.#giveBack(signed.seq)
        throw thrown
      })
      crashPoint('inbox')
      if (signed) await this.#numbered(op, signed.seq)
    })
  }

  #signedAtOnce(intent: KnownIntent): ApprovedFact | undefined {
    const { claims } = intent
    const { positions } = this.#parts.contract.store.get()
    const stands =
      !this.#isLeft(claims) &&
      !this.#isOver(intent) &&
      !this.#isOutdated() &&
      this.#revokedIn([claims.iss]) === undefined &&
      movedState(claims.sub, claims.expected_state_version, positions) === undefined
    const judgement = stands ? this.judgement(intent) : undefined
    if (judgement?.verdict !== 'auto-sign') return undefined
    crashPoint('judged')
    return this.#signed(intent, [], judgement)
  }

  /** Judges an operation that waits for the keeper; `moved` says why it is judged once more. */
  judge(op: string, moved?: string): Promise<void> {
    return this.#inTurn(op, () => this.#judge(op, moved))
  }

  /**
   * The same for what the operation itself asks for. The more of its commands had no force, the later:
   * beside a clock that is wrong the next one is in vain as well, and each is a record for good.
   */
  async judgeAfterPause(op: string, signal: AbortSignal): Promise<void> {
    const { ref, clock } = this.#parts
    const { trail = [] } = ref(op)?.snapshot().context ?? {}
    const lapses = trail.filter(({ fact }) => fact === 'op.expired').length
    const pauseMs = retryDelayMs(retries.command, { attempt: lapses, random: 0 })
    if (pauseMs !== undefined) await sleep(clock, pauseMs, signal)
    await this.judge(op)
  }

  /** Judges once more what is still so in its turn: to be judged twice would void newer votes. */
  #judgeWhile(op: string, still: (row: OpRow) => boolean, moved?: string): Promise<void> {
    return this.#inTurn(op, async () => {
      const row = this.#parts.contract.store.get().ops.get(op)
      if (row && still(row)) await this.#judge(op, moved)
    })
  }

  /** Counts the votes of a held operation and acts on the outcome. */
  count(op: string): Promise<void> {
    return this.#inTurn(op, () => this.#count(op))
  }

  /** Ends an operation whose intent is over. */
  expire(op: string): Promise<void> {
    return this.#inTurn(op, () => this.#expire(op))
  }

  /**
   * Takes an operation back at the wish of the one who asked for it. False when it was approved
   * meanwhile: its number is on the way, and only the controller can say whether it is too late.
   */
  async withdraw(op: string, by: string, reason: string, causation: string): Promise<boolean> {
    const fact = {
      type: 'op.withdrawn',
      why: reason,
      data: { say: [{ type: 'op.withdrawn', data: { by, reason }, causation }] },
    } as const
    let inTime = false
    await this.#inTurn(op, async () => {
      const phase = this.#parts.ref(op)?.snapshot().value
      inTime = phase === 'submitted' || phase === 'held'
      if (inTime) await this.#apply(op, fact)
    })
    return inTime
  }

  stop(): void {
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  /** Acts on one operation wait for each other: each sees what the last one did. */
  #inTurn(op: string, act: () => Promise<void>): Promise<void> {
    const { contract, signal } = this.#parts
    const turn = (this.#turns.get(op) ?? Promise.resolve()).then(() =>
      // An older journal would sign a number once more, for something else.
      contract.vouched ? act() : contract.sure({ signal }).then(act),
    )
    const settled = turn.catch(() => {})
    this.#turns.set(op, settled)
    void settled.then(() => {
      if (this.#turns.get(op) === settled) this.#turns.delete(op)
    })
    return turn
  }

  async #judge(op: string, moved?: string): Promise<void> {
    const ref = this.#parts.ref(op)
    const intent = this.intent(op)
    if (!ref || !intent) return
    const { value, context } = ref.snapshot()
    if (this.#isLeft(intent.claims)) return this.#refuse(op, opErrors.PROV_OP_ADOPTED({ op }))
    const lapsed = value === 'approved' && context.lapsed
    if (value !== 'submitted' && value !== 'held' && !lapsed) return
    if (this.#isOver(intent)) return this.#expire(op)
    if (this.#revokedIn([intent.claims.iss]) !== undefined) {
      const expected = 'a key that was not revoked'
      const detail = { kind: 'intent', claim: 'kid', expected }
      const error = tokenErrors.PROV_TOKEN_KEY_REVOKED(detail)
      return this.#refuse(op, error, undefined, voidedIn(context))
    }
    const gone = this.#revokedIn(context.votes.map(({ kid }) => kid))
    if (await this.#isMoved(intent, context)) return
    const row = this.#parts.contract.store.get().ops.get(op)
    const nowMs = this.#parts.clock.now()
    const isSpent = context.votes.some(({ until = Infinity }) => until <= nowMs)
    if (
      gone === undefined &&
      !isSpent &&
      lapsed &&
      context.votes.length > 0 &&
      row?.policy === this.#policy.digest
    ) {
      return this.#count(op)
    }
    const judgement = this.judgement(intent)
    crashPoint('judged')
    if (judgement.verdict === 'deny') {
      const rule = judgement.rule ?? 'unknown'
      const error = opErrors.PROV_OP_DENIED({ op, rule, why: judgement.why })
      return this.#refuse(op, error, judgement, voidedIn(context))
    }
    if (judgement.verdict === 'auto-sign') return this.#approve(intent, [], judgement)
    const revoked = gone === undefined ? undefined : `the key of ${gone} was revoked`
    const spent = isSpent ? 'the time of the broken glass is over' : undefined
    const because =
      moved ?? revoked ?? spent ?? (lapsed ? 'its command had no force any more' : undefined)
    const lost = voidedIn(context)
    const why = because === undefined ? judgement.why : `${judgement.why} (${because}${lost})`
    await this.#apply(op, {
      type: 'op.held',
      needs: judgement.needs,
      why,
      data: this.#heldData(intent, judgement, why),
    })
    this.#watchExpiry(op)
  }

  async #count(op: string): Promise<void> {
    const ref = this.#parts.ref(op)
    const intent = this.intent(op)
    if (!ref || !intent) return
    const { value, context } = ref.snapshot()
    if (value !== 'held' && !(value === 'approved' && context.lapsed)) return
    if (this.#isLeft(intent.claims) || this.#isOver(intent)) return this.#judge(op)
    if (
      this.#revokedIn([intent.claims.iss, ...context.votes.map(({ kid }) => kid)]) !== undefined
    ) {
      return this.#judge(op)
    }
    if (await this.#isMoved(intent, context)) return
    const judgement = this.judgement(intent)
    if (judgement.verdict === 'deny') return this.#judge(op)
    const counted = this.#tally(intent, judgement, context)
    if (counted.outcome === 'rejected') {
      const { actor: by, reason } = counted.by
      return this.#refuse(op, opErrors.PROV_OP_REJECTED({ op, by, reason }))
    }
    if (counted.outcome === 'approved') await this.#approve(intent, counted.by)
  }

  /** Who must still agree to a held operation, in words. */
  missing(op: string): string {
    const context = this.#parts.ref(op)?.snapshot().context
    const intent = this.intent(op)
    if (!context || !intent) return 'nothing'
    const counted = this.#tally(intent, this.judgement(intent), context)
    return counted.outcome === 'waiting' ? counted.needs : 'nothing'
  }

  #tally({ requester }: KnownIntent, { quorum }: Judgement, context: OperationContext): Count {
    const votes = takenVotes(context)
    return countOf(votes, {
      quorum,
      requester: personOf(requester),
      requesterMayApprove: this.#policy.compiled?.policy.requester_may_approve === true,
      nowMs: this.#parts.clock.now(),
      key: this.#parts.contract.keyring.key,
    })
  }

  /** Refuses what counts on a state that is over; what people agreed to is gone with it. */
  async #isMoved({ claims }: KnownIntent, context: OperationContext): Promise<boolean> {
    const { positions } = this.#parts.contract.store.get()
    const error = movedState(claims.sub, claims.expected_state_version, positions)
    if (error) await this.#refuse(claims.sub, error, undefined, voidedIn(context))
    return error !== undefined
  }

  /** True for what was signed for a journal that went on under another id. */
  #isLeft({ aud }: Pick<IntentClaims, 'aud'>): boolean {
    return aud !== this.#parts.contract.journal
  }

  async #expire(op: string): Promise<void> {
    const intent = this.intent(op)
    const context = this.#parts.ref(op)?.snapshot().context
    if (!intent || !context) return
    const lateMs = this.#parts.clock.now() - intent.claims.exp * 1_000
    const expected = 'a later time'
    const detail = { kind: 'intent', claim: 'exp', expected, lateMs }
    const { code, message: over } = tokenErrors.PROV_TOKEN_EXPIRED(detail)
    const message = `${over}${voidedIn(context)}`
    await this.#apply(op, {
      type: 'op.expired',
      what: 'intent',
      why: message,
      data: { say: [{ type: 'op.expired', data: { what: 'intent', code, message } }] },
    })
  }

  #isOver({ claims }: KnownIntent): boolean {
    return this.#parts.clock.now() >= claims.exp * 1_000
  }

  #heldData({ claims }: KnownIntent, judgement: Judgement, why: string): Acted {
    return {
      say: [
        { type: 'op.matched', data: judgement.matched },
        {
          type: 'op.held',
          data: {
            why,
            plan_digest: planDigest(claims),
            policy_digest: this.#policy.digest,
            needs: judgement.needs,
          },
        },
      ],
      send: [
        {
          subject: subjects.ecosystem(claims.workspace, 'op', 'held'),
          id: newId('held', this.#parts.clock),
          body: {
            op: claims.sub,
            type: claims.op.type,
            target: claims.op.target,
            needs: judgement.needs,
            why,
          },
        },
      ],
    }
  }

  async #refuse(op: string, error: ProvError, judgement?: Judgement, lost = ''): Promise<void> {
    const { code, remedy } = error
    const message = `${error.message}${lost}`
    await this.#apply(op, {
      type: 'op.refused',
      code,
      why: message,
      data: {
        say: [
          ...(judgement ? [{ type: 'op.matched' as const, data: judgement.matched }] : []),
          { type: 'op.refused', data: { code, message, remedy } },
        ],
      },
    })
  }

  /** One frame: number, approval token, message to the controller, events. */
  async #approve(
    intent: KnownIntent,
    votes: readonly TakenVote[],
    judgement?: Judgement,
  ): Promise<void> {
    const op = intent.claims.sub
    // Matching and signing stand in one turn; what was activated meanwhile is judged anew.
    if (this.#isOutdated()) {
      const matched = this.#policy.digest
      this.#policy = policyInForce(this.#parts.contract.store.get().policy)
      const { digest: active, version } = this.#policy
      const error = policyErrors.PROV_POLICY_CHANGED({ op, matched, active })
      const { token } = intent
      await this.#parts.refusals.note({ kind: 'approval', subject: op, error, token })
      return this.#judge(op, `policy ${version} came into force`)
    }
    const signed = this.#signed(intent, votes, judgement)
    await this.#apply(op, signed)
    await this.#numbered(op, signed.seq)
  }

  /** True when another policy is in force than the one that is asked here. */
  #isOutdated(): boolean {
    const { policy } = this.#parts.contract.store.get()
    return (policy?.digest ?? noPolicy.digest) !== this.#policy.digest
  }

  /** Takes the next number and signs. */
  #signed(
    intent: KnownIntent,
    votes: readonly TakenVote[],
    judgement: Judgement | undefined,
  ): ApprovedFact {
    const { contract, clock } = this.#parts
    const policy = this.#policy
    const seq = ++this.#seq
    const keeperEpoch = this.#epoch
    const glass = this.#glassOf(intent, votes)
    const approval = { intent, policy, votes, seq, keeperEpoch, judgement, glass }
    const { data, why } = signApproval(approval, { contract, clock })
    return { type: 'op.approved', seq, keeperEpoch, why, data }
  }

  /** A number that was signed is that of its operation now, or it is given back. */
  async #numbered(op: string, seq: number): Promise<void> {
    crashPoint('approved')
    const now = this.#parts.ref(op)?.snapshot().context
    if (now?.seq !== seq || now.keeperEpoch !== this.#epoch) await this.#giveBack(seq)
  }

  #glassOf({ claims, requester }: KnownIntent, votes: readonly TakenVote[]) {
    const { contract, clock } = this.#parts
    const nowMs = clock.now()
    const vote = glassIn(votes, nowMs)
    const voter = vote && contract.keyring.key(vote.kid)
    if (!vote || !voter) return undefined
    const policy = this.#policy
    const answer = glassFor({ intent: claims, voter, requester, policy, nowMs })
    const rule = answer.allowed ? answer.rule : 'none'
    return { by: vote.actor, kid: vote.kid, reason: vote.reason, rule, until: vote.until ?? nowMs }
  }

  /** A number that nobody will use: the controller need not wait for it. */
  async #giveBack(seq: number): Promise<void> {
    const { journal, contract } = this.#parts
    if (contract.store.get().numbers.has(this.#epoch, seq)) return
    const subject = subjects.command(contract.workspace)
    const id = `void:${seqKey(this.#epoch, seq)}`
    const body = { kind: 'void', keeper_epoch: this.#epoch, seq }
    await journal.append([outboxEntry('keeper', { subject, id, body })])
  }

  async #apply(op: string, fact: DistributedOmit<OperationFact, 'at' | 'by'>): Promise<void> {
    const ref = this.#parts.ref(op)
    const { status, context } = ref?.snapshot() ?? {}
    if (!ref || !context || status === 'done') return
    const at = timeOfFact(context, fact.type, this.#parts.clock)
    const whole = { ...fact, at, by: 'keeper' }
    const { value } = await ref.apply(whole)
    if (value !== 'held') {
      this.#timers.get(op)?.cancel()
      this.#timers.delete(op)
    }
  }

  /** A held operation ends with its intent, also when nobody looks. */
  #watchExpiry(op: string): void {
    const { clock, log, signal } = this.#parts
    const kept = this.kept(op)
    if (!kept || signal.aborted) return
    const endMs = kept.exp * 1_000
    this.#timers.get(op)?.cancel()
    const due = (): void => {
      // The wall may have been set meanwhile, and it is the wall that the intent names.
      if (clock.now() < endMs) return this.#watchExpiry(op)
      this.expire(op).catch((thrown: unknown) => {
        log.error(`${op} is over and could not be ended`, { thrown: String(thrown) })
      })
    }
    const waitMs = endMs - clock.now()
    const lookMs = Math.min(waitMs, longestLookMs)
    this.#timers.set(op, clock.after(lookMs, due, { background: true }))
  }
}

/**
 * Now, and later than every fact of that type. A fact that comes again has the time that it had: what is
 * said anew in one millisecond, or by a clock that was set back, would pass for a repetition.
 */
export function timeOfFact({ trail }: OperationContext, type: string, clock: Clock): Millis {
  const before = trail.filter(({ fact }) => fact === type).map(({ at }) => (at ?? 0) + 1)
  return Math.max(clock.now(), ...before)
}

function takenVotes({ votes }: OperationContext): readonly TakenVote[] {
  return votes.map((vote) => ({
    actor: vote.actor,
    decision: vote.decision,
    reason: vote.reason,
    kid: vote.kid ?? '',
    custody: vote.custody ?? 'shared',
    vote: vote.vote ?? '',
    until: vote.until,
  }))
}

/** Whose votes have no force any more, to be said with what moved. */
function voidedIn({ votes }: OperationContext): string {
  return votes.length === 0
    ? ''
    : `; void: the votes of ${votes.map(({ actor }) => actor).join(', ')}`
}

type ApprovedFact = DistributedOmit<
  Extract<OperationFact, { readonly type: 'op.approved' }>,
  'at' | 'by'
>

/** `Omit` over each member of a union: the members stay apart. */
type DistributedOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

const waits = (phase: OpPhase): boolean =>
  phase === 'submitted' || phase === 'held' || phase === 'approved'
