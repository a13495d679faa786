/**
 * The services of a workspace that other processes hold, here or elsewhere. Every request is signed here, with keys of
 * one's own, after looking at what is signed; only the token goes over.
 *
 *     ask what it comes to ─▶ is that what was asked for? ─▶ sign here ─▶ hand the token in
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import type { Answerer } from '../socket/client.ts'
import { socketErrors } from '../socket/errors.ts'
import type { ServiceRef } from '../plugin/service.ts'
import { recordFor } from './key-changes.ts'
import type { Contract } from './contract.ts'
import { actClaims, asksFor, intentClaims, opIdOf, voteClaims } from './drafts.ts'
import { keyErrors, opErrors, policyErrors, tokenErrors } from './errors.ts'
import { opDigest, tokenRules } from './claims.ts'
import { ecosystem } from './ecosystem.ts'
import type { Ecosystem } from './ecosystem.ts'
import type { OpRow } from './fold.ts'
import type { KeyRecord, Signer } from './key.ts'
import { keyActs } from './key-rule.ts'
import { recordJson, rotationAct } from './keyring.ts'
import type { KeyStore } from './keys.ts'
import type { ActName, OpBody, StateVector } from './op.ts'
import { operatorDesk } from './operator-desk.ts'
import type { OperatorDesk } from './operator-desk.ts'
import * as refs from './services.ts'
import type { PhaseChange, PlanBinding, Proposal } from './services.ts'
import { signToken } from './tokens.ts'

export interface RemoteParts {
  readonly holder: Answerer
  readonly keys: KeyStore
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Where an operation stands by the journal, which takes no lock to read. */
  readonly row: (op: string) => Promise<OpRow>
}

interface Following {
  readonly listeners: Map<
    symbol,
    {
      readonly listener: (change: PhaseChange) => void
      readonly lost: ((error: ProvError) => void) | undefined
    }
  >
  readonly stop: AbortController
  newest?: PhaseChange
}

type Ask = (name: string, given: JsonObject) => Promise<JsonValue>

