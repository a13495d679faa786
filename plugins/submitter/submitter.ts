/**
 * Proposing, planning, taking back, following: the service behind `prov op submit`.
 *
 * @module
 */
import {
  asksFor,
  digestOfText,
  intentClaims,
  isAudit,
  opDigest,
  opErrors,
  openToken,
  opIdOf,
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
  IntentClaims,
  KeyRecord,
  Millis,
  OpBody,
  OpRow,
  PhaseChange,
  PlanBinding,
  Proposal,
  StateVector,
  Submissions,
  Topology,
} from 'prov'
import type { OperationInput } from 'prov/machines'
import { countedOn, plainBody } from './intent.ts'

export interface SubmitterParts {
  readonly contract: Contract
  readonly journal: Journal
  readonly topology: Topology
  readonly clock: Clock
  /** Resolves when this plane may take the next operation. */
  readonly room: () => Promise<void>
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
    const { contract, journal, clock } = this.#parts
    const op = opIdOf(proposal.opId, clock)
    const known = this.#row(op)
    if (known) return this.#again(known, proposal)
    await this.#parts.room()
    journal.assertRoom()
    const { body, digest, state } = await this.plan(proposal)
    if (proposal.plan) this.#holdTo(proposal.plan, digest, state)
    const signer = await contract.signer(proposal.as)
    const { expiresInMs } = proposal
    const { kid } = signer.record
    const claims = intentClaims({ op, kid, body, state, expiresInMs, contract, clock })
    return this.#record(claims, signTokenNow('intent', claims, signer), signer.record)
  }

  async handIn(token: string, { plan }: { plan?: PlanBinding | undefined } = {}) {
    const { contract, journal } = this.#parts
    const { claims, record } = await openToken('intent', token, contract.tokenContext())
    const { sub: op, op: body } = claims
    if (opIdOf(op, this.#parts.clock) !== op) throw opErrors.PROV_OP_ID_INVALID({ op })
    const known = this.#row(op)
    if (known) return this.#again(known, body)
    await this.#parts.room()
    journal.assertRoom()
    // What is signed may say anything under the name of a harmless type; what counts is declared here.
    const now = await this.plan(body)
    const drift = [
      ...(now.digest === claims.op_digest ? [] : ['what the operation does changed']),
      ...moved(claims.expected_state_version, now.state),
    ]
    if (drift.length > 0) throw opErrors.PROV_PLAN_STALE({ file: 'what was signed', drift })
    if (plan) this.#holdTo(plan, now.digest, now.state)
    return this.#record(claims, token, record)
  }

  async #record(claims: IntentClaims, token: string, { actor, kid }: KeyRecord) {
    const { contract, clock, start } = this.#parts
    const { sub: op, op: body, op_digest: digest, expected_state_version: state } = claims
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
    const { contract } = this.#parts
    const { op, as, reason } = request
    if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
    const row = this.#withdrawable(op)
    if (row.phase === 'withdrawn' && (as === undefined || as === row.by)) return
    const said = { act: 'op.withdraw', subject: op, reason } as const
    await this.handInWithdrawal(
      await contract.act({ as, ...said, with: { op_digest: row.digest } }),
    )
  }

  async handInWithdrawal(token: string): Promise<void> {
    const { contract, journal, clock } = this.#parts
    const { claims, record } = await openToken('act', token, contract.tokenContext())
    const op = claims.sub
    if (claims.act !== 'op.withdraw') {
      const expected = 'op.withdraw'
      throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'act', expected })
    }
    const row = this.#withdrawable(op)
    if (row.phase === 'withdrawn') {
      // Asked twice is the same answer, for the one who may ask.
      const { actor: by } = record
      if (by === row.by) return
      throw opErrors.PROV_OP_NOT_YOURS({ op, by, requester: row.by })
    }
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
      if (told.data.code === 'PROV_OP_NOT_YOURS') {
        throw opErrors.PROV_OP_NOT_YOURS({ op, by: record.actor, requester: row.by })
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
  #holdTo(plan: PlanBinding, digest: string, state: StateVector): void {
    const { contract } = this.#parts
    const { policy } = contract.store.get()
    const now = { version: policy?.version ?? null, digest: policy?.digest ?? null }
    const drift = [
      ...(plan.workspace === contract.workspace ? [] : ['it was made for another workspace']),
      ...(plan.journal === contract.journal ? [] : ['it was made for another journal']),
      ...(plan.op_digest === digest ? [] : ['what the operation does changed']),
      ...moved(plan.state, state),
      ...(plan.policy.digest === now.digest
        ? []
        : [`policy ${now.version ?? 'none'} is in force, not ${plan.policy.version ?? 'none'}`]),
    ]
    if (drift.length > 0) throw opErrors.PROV_PLAN_STALE({ file: 'the plan', drift })
  }

  /** Throws what says that it is too late. */
  #withdrawable(op: string): OpRow {
    const row = this.#row(op)
    if (!row) throw opErrors.PROV_OP_UNKNOWN({ op })
    if (!['submitted', 'held', 'approved', 'withdrawn'].includes(row.phase)) {
      throw opErrors.PROV_OP_ALREADY_CLAIMED({ op, phase: row.phase })
    }
    return row
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

/** Dimensions that are not where somebody counted on them. */
function moved(then: StateVector, now: StateVector): readonly string[] {
  return Object.keys({ ...then, ...now })
    .filter((id) => then[id] !== now[id])
    .map((id) => `${id} moved from version ${then[id] ?? 0} to ${now[id] ?? 0}`)
}

function changeOf({ id, phase, why, code }: OpRow): PhaseChange {
  return { op: id, name: phase, why, ...(code !== undefined && { code }) }
}
