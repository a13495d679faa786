/**
 * What comes in on `ops.pending`: capped, checked, kept, acknowledged, in this order. What is not a
 * good token is audited and thrown away for ever; what could not be kept comes again.
 *
 * @module
 */
import {
  asProvError,
  digestOfText,
  isRefusal,
  isTerminal,
  openToken,
  openTokenLater,
  opErrors,
  outboxEntry,
  peekToken,
  subjects,
  tokenErrors,
} from 'prov'
import type { Clock, Contract, Delivery, Journal, JsonObject, Log, OpRow, Refusals } from 'prov'

import { busAnswer } from 'prov/policies'
import { Unsubmitted } from './unsubmitted.ts'
import type { Keeper, OperationRef } from './keeper.ts'

export interface InboxParts {
  readonly contract: Contract
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly keeper: Keeper
  readonly refusals: Refusals
  readonly ref: (op: string) => OperationRef | undefined
}

/** What nobody is heard to have submitted comes again this often, for about ten minutes. */
const mostDeliveries = 60
const soonMs = 1_000
const laterMs = 10_000

export class Inbox {
  readonly #parts: InboxParts
  readonly #unsubmitted: Unsubmitted
  /** Operations by the id of their intent, and back: one id stands for one operation. */
  readonly #holders = new Map<string, string>()
  readonly #ids = new Map<string, string>()

  constructor(parts: InboxParts) {
    this.#parts = parts
    this.#unsubmitted = new Unsubmitted(parts.clock)
  }

  /** Ids of tokens that an earlier life took. */
  remember(ops: Iterable<string>): void {
    for (const op of ops) {
      const kept = this.#parts.keeper.kept(op)
      if (kept) this.#hold(kept.jti, op)
    }
  }

  /** Of operations that ended and left memory: from now on their rows refuse what comes again. */
  forget(ops: Iterable<string>): void {
    for (const op of ops) {
      this.#holders.delete(this.#ids.get(op) ?? '')
      this.#ids.delete(op)
    }
  }

  #hold(jti: string, op: string): void {
    const holder = this.#holders.get(jti) ?? op
    if (holder !== op) {
      const expected = 'an id not used yet'
      throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'intent', claim: 'jti', expected })
    }
    this.#holders.set(jti, op)
    this.#ids.set(op, jti)
  }

  /** Handles one message to its end; never throws. */
  async take(delivery: Delivery): Promise<void> {
    const { kind, token } = Object(delivery.body) as JsonObject
    try {
      if (kind === 'intent') await this.#intent(delivery, token)
      else if (kind === 'withdraw') await this.#withdraw(token)
      else {
        const expected = 'an intent or a withdrawal'
        throw tokenErrors.PROV_TOKEN_MALFORMED({ kind: 'message', claim: 'kind', expected })
      }
      await delivery.ack()
    } catch (thrown) {
      await this.#turnAway(delivery, kind, token, thrown).catch(() => {})
    }
  }

  async #intent(delivery: Delivery, token: unknown): Promise<void> {
    const { contract, keeper, ref } = this.#parts
    const { claims, record, digest } = await openTokenLater(
      'intent',
      token,
      contract.tokenContext(),
    )
    const { sub: op, op: body, op_digest, jti } = claims
    if (delivery.subject !== subjects.pending(contract.workspace, body.type)) {
      const { subject } = delivery
      throw opErrors.PROV_OP_SUBJECT_MISMATCH({ subject, type: body.type })
    }
    const known = ref(op)
    if (known && known.snapshot().context.digest !== op_digest) {
      throw opErrors.PROV_OP_ID_REUSED({ op })
    }
    // What an operation runs and moves is what the topology declares, and only the submitter asks it:
    // a signed body that came another way may say anything under the name of a harmless type.
    const row = contract.store.get().ops.get(op)
    if (!row) {
      this.#unsubmitted.note({ jti, kid: record.kid, digest })
      // It is sent again by whoever submitted it, for as long as nobody confirms it.
      if (contract.hears && delivery.attempt < mostDeliveries) {
        throw opErrors.PROV_OP_NOT_HEARD({ op, what: 'the submission' })
      }
      throw opErrors.PROV_OP_NOT_SUBMITTED({ op })
    }
    this.#unsubmitted.settle(jti)
    if (row.intent !== digest) throw opErrors.PROV_OP_ID_REUSED({ op })
    // It ended, and its instance is gone: there is nothing left to judge.
    if (isTerminal(row.phase)) return
    this.#hold(jti, op)
    if (known) return
    await keeper.begin({ token: token as string, claims, requester: record })
  }

  async #withdraw(token: unknown): Promise<void> {
    const { contract, journal, keeper, ref } = this.#parts
    const { claims, record, digest } = await openToken('act', token, contract.tokenContext())
    const op = claims.sub
    const known = ref(op)?.snapshot()
    if (claims.act !== 'op.withdraw') {
      const expected = 'op.withdraw'
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'act', expected })
    }
    const row = contract.store.get().ops.get(op)
    if (!known && !row) throw opErrors.PROV_OP_UNKNOWN({ op })
    const { by: requester, digest: body } = known?.context ?? (row as OpRow)
    if (record.actor !== requester) {
      throw opErrors.PROV_OP_NOT_YOURS({ op, by: record.actor, requester })
    }
    if (claims.with['op_digest'] !== body) {
      throw opErrors.PROV_OP_PLAN_CHANGED({ op, what: 'the operation' })
    }
    if (await keeper.withdraw(op, requester, claims.reason, digest)) return
    const phase = (ref(op)?.snapshot().value as string | undefined) ?? (row as OpRow).phase
    if (phase === 'withdrawn') return
    if (phase === 'submitted') throw opErrors.PROV_OP_NOT_HEARD({ op, what: 'the intent' })
    if (phase !== 'approved') throw opErrors.PROV_OP_ALREADY_CLAIMED({ op, phase })
    // Its number is on the way: whether it is too late only the controller can say.
    const message = { id: `withdraw:${digest}`, body: { kind: 'withdraw', token: token as string } }
    const subject = subjects.command(contract.workspace)
    await journal.append([outboxEntry('keeper', { subject, ...message })])
  }

  async #turnAway(
    delivery: Delivery,
    kind: unknown,
    token: unknown,
    thrown: unknown,
  ): Promise<void> {
    const { contract, log, refusals } = this.#parts
    const error = asProvError(thrown)
    const answer = busAnswer(error.disposition)
    if (answer.answer === 'silence' || answer.answer === 'nak' || !isRefusal(error)) {
      log.warn(`${delivery.id} again later`, { code: error.code, message: error.message })
      return delivery.nak({ delayMs: delivery.attempt <= 10 ? soonMs : laterMs })
    }
    const subject = peekToken(token).sub ?? 'unknown'
    await refusals.note({ kind, subject, error, token: token ?? null })
    const row = contract.store.get().ops.get(subject)
    // The very intent that is on record: its operation ends here and does not wait for ever.
    if (row?.phase === 'submitted' && kind === 'intent' && row.intent === digestOf(token)) {
      const { code, message, remedy } = error
      await contract.emit(
        'keeper',
        code === 'PROV_TOKEN_EXPIRED'
          ? { type: 'op.expired', subject, data: { what: 'intent', code, message } }
          : { type: 'op.refused', subject, data: { code, message, remedy } },
      )
    }
    await delivery.term(error.code)
  }
}

function digestOf(token: unknown): string | undefined {
  return typeof token === 'string' ? digestOfText(token) : undefined
}
