/**
 * What was answered to a controller that this one replaced. It is no RESULT and moves nothing: verified,
 * it is kept in the trail once, where whoever resolves the operation sees it (D-34).
 *
 *     ecosystem.<ws>.op.evidence ─▶ signature ─▶ run, epoch, claim ─▶ frame { op.evidence } ─▶ ack
 *                                      └─▶ refused by name, audited or counted
 *
 * @module
 */
import {
  asProvError,
  evidenceConsumer,
  isAudit,
  openTokenLater,
  opErrors,
  peekToken,
  sleep,
  streams,
  subjects,
  tokenErrors,
} from 'prov'
import type {
  Bus,
  Clock,
  Contract,
  Count,
  Delivery,
  EvidenceClaims,
  Log,
  Millis,
  OpRow,
  ProvError,
  Refusals,
} from 'prov'
import { ackResult } from './answer.ts'

export interface EvidenceParts {
  readonly contract: Contract
  readonly clock: Clock
  readonly log: Log
  readonly refusals: Refusals
}

const credits: Count = 32
const againMs: Millis = 5_000
/** Digests that are remembered; what is older is found in the trail. */
const mostKnown: Count = 1_024

/** Why it is none, as far as the operation says; undefined when it may be. Pure. */
export function refusesEvidence(
  claims: EvidenceClaims,
  row: OpRow | undefined,
  /** Of this process, and of the claim. */
  epochs: { readonly own: Count; readonly claimed: Count | undefined },
): ProvError | undefined {
  const { sub: op, epoch, provider_token } = claims
  const { own, claimed } = epochs
  if (!row) return opErrors.PROV_OP_UNKNOWN({ op })
  const refuse = (what: string) => opErrors.PROV_OP_EVIDENCE_REFUSED({ op, what })
  if (row.providerToken !== provider_token) return refuse('it is about a run that was not claimed')
  if (epoch >= own) return refuse(`epoch ${epoch} was not replaced: ${own} is the newest one`)
  if (claimed === undefined || epoch >= claimed) return undefined
  return refuse(`epoch ${epoch} was over before the claim, which is of epoch ${claimed}`)
}

export class EvidenceInbox {
  readonly #parts: EvidenceParts
  readonly #kept = new Set<string>()
  #turn: Promise<void> = Promise.resolve()

  constructor(parts: EvidenceParts) {
    this.#parts = parts
  }

  /** Takes what comes over a server until the signal aborts; resolves then. Never rejects. */
  async listen(bus: Bus, signal: AbortSignal): Promise<void> {
    const { contract, clock, log } = this.#parts
    const { workspace } = contract
    const stream = streams.ecosystem
    const name = evidenceConsumer(workspace)
    for (let told = false; !signal.aborted;) {
      try {
        await bus.ensureConsumer({ stream, name, filter: subjects.evidence(workspace) })
        for await (const delivery of bus.pull(stream, name, { credits, signal })) {
          void this.take(delivery)
        }
      } catch (thrown) {
        const { code, message } = asProvError(thrown)
        const remedy = 'run `prov nats apply`, and `prov nats config` for what roles may do'
        if (!told && !signal.aborted) log.warn(`no evidence is heard: ${message}`, { code, remedy })
        told = true
      }
      await sleep(clock, againMs, signal).catch(() => {})
    }
  }

  /** Handles one message, one after the other; resolves when it was decided. Never throws. */
  take(delivery: Delivery): Promise<void> {
    const { data } = Object(delivery.body) as { data?: unknown }
    const { token } = Object(data) as { token?: unknown }
    this.#turn = this.#turn
      .then(() => this.#take(token))
      .then(() => delivery.ack())
      .catch((thrown: unknown) => this.#turnAway(delivery, token, asProvError(thrown)))
    return this.#turn
  }

  async #take(token: unknown): Promise<void> {
    const { contract, log } = this.#parts
    // Whoever may not lead any more writes nothing: it comes again, to whoever does.
    contract.claimEpoch()
    const { claims, digest } = await openTokenLater('evidence', token, contract.tokenContext())
    if (contract.keyring.retired(claims.iss)) {
      const expected = 'the key that signs for the controller now'
      throw tokenErrors.PROV_TOKEN_KEY_RETIRED({ kind: 'evidence', claim: 'kid', expected })
    }
    const { sub: op, epoch, what, step, outcome, message, detail } = claims
    const row = contract.store.get().ops.get(op)
    const own = contract.epoch
    const refused = refusesEvidence(claims, row, { own, claimed: undefined })
    if (refused) throw refused
    if (this.#kept.has(digest)) return
    // Seldom, and only for what bears the controller's signature: so the trail itself may be read.
    let claimed: Count | undefined
    let again = false
    for await (const event of contract.events({ op })) {
      if (isAudit(event, 'op.claimed')) claimed = event.epoch
      if (isAudit(event, 'op.evidence')) again ||= event.data.evidence === digest
    }
    const early = refusesEvidence(claims, row, { own, claimed })
    if (early) throw early
    if (!again) {
      const said = { epoch, what, ...(step !== undefined && { step }), outcome, message, detail }
      const data = { ...said, evidence: digest, token: token as string }
      await contract.emit('controller', { type: 'op.evidence', subject: op, data })
      log.warn(`${op} was answered ${outcome} before it was taken over: prov audit log --op ${op}`)
    }
    if (this.#kept.size >= mostKnown) this.#kept.clear()
    this.#kept.add(digest)
  }

  async #turnAway(delivery: Delivery, token: unknown, error: ProvError): Promise<void> {
    const { log, refusals } = this.#parts
    const { code, message } = error
    const result = ackResult(error, delivery.attempt)
    try {
      if (result.answer === 'nak') return await delivery.nak({ delayMs: result.delayMs })
      const subject = peekToken(token).sub ?? 'unknown'
      if (result.answer === 'term') {
        const shown = typeof token === 'string' ? token : null
        await refusals.note({ kind: 'evidence', subject, error, token: shown })
      } else log.error(`evidence about ${subject} is given up: ${message}`, { code })
      await delivery.term(code)
    } catch (again) {
      log.warn(`${delivery.id} could not be turned away`, { thrown: String(again) })
    }
  }
}
