/**
 * What a person may ask of the controller: to say how an operation ended that nobody knows the end
 * of. Signed by them, bound to the claim they looked at, never by the one who asked for it (D-32).
 *
 * @module
 */
import { opErrors, openToken, personOf, ProvError } from 'prov'
import type { Acted, Clock, Contract, ControllerDesk, Refusals, StateVector } from 'prov'
import type { OperationFact } from 'prov/machines'
import type { Controller } from './controller.ts'
import type { Letters } from './letters.ts'

export interface DeskParts {
  readonly contract: Contract
  readonly clock: Clock
  readonly controller: Controller
  readonly refusals: Refusals
  readonly letters: Letters
  /** Applies a fact to this plane's instance; resolves once it is durable. */
  readonly apply: (op: string, fact: OperationFact) => Promise<unknown>
}

type Request = Parameters<ControllerDesk['resolve']>[0]

export class Desk implements ControllerDesk {
  readonly #parts: DeskParts

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  async resolve({ op, as, outcome, reason }: Request): Promise<void> {
    const { contract } = this.#parts
    if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
    const row = contract.store.get().ops.get(op)
    if (!row) throw opErrors.PROV_OP_UNKNOWN({ op })
    const claim = row.claim ?? 'none'
    const token = await contract.act({
      as,
      act: 'op.resolve',
      subject: op,
      reason,
      with: { claim, outcome },
    })
    await this.handIn(token)
  }

  /** Takes a signed resolution, from here or from elsewhere. Throws the named reason. */
  async handIn(token: string): Promise<void> {
    const { contract, clock, controller, refusals, apply } = this.#parts
    let op = 'unknown'
    try {
      const { claims, record } = await openToken('act', token, contract.tokenContext())
      op = claims.sub
      const { claim, outcome } = claims.with
      const row = contract.store.get().ops.get(op)
      if (!row) throw opErrors.PROV_OP_UNKNOWN({ op })
      const { actor, kind } = record
      if (kind !== 'human') throw opErrors.PROV_OP_AGENT_APPROVAL({ op, actor, kind })
      const requester = contract.keyring.actor(row.by) ?? { actor: row.by }
      if (personOf(record) === personOf(requester)) {
        throw opErrors.PROV_OP_RESOLVE_SELF({ op, actor })
      }
      if (claims.reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
      if (row.phase !== 'in_doubt') throw opErrors.PROV_OP_NOT_IN_DOUBT({ op, phase: row.phase })
      const wanted: 'applied' | 'failed' | undefined =
        outcome === 'applied' || outcome === 'failed' ? outcome : undefined
      if (claims.act !== 'op.resolve' || claim !== row.claim || wanted === undefined) {
        throw opErrors.PROV_OP_CLAIM_CHANGED({ op })
      }
      const { reason } = claims
      const detail = { resolved_by: actor }
      const found = controller.result(
        controller.body(op),
        wanted === 'applied'
          ? { outcome: 'applied', detail }
          : { outcome: 'failed', code: row.code ?? 'PROV_OP_STEP_FAILED', message: reason, detail },
      )
      const resolved = { as: wanted, by: actor, reason, act: token } as const
      const data: Acted = {
        say: [{ type: 'op.resolved', data: resolved }, ...(found.data as Acted).say],
      }
      const at = clock.now()
      await apply(op, { type: 'op.resolved', as: wanted, at, by: 'controller', why: reason, data })
    } catch (thrown) {
      if (!ProvError.is(thrown)) throw thrown
      await refusals.note({ kind: 'act', subject: op, error: thrown, token })
      throw thrown
    }
  }

  replay({ id }: { readonly id: string }): Promise<void> {
    return this.#parts.letters.replay(id)
  }

  async vector(): Promise<StateVector> {
    const { positions } = this.#parts.contract.store.get()
    return Object.fromEntries(
      Object.entries(positions).map(([dimension, { version }]) => [dimension, version]),
    )
  }
}
