/**
 * What comes in on `ops.pending`: capped, checked, kept, acknowledged, in this order. What is not a
 * good token is audited and thrown away for ever; what could not be kept comes again.
 *
 * @module
 */
import {
  asProvError,
  crashPoint,
  digestOfText,
  isRefusal,
  isTerminal,
  openToken,
  openTokenLater,
  opErrors,
  outboxEntry,
  peekToken,
  subjects,
  TakenIds,
  tokenErrors,
} from 'prov'
import type { Clock, Contract, Delivery, Journal, JsonObject, Log, OpRow, Refusals } from 'prov'

import { busAnswer } from 'prov/policies'
import type { OperationInput } from 'prov/machines'
import type { Keeper, OperationRef } from './keeper.ts'

export interface InboxParts {
  readonly contract: Contract
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Log
  readonly keeper: Keeper
  readonly refusals: Refusals
  readonly ref: (op: string) => OperationRef | undefined
  /** Starts this plane's instance; resolves once it is durable. */
  readonly start: (op: string, input: OperationInput) => Promise<unknown>
}

export class Inbox {
  readonly #parts: InboxParts
  readonly #taken = new TakenIds()

  constructor(parts: InboxParts) {
    this.#parts = parts
  }

  /** Ids of tokens that an earlier life took. */
  remember(ops: Iterable<string>): void {
    const { keeper, contract, clock } = this.#parts
    for (const op of ops) {
      const intent = keeper.intent(op)
      const row = contract.store.get().ops.get(op)
      if (!intent || !row) continue
      const { jti, exp } = intent.claims
      this.#taken.take('intent', { jti, exp, digest: row.intent }, clock.now())
    }
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
    const { contract, clock, ref, start } = this.#parts
    const { claims, record, digest } = await openTokenLater(
      'intent',
      token,
      contract.tokenContext(),
    )
    const { sub: op, op: body, op_digest, jti, exp } = claims
    if (delivery.subject !== subjects.pending(contract.workspace, body.type)) {
      const { subject } = delivery
      throw opErrors.PROV_OP_SUBJECT_MISMATCH({ subject, type: body.type })
    }
    const known = ref(op)
    if (known && known.snapshot().context.digest !== op_digest) {
      throw opErrors.PROV_OP_ID_REUSED({ op })
    }
    this.#taken.take('intent', { jti, exp, digest }, clock.now())
    if (known) return
    // What an operation runs and moves is what the topology declares, and only the submitter asks it:
    // a signed body that came another way may say anything under the name of a harmless type.
    const row = contract.store.get().ops.get(op)
    if (!row && contract.hears) throw opErrors.PROV_OP_NOT_HEARD({ op, what: 'the submission' })
    if (!row) throw opErrors.PROV_OP_NOT_SUBMITTED({ op })
    if (row.intent !== digest) throw opErrors.PROV_OP_ID_REUSED({ op })
    // It ended, and its instance is gone: there is nothing left to judge.
    if (isTerminal(row.phase)) return
    await start(op, {
      id: op,
      workspace: contract.workspace,
      op: body.type,
      target: body.target,
      digest: op_digest,
      by: record.actor,
      at: clock.now(),
      token: token as string,
    })
    crashPoint('inbox')
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
    const phase = (known?.value as string | undefined) ?? (row as OpRow).phase
    if (phase === 'withdrawn') return
    if (phase === 'submitted' || phase === 'held') {
      return keeper.withdraw(op, requester, claims.reason, digest)
    }
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
      return delivery.nak({ delayMs: 1_000 })
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
