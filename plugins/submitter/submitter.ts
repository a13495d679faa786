/**
 * Proposing, planning, taking back, following: the service behind `prov op submit`.
 *
 * @module
 */
import {
  digestOf,
  digestOfText,
  isAudit,
  opDigest,
  opErrors,
  outboxEntry,
  signTokenNow,
  sleep,
  subjects,
  tokenErrors,
  tokenRules,
} from 'prov'
import type {
  Acted,
  AuditEvent,
  Clock,
  Contract,
  Journal,
  JsonObject,
  Millis,
  OpBody,
  OpPlan,
  OpRow,
  PhaseChange,
  Proposal,
  StateVector,
  Submissions,
  Topology,
} from 'prov'
import type { OperationInput } from 'prov/machines'
import { countedOn, intentClaims, opIdOf, plainBody } from './intent.ts'

export interface SubmitterParts {
  readonly contract: Contract
  readonly journal: Journal
  readonly topology: Topology
  readonly clock: Clock
  /** Starts the operation's instance; resolves once it is durable. Throws PROV_OP_ID_REUSED. */
  readonly start: (op: string, input: OperationInput) => Promise<void>
}

/** How long `withdraw` waits for the plane that owns the operation. */
const answerMs: Millis = 30_000

export class Submitter implements Submissions {
  readonly #parts: SubmitterParts

  constructor(parts: SubmitterParts) {
    this.#parts = parts
  }

  async submit(proposal: Proposal) {
    const { contract, journal, clock, start } = this.#parts
    const op = opIdOf(proposal.opId, clock)
    const known = this.#row(op)
    if (known) return this.#again(known, proposal)
    journal.assertRoom()
    const { body, digest, state } = await this.plan(proposal)
    if (proposal.plan) this.#holdTo(proposal.plan, digest, state)
    const signer = await contract.signer(proposal.as)
    const { kid, actor } = signer.record
    const claims = intentClaims({
      op,
      kid,
      body,
      state,
      expiresInMs: proposal.expiresInMs,
      contract,
      clock,
    })
    const token = signTokenNow('intent', claims, signer)
    const { limitBytes } = tokenRules.intent
    const bytes = token.length
    // Said here and now, where it can be mended: the keeper would only refuse what is recorded then.
    if (bytes > limitBytes) {
      const detail = { kind: 'intent', claim: 'token', expected: 'a smaller one' }
      throw tokenErrors.PROV_TOKEN_TOO_LARGE({ ...detail, bytes, limitBytes })
    }
    const at = clock.now()
    const data: Acted = {
      say: [
        {
          type: 'op.submitted',
          // What it takes back is why it is here.
          ...(body.compensates !== undefined && { causation: body.compensates }),
          data: {
            op: body,
            op_digest: digest,
            by: actor,
            kid,
            expected_state_version: state,
            expires: claims.exp,
            intent: token,
          },
        },
      ],
      send: [
        {
          subject: subjects.pending(contract.workspace, body.type),
          id: `intent:${op}`,
          body: { kind: 'intent', token },
        },
      ],
    }
    await start(op, {
      id: op,
      workspace: contract.workspace,
      op: body.type,
      target: body.target,
      digest,
      by: actor,
      at,
      birth: { type: 'op.submitted', at, by: 'submitter', data },
    })
    return { op, duplicate: false, body }
  }

  async plan(proposal: Proposal): Promise<{ body: OpBody; digest: string; state: StateVector }> {
    const { topology } = this.#parts
    const body = plainBody(await topology.resolve(proposal))
    const state = await topology.vector(countedOn(body))
    return { body, digest: opDigest(body), state }
  }