/** Services by reference, as `Runtime.service` finds them; undefined for those that stay there. */
export function remoteServices(parts: RemoteParts): <T>(ref: ServiceRef<T>) => T | undefined {
  const { holder, keys, clock, signal, row } = parts
  const { hello } = holder
  const ask: Ask = (name, given) => holder.call(name, given, { signal })
  const handIn = (name: string, given: JsonObject, what: string, look: string) =>
    holder.call(name, given, { signal, handsIn: { what, look } })

  interface Known {
    readonly known: KeyRecord | null
    readonly taken: boolean
    readonly people: boolean
  }
  const knownOf = async ({ kid, actor }: KeyRecord) =>
    (await ask('key', { kid, actor })) as unknown as Known

  /** As `Contract.signer`: a first person is enrolled on the way. */
  async function signer(as: string | undefined): Promise<Signer> {
    const own = await keys.signer(as)
    const { record } = own
    const { known, people } = await knownOf(record)
    if (known) return own
    if (record.kind === 'human' && !people) {
      await vouch(record, own)
      return own
    }
    throw keyErrors.PROV_KEY_NOT_ENROLLED({ actor: record.actor, workspace: hello.workspace })
  }

  async function act(
    signing: Signer,
    request: { act: ActName; subject: string; reason: string; with: JsonObject },
  ): Promise<string> {
    const { kid } = signing.record
    // Where a rule says who must sign, an act is bound to the key set that it changes.
    const { bound, keys } = keyActs.has(request.act)
      ? ((await ask('keys', {})) as { readonly bound: boolean; readonly keys: number })
      : { bound: false, keys: 0 }
    const about = bound ? { ...request, with: { ...request.with, keys } } : request
    const contract = { ...hello, epoch: await holder.epoch() }
    return signToken('act', actClaims({ request: about, kid, contract, clock }), signing)
  }

  async function vouch(record: KeyRecord, voucher: Signer): Promise<void> {
    const { actor } = record
    const request = { act: 'actor.enrol', subject: actor, reason: '' } as const
    const token = await act(voucher, { ...request, with: recordJson(record) })
    const given = { record: recordJson(record), token }
    await handIn('enrol', given, `the enrolment of ${actor}`, 'see `prov actor list`')
  }

  const enrol: Contract['enrol'] = async ({ record: given, as, ...standing }) => {
    const { actor } = given
    const { known, taken, people } = await knownOf(given)
    const record = recordFor(given, known ?? undefined, standing)
    if (!known && taken) {
      throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'the name is taken by another key' })
    }
    if (record.kind === 'human' && !people) return vouch(record, await keys.signer(actor))
    const voucher = await signer(as)
    if (voucher.record.kind !== 'human') {
      throw keyErrors.PROV_KEY_ENROL_REFUSED({ actor, what: 'only a person vouches for others' })
    }
    return vouch(record, voucher)
  }

  /** What it comes to there, if that is what was asked for: nobody signs another's wish. */
  async function plan(proposal: Proposal) {
    const { type, target, image, params, compensates } = proposal
    const asked = defined({ type, target, image, params, compensates })
    const answer = await ask('plan', { proposal: asked as unknown as JsonObject })
    const found = answer as unknown as { body: OpBody; digest: string; state: StateVector }
    if (!asksFor(proposal, found.body) || opDigest(found.body) !== found.digest) {
      throw socketErrors.PROV_SOCKET_DIFFERS({ what: 'another operation' })
    }
    return found
  }

  async function submit(proposal: Proposal) {
    const op = opIdOf(proposal.opId, clock)
    const found = proposal.opId === undefined ? undefined : await row(op).catch(unknownOp)
    // The start of another's id is a free id.
    const before = found?.id === op ? found : undefined
    if (before && !asksFor(proposal, before.body)) throw opErrors.PROV_OP_ID_REUSED({ op })
    if (before) return { op, duplicate: true, body: before.body }
    const { body, state } = await plan(proposal)
    const signing = await signer(proposal.as)
    const { kid } = signing.record
    const { expiresInMs } = proposal
    const claims = intentClaims({ op, kid, body, state, expiresInMs, contract: hello, clock })
    const token = await signToken('intent', claims, signing)
    const { limitBytes } = tokenRules.intent
    if (token.length > limitBytes) {
      const detail = { kind: 'intent', claim: 'token', expected: 'a smaller one' }
      throw tokenErrors.PROV_TOKEN_TOO_LARGE({ ...detail, bytes: token.length, limitBytes })
    }
    const binding = proposal.plan && bindingOf(proposal.plan)
    const given = defined({ token, plan: binding as unknown as JsonObject | undefined })
    const look = `run the same command with \`--op-id ${op}\`: the same again is the same answer, and nothing is done twice`
    return (await handIn('intent', given, `operation ${op}`, look)) as unknown as {
      op: string
      duplicate: boolean
      body: OpBody
    }
  }

  const follows = new Map<string, Following>()
  /** One stream per operation, however many listen: all hear the same in the same order. */
  const followed: refs.Submissions['follow'] = (op, listener, lost) => {
    const known = follows.get(op)
    const following: Following = known ?? { listeners: new Map(), stop: new AbortController() }
    const mine = Symbol(op)
    following.listeners.set(mine, { listener, lost })
    if (known) {
      if (known.newest) listener(known.newest)
    } else {
      follows.set(op, following)
      const hear = (value: JsonValue): void => {
        const change = value as unknown as PhaseChange
        following.newest = change
        for (const one of following.listeners.values()) one.listener(change)
      }
      const ends = AbortSignal.any([following.stop.signal, signal])
      holder.call('follow', { op }, { hear, signal: ends }).catch((thrown: unknown) => {
        if (follows.get(op) === following) follows.delete(op)
        for (const one of following.listeners.values()) one.lost?.(asProvError(thrown))
      })
    }
    return () => {
      following.listeners.delete(mine)
      if (following.listeners.size > 0) return
      if (follows.get(op) === following) follows.delete(op)
      following.stop.abort()
    }
  }

  const submissions: refs.Submissions = {
    submit,
    plan,
    handIn: async (token) =>
      (await handIn('intent', { token }, 'an intent', 'see `prov op list`')) as never,
    async withdraw({ op, as, reason }) {
      if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
      const { digest } = await row(op)
      const request = { act: 'op.withdraw', subject: op, reason } as const
      const token = await act(await signer(as), { ...request, with: { op_digest: digest } })
      await handAct(token, `the withdrawal of ${op}`, `see \`prov op show ${op}\``)
    },
    handInWithdrawal: (token) => handAct(token, 'a withdrawal', 'see `prov op list`'),
    phase: async (op) => ((await ask('phase', { op })) as unknown as PhaseChange) ?? undefined,
    follow: followed,
  }

  async function handAct(token: string, what: string, look: string): Promise<void> {
    await handIn('act', { token }, what, look)
  }

  async function person(as: string | undefined): Promise<Signer> {
    const signing = await signer(as)
    const { actor, kind } = signing.record
    if (kind !== 'human') throw policyErrors.PROV_POLICY_ACTIVATION({ actor, kind })
    return signing
  }

  const keeper: refs.KeeperDesk = {
    async vote({ op, as, decision, reason, breakGlassMs }) {
      if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
      const signing = await signer(as)
      const ballot = await keeper.ballot(op)
      // The person looked at the journal: what they vote on must be what stands there.
      if (ballot.op_digest !== (await row(op)).digest) {
        throw socketErrors.PROV_SOCKET_DIFFERS({ what: 'another operation' })
      }
      const { kid } = signing.record
      const request = { op, decision, reason, breakGlassMs }
      const claims = voteClaims({ request, ballot, kid, contract: hello, clock })
      return handVote(await signToken('vote', claims, signing), op)
    },
    handIn: (token) => handVote(token, 'it'),
    ballot: async (op) => (await ask('ballot', { op })) as never,
    proposed: async () => (await ask('policy', {})) as never,
    status: async () => (await ask('keeper', {})) as never,
    async setMode({ mode, as }) {
      const request = { act: 'keeper.mode', subject: 'mode', reason: '', with: { mode } } as const
      const token = await act(await person(as), request)
      await handAct(token, `the mode ${mode}`, 'see `prov keeper status`')
    },
    async review({ op, as, reason }) {
      if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
      const signing = await person(as)
      // Nothing to review is said there, with who may.
      const { approval = '' } = Object(await ask('unreviewed', { op })) as { approval?: string }
      const request = { act: 'op.review', subject: op, reason, with: { approval } } as const
      await handAct(await act(signing, request), `the review of ${op}`, 'see `prov keeper status`')
      return { by: signing.record.actor }
    },
    rotation: async (plane = 'keeper') => (await ask('rotation', { plane })) as never,
    async rotate({ as, plane = 'keeper' }) {
      const signing = await person(as)
      const { current: from, next } = await keeper.rotation(plane)
      const request = { act: rotationAct(plane), subject: plane, reason: '' } as const
      const token = await act(signing, { ...request, with: { from, ...recordJson(next) } })
      await handAct(token, `the next key of the ${plane}`, 'see `prov keys status`')
      const { current } = await keeper.rotation(plane)
      return { kid: next.kid, from, done: current === next.kid }
    },
    async revoke({ actor, reason, as }) {
      const signing = await signer(as)
      const { kid } = ((await ask('enrolled', { actor })) ?? {}) as { readonly kid?: string }
      const refuse = (what: string) => keyErrors.PROV_KEY_REVOKE_REFUSED({ actor, what })
      if (kid === undefined) throw refuse('nobody of that name is enrolled')
      if (reason.trim() === '') throw refuse('no reason was given')
      const request = { act: 'actor.revoke', subject: actor, reason, with: { kid } } as const
      const token = await act(signing, request)
      await handAct(token, `the revocation of ${actor}`, 'see `prov actor list`')
      return { kid, by: signing.record.actor }
    },
    async activatePolicy({ as }) {
      const signing = await person(as)
      const { version, digest, changes } = await keeper.proposed()
      if (!changes) return { version, digest }
      const request = { act: 'policy.activate', subject: 'policy', reason: '' } as const
      const token = await act(signing, { ...request, with: { digest, version } })
      await handAct(token, `the activation of policy ${version}`, 'see `prov policy show`')
      return { version, digest }
    },
    handInAct: (token) => handAct(token, 'an act', 'see `prov keeper status`'),
  }
  const handVote = async (token: string, op: string) =>
    (await handIn('vote', { token }, `the vote on ${op}`, `see \`prov op show ${op}\``)) as never

  const controller: refs.ControllerDesk = {
    async resolve({ op, as, outcome, reason }) {
      if (reason.trim() === '') throw opErrors.PROV_OP_REASON_MISSING({ op })
      const { claim = 'none' } = await row(op)
      const request = { act: 'op.resolve', subject: op, reason } as const
      const token = await act(await signer(as), { ...request, with: { claim, outcome } })
      await handAct(token, `the resolution of ${op}`, `see \`prov op show ${op}\``)
    },
    async replay({ id }) {
      await ask('replay', { id })
    },
    handIn: (token) => handAct(token, 'a resolution', 'see `prov op list`'),
    vector: async () => (await ask('vector', {})) as never,
  }

  const ledger: refs.Ledger = {
    path: async () => (await ask('path', {})) as string,
    settled: async (options = {}) => {
      const own = options.signal
      const both = own === undefined ? signal : AbortSignal.any([own, signal])
      return (await holder.call('ledger', {}, { signal: both })) as never
    },
  }

  const operator: OperatorDesk = {
    async replay(which) {
      const given = typeof which === 'number' ? { id: which } : defined(which)
      return (await handIn('letters', given, 'a replay', 'see `prov actors letters`')) as never
    },
    resume: async ({ address, skip }) =>
      (await handIn(
        'resume',
        { address, skip },
        `the resumption of ${address}`,
        `see \`prov actors ${address}\``,
      )) as never,
    started: async () => (await ask('plugins', {})) as never,
  }
  const told: Ecosystem = {
    async emit(emission) {
      const given = defined({ ...emission, data: emission.data ?? {} })
      return (await handIn('emit', given, 'an event', 'see `prov events`')) as { id: string }
    },
  }

  const services = new Map<string, unknown>([
    [operatorDesk.id, operator],
    [ecosystem.id, told],
    [refs.submissions.id, submissions],
    [refs.keeperDesk.id, keeper],
    [refs.controllerDesk.id, controller],
    [refs.ledger.id, ledger],
    [refs.keyStore.id, keys],
    // Of trust only what a voucher signs: everything else lives where the journal is written.
    [
      refs.contract.id,
      { enrol, signer, rotation: (role) => keeper.rotation(role) } satisfies Pick<
        Contract,
        'enrol' | 'signer' | 'rotation'
      >,
    ],
  ])
  return <T>(ref: ServiceRef<T>) => services.get(ref.id) as T | undefined
}

function bindingOf({ workspace, journal, op_digest, state, policy }: PlanBinding): PlanBinding {
  return { workspace, journal, op_digest, state, policy }
}

/** An id that nobody used is free. */
function unknownOp(thrown: unknown): undefined {
  const { code } = asProvError(thrown)
  if (!['PROV_OP_NOT_FOUND', 'PROV_OP_UNKNOWN', 'PROV_OP_AMBIGUOUS'].includes(code)) throw thrown
}
