/**
 * The keeper's desk: votes, mode, policy. Everything a person does here is signed with their own key
 * and handed in as a token; the desk signs nothing in the keeper's name.
 *
 * @module
 */
import {
  digestOf,
  newId,
  opErrors,
  openToken,
  outboxEntry,
  policyErrors,
  ProvError,
  signToken,
  subjects,
  TakenIds,
  tokenErrors,
  custodyBetween,
} from 'prov'
import type {
  Clock,
  Contract,
  Journal,
  KeeperDesk,
  Log,
  Refusals,
  Signer,
  VoteClaims,
  WorkspaceFiles,
} from 'prov'
import { judgeVote } from './decide.ts'
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

type VoteRequest = Parameters<KeeperDesk['vote']>[0]
type ModeRequest = Parameters<KeeperDesk['setMode']>[0]

export class Desk implements KeeperDesk {
  readonly #parts: DeskParts
  readonly #taken = new TakenIds()

  constructor(parts: DeskParts) {
    this.#parts = parts
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
    let op = 'unknown'
    try {
      const opened = await openToken('vote', token, contract.tokenContext())
      const { claims, record: voter, digest: vote } = opened
      const { jti, exp, decision, reason } = claims
      op = claims.sub
      const row = contract.store.get().ops.get(op)
      const intent = keeper.intent(op)
      const instance = ref(op)
      if (!row || !intent || !instance) throw opErrors.PROV_OP_UNKNOWN({ op })
      // A vote is handed in once; whoever hands it in again repeats what is not theirs to repeat.
      const before = this.#taken.take('vote', { jti, exp, digest: vote }, clock.now())
      if (before === 'same' || row.voided?.includes(vote) === true) {
        const expected = 'an id not used yet'
        throw tokenErrors.PROV_TOKEN_REPLAYED({ kind: 'vote', claim: 'jti', expected })
      }
      const { requester } = intent
      const { quorum } = keeper.judgement(intent)
      const { policy } = keeper
      const { key } = contract.keyring
      const refused = judgeVote({ claims, voter, requester, row, policy, quorum, key })
      if (refused) throw refused
      const { actor, kid } = voter
      const custody = custodyBetween(voter, requester)
      const said = { decision, actor, kid, custody, reason, vote }
      await instance.apply({
        type: 'op.vote',
        at: clock.now(),
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
    const { contract } = this.#parts
    const signer = await this.#person(as)
    const request = { as, act: 'keeper.mode', subject: 'mode', reason: '', with: { mode } } as const
    const act = await contract.act(request)
    const data = { mode, by: signer.record.actor, act }
    await contract.emit('keeper', { type: 'keeper.mode', subject: 'mode', data })
  }

  async activatePolicy({ as }: { readonly as?: string | undefined }) {
    const { contract, files, keeper, log } = this.#parts
    const signer = await this.#person(as)
    const { policy: before, policyTrouble } = contract.store.get()
    const proposal = await readPolicyFile(files).catch(async (thrown: unknown) => {
      if (ProvError.is(thrown)) await this.#alarm(thrown)
      throw thrown
    })
    const { policy, digest, warnings } = proposal
    for (const warning of warnings) log.warn(warning)
    // After an alarm the same policy is put in force anew: that ends the alarm, signed by a person.
    if (before?.digest === digest && !policyTrouble) return { version: before.version, digest }
    const version = (before?.version ?? 0) + 1
    const act = await contract.act({
      as,
      act: 'policy.activate',
      subject: 'policy',
      reason: '',
      with: { digest, version },
    })
    const data = { version, digest, by: signer.record.actor, policy, act }
    await contract.emit('keeper', { type: 'policy.activated', subject: policyFile, data })
    await keeper.adopt()
    return { version, digest }
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

  async #sign({ op, decision, reason }: VoteRequest, signer: Signer): Promise<string> {
    const { contract, clock, keeper } = this.#parts
    const row = contract.store.get().ops.get(op)
    const intent = keeper.intent(op)
    if (!row || !intent) throw opErrors.PROV_OP_UNKNOWN({ op })
    const iat = Math.floor(clock.now() / 1_000)
    const claims: VoteClaims = {
      iss: signer.record.kid,
      sub: op,
      aud: contract.journal,
      jti: newId('jti', clock),
      iat,
      exp: Math.max(intent.claims.exp, iat + 1),
      workspace: contract.workspace,
      decision,
      reason,
      op_digest: row.digest,
      plan_digest: row.plan ?? digestOf({ held: false }),
      policy_digest: row.policy ?? keeper.policy.digest,
      state_vector: row.expected,
    }
    return signToken('vote', claims, signer)
  }
}