  async withdraw(request: { op: string; as?: string | undefined; reason: string }): Promise<void> {
    const { contract, journal, clock } = this.#parts
    const { op, as, reason } = request
    if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
    const row = this.#row(op)
    if (!row) throw opErrors.PROV_OP_UNKNOWN({ op })
    if (row.phase === 'withdrawn') {
      // Asked twice is the same answer, for the one who may ask.
      if (as === undefined || as === row.by) return
      throw opErrors.PROV_OP_NOT_YOURS({ op, by: as, requester: row.by })
    }
    if (!['submitted', 'held', 'approved'].includes(row.phase)) {
      throw opErrors.PROV_OP_ALREADY_CLAIMED({ op, phase: row.phase })
    }
    const token = await contract.act({
      as,
      act: 'op.withdraw',
      subject: op,
      reason,
      with: { op_digest: row.digest },
    })
    const digest = digestOfText(token)
    const answer = this.#answerTo(op, digest)
    const message = { id: `withdraw:${digest}`, body: { kind: 'withdraw', token } }
    const subject = subjects.pending(contract.workspace, row.type)
    await journal.append([outboxEntry('submitter', { subject, ...message })])
    const late = new AbortController()
    const told = await Promise.race([
      answer.event,
      sleep(clock, answerMs, late.signal).then(() => undefined),
    ])
    late.abort()
    answer.stop()
    if (told && isAudit(told, 'token.refused')) {
      const by = contract.keyring.list().find(({ record }) => record.actor === as)?.record.actor
      if (told.data.code === 'PROV_OP_NOT_YOURS') {
        throw opErrors.PROV_OP_NOT_YOURS({ op, by: by ?? 'this key', requester: row.by })
      }
      throw opErrors.PROV_OP_ALREADY_CLAIMED({ op, phase: this.#row(op)?.phase ?? row.phase })
    }
    if (!told) {
      throw opErrors.PROV_OP_TIMEOUT({ op, phase: row.phase, waitedMs: answerMs })
    }
  }

  async phase(op: string): Promise<PhaseChange | undefined> {
    const row = this.#row(op)
    return row && changeOf(row)
  }

  follow(op: string, listener: (change: PhaseChange) => void): () => void {
    const { store } = this.#parts.contract
    const row = store.get().ops.get(op)
    if (row) listener(changeOf(row))
    return store.watch(op, (next) => listener(changeOf(next)))
  }

  /** A plan is agreed to as a whole: one thing moved and it is void, by name. */
  #holdTo(plan: OpPlan, digest: string, state: StateVector): void {
    const { contract } = this.#parts
    const { policy } = contract.store.get()
    const now = { version: policy?.version ?? null, digest: policy?.digest ?? null }
    const drift = [
      ...(plan.workspace === contract.workspace ? [] : ['it was made for another workspace']),
      ...(plan.journal === contract.journal ? [] : ['it was made for another journal']),
      ...(plan.op_digest === digest ? [] : ['what the operation does changed']),
      ...Object.keys({ ...plan.state, ...state })
        .filter((id) => plan.state[id] !== state[id])
        .map((id) => `${id} moved from version ${plan.state[id] ?? 0} to ${state[id] ?? 0}`),
      ...(plan.policy.digest === now.digest
        ? []
        : [`policy ${now.version ?? 'none'} is in force, not ${plan.policy.version ?? 'none'}`]),
    ]
    if (drift.length > 0) throw opErrors.PROV_PLAN_STALE({ file: 'the plan', drift })
  }

  #row(op: string): OpRow | undefined {
    return this.#parts.contract.store.get().ops.get(op)
  }

  /**
   * The same again is the same answer, also when the world moved since and the body would come out
   * otherwise now; anything else under a taken id is refused (SAFE-10).
   */
  #again(row: OpRow, proposal: Proposal) {
    if (!asksFor(proposal, row.body)) throw opErrors.PROV_OP_ID_REUSED({ op: row.id })
    return { op: row.id, duplicate: true, body: row.body }
  }

  /** The first event that answers a withdrawal: it is withdrawn, it ended, or the act was refused. */
  #answerTo(op: string, digest: string) {
    let stop = (): void => {}
    const event = new Promise<AuditEvent>((resolve) => {
      stop = this.#parts.contract.follow((event) => {
        if (event.subject !== op) return
        const refused = isAudit(event, 'token.refused') && event.data.token === digest
        if (refused || isAudit(event, 'op.withdrawn')) resolve(event)
      })
    })
    return { event, stop: () => stop() }
  }
}

/** True when a proposal asks for what a body does; a scope that it leaves open may be any. */
function asksFor(proposal: Proposal, body: OpBody): boolean {
  const { type, target, image, params, scope, compensates } = proposal
  if (compensates !== body.compensates) return false
  const asked = { type, target, image, params: params ?? body.params, scope: scope ?? body.scope }
  const { type: t, target: g, image: i, params: p, scope: s } = body
  return (
    digestOf(asked as JsonObject) ===
    digestOf({ type: t, target: g, image: i, params: p, scope: s })
  )
}

function changeOf({ id, phase, why, code }: OpRow): PhaseChange {
  return { op: id, name: phase, why, ...(code !== undefined && { code }) }
}
