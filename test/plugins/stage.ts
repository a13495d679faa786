/**
 * The planes on a stage: a real runtime over a journal in memory, the first-party planes, a small
 * topology and an orchestrator that really runs a function and counts how often.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Bus } from '../../core/bus/bus.ts'
import { createRuntime } from '../../core/runtime.ts'
import type { Runtime } from '../../core/runtime.ts'
import { simulatedClock } from '../../core/clock.ts'
import type { Journal } from '../../core/journal/journal.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'
import { bus } from '../../core/plugin/core-services.ts'
import { definePlugin } from '../../core/plugin/define.ts'
import type { AuditEvent } from '../../core/protocol/audit.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { planDigest } from '../../core/protocol/claims.ts'
import { digestOf, digestOfText } from '../../core/json.ts'
import { voteClaims } from '../../core/protocol/drafts.ts'
import { custodyBetween } from '../../core/protocol/key.ts'
import { signToken, signTokenNow } from '../../core/protocol/tokens.ts'
import type { ApprovalClaims, ApprovalNote, OpBody, OpPhase } from '../../core/protocol/op.ts'
import { opErrors } from '../../core/protocol/errors.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import {
  contract,
  controllerDesk,
  keeperDesk,
  orchestrator,
  submissions,
  topology,
} from '../../core/protocol/services.ts'
import type {
  ControllerDesk,
  GateView,
  KeeperDesk,
  RunOutcome,
  Submissions,
} from '../../core/protocol/services.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import controller from '../../plugins/controller/index.ts'
import keeper from '../../plugins/keeper/index.ts'
import submitter from '../../plugins/submitter/index.ts'

/** Signs restarts by itself, holds what is destructive for two pairs of hands, denies `drain`. */
export const usualPolicy = `{
  policy = {
    version = 1,
    auto_sign = [{ id = "restarts", op_type = "restart", target_patterns = ["staging-*/**"] }],
    require_manual = [
      { id = "apart", op_type = "deploy", target_patterns = ["prod-*/**"], quorum = { at_least = 1, custody = 'separate } },
    ],
    deny = [{ id = "never", op_type = "drain" }],
  },
}
`

const bodies: Readonly<Record<string, Partial<OpBody>>> = {
  restart: {},
  deploy: {
    achieves: [{ dimension: 'cluster', from: 'boot', to: 'up' }],
    gains: ['cert-manager'],
    run: { provider: 'test', steps: [{ id: 'apply', script: 'true' }] },
  },
  drain: { destructive: true },
  gated: { requires: ['edge'] },
  // Moves the dimension that it is aimed at.
  spread: { run: { provider: 'test', steps: [{ id: 'apply', script: 'true' }] } },
  move: { achieves: [{ dimension: 'gitops', from: 'off', to: 'on' }] },
}

export interface Stage {
  readonly workspace: string
  readonly home: string
  readonly disk: MemoryDisk
  readonly clock: ReturnType<typeof simulatedClock>
  /** What the orchestrator answers; each call counts as one effect. */
  run: (op: string, token: string) => Promise<RunOutcome>
  readonly effects: Map<string, number>
  gate: GateView['status']
  /** Awaited before gates are told: a controller that takes its time. */
  pause: () => Promise<void>
  /** Opens another journal than the one in memory. */
  open?: () => Promise<Journal>
  /** Opens another bus than the one in the journal. */
  bus?: () => Promise<Bus>
  /** Planes that do not run. */
  deaf?: readonly string[]
}

/** A workspace with that policy file; null for none. */
export function stage(t: Test, policy: string | null = usualPolicy): Stage {
  const folder = mkdtempSync(join(tmpdir(), 'prov-stage-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const workspace = join(folder, 'my-infra')
  const home = join(folder, 'home')
  mkdirSync(join(workspace, '.ontology'), { recursive: true })
  if (policy !== null) writeFileSync(join(workspace, 'keeper_policy.ncl'), policy)
  return {
    workspace,
    home,
    disk: new MemoryDisk(),
    clock: simulatedClock(),
    run: async () => ({ outcome: 'applied', detail: { ok: true } }),
    effects: new Map(),
    gate: 'open',
    pause: async () => {},
  }
}

/** Bob's vote for what is held, in the trail; the keeper does not count it. */
async function voted({ deal, desk, on }: Approving, op: string): Promise<ApprovalNote> {
  const signer = await deal.signer('bob')
  const { kid, actor } = signer.record
  const said = { decision: 'approve', reason: 'looked at it' } as const
  const request = { op, as: actor, ...said }
  const ballot = await desk.ballot(op)
  const claims = voteClaims({ request, ballot, kid, contract: deal, clock: on.clock })
  const token = await signToken('vote', claims, signer)
  const vote = digestOfText(token)
  const requester = deal.keyring.key(deal.store.get().ops.get(op)?.kid ?? '') ?? signer.record
  const custody = custodyBetween(signer.record, requester)
  const cast = { actor, kid, custody, vote }
  await deal.emit('keeper', { type: 'op.vote', subject: op, data: { ...cast, ...said, token } })
  return cast
}

type Approving = Pick<Life, 'deal' | 'events' | 'desk'> & { readonly on: Stage }

/**
 * An approval as the keeper would sign it, with whatever change; what is held has Bob's vote then. Throws
 * when the operation is not known.
 */
export async function signedApproval(
  life: Approving,
  op: string,
  change: Partial<ApprovalClaims> & Pick<ApprovalClaims, 'jti'>,
): Promise<string> {
  const { deal, events, on } = life
  const row = deal.store.get().ops.get(op)
  const event = (await events(op)).find(({ type }) => type === 'prov.op.submitted')
  if (!row || !event) throw new Error('no such operation')
  const keeper = deal.service('keeper')
  const iat = Math.floor(on.clock.now() / 1_000)
  const { digest: op_digest, expected: expected_state_version, expires: exp } = row
  const { policy } = deal.store.get()
  const claims: ApprovalClaims = {
    iss: keeper.record.kid,
    sub: op,
    aud: deal.journal,
    iat,
    nbf: iat,
    exp: iat + 600,
    workspace: 'my-infra',
    intent: (event.data as { intent: string }).intent,
    op_digest,
    plan_digest: planDigest({ sub: op, op_digest, expected_state_version, exp }),
    policy_digest: policy?.digest ?? digestOf({ policy: null }),
    policy_version: policy?.version ?? 0,
    expected_state_version,
    scope: [],
    approvals: row.phase === 'held' && !change.approvals ? [await voted(life, op)] : [],
    seq: 1,
    keeper_epoch: 1,
    ...change,
  }
  return signTokenNow('approval', claims, keeper)
}

/** Keys of the stage's people; custody of its own when named. */
export function people(on: Stage, custody?: string) {
  return openKeyStore({ home: on.home, clock: on.clock, custody })
}

const worldOf = (on: Stage) =>
  definePlugin({
    name: 'world',
    api: 1,
    needs: { contract },
    provides: { topology, orchestrator },
    setup({ provide, needs }) {
      const { store } = needs.contract
      provide.topology({
        async resolve({ type, target, image, params }) {
          const known = bodies[type]
          if (!known) throw opErrors.PROV_OP_TYPE_UNKNOWN({ type, known: Object.keys(bodies) })
          return {
            type,
            target,
            ...(image !== undefined && { image }),
            ...(params !== undefined && { params: params as never }),
            scope: [],
            destructive: false,
            achieves: [],
            gains: [],
            loses: [],
            requires: [],
            ...known,
            ...(type === 'spread' && { achieves: [{ dimension: target, from: 'off', to: 'on' }] }),
          }
        },
        vector: async (dimensions) =>
          Object.fromEntries(
            dimensions.map((name) => [name, store.get().positions[name]?.version ?? 0]),
          ),
        positions: async () => store.get().positions,
        async gates() {
          await on.pause()
          return [{ id: 'edge', status: on.gate, unmet: ['vault is sealed'] }]
        },
        genesis: async () => ({
          positions: { cluster: 'boot', gitops: 'off' },
          capabilities: ['dns'],
        }),
      })
      provide.orchestrator({
        async run({ op, token }) {
          on.effects.set(op, (on.effects.get(op) ?? 0) + 1)
          return on.run(op, token)
        },
      })
    },
  })

export interface Life {
  readonly prov: Runtime
  readonly deal: Contract
  readonly ops: Submissions
  readonly desk: KeeperDesk
  readonly control: ControllerDesk
  /** Resolves when the operation is in one of the phases. */
  until(op: string, ...phases: readonly OpPhase[]): Promise<OpPhase>
  events(op?: string): Promise<readonly AuditEvent[]>
  /** Codes of what was turned away so far, from the audit trail. */
  codes(): readonly string[]
  /** Resolves when the trail has a refusal with that code. */
  refused(code: string): Promise<void>
  close(): Promise<void>
}

/** Starts a runtime on the stage; the journal stays when it is closed. */
export async function live(on: Stage): Promise<Life> {
  const { workspace, home, clock, disk } = on
  const journal = (await on.open?.()) ?? memoryJournal({ clock, disk })
  const prov = await createRuntime({
    workspace,
    home,
    clock,
    journal,
    bus: on.bus,
    discover: false,
    strict: true,
    plugins: [worldOf(on), submitter, keeper, controller].filter(
      ({ name }) => !on.deaf?.includes(name),
    ),
    log: () => {},
  })
  const deal = prov.service(contract)
  return {
    prov,
    deal,
    get ops() {
      return prov.service(submissions)
    },
    get desk() {
      return prov.service(keeperDesk)
    },
    get control() {
      return prov.service(controllerDesk)
    },
    until: (op, ...phases) =>
      new Promise((resolve, reject) => {
        const row = deal.store.select(({ ops }) => ops.get(op)?.phase)
        let stop = (): void => {}
        const late = setTimeout(() => {
          stop()
          reject(new Error(`${op} is ${row.get()} and not ${phases.join(', ')}`))
        }, 20_000)
        const look = (phase: OpPhase | undefined): void => {
          if (phase === undefined || !phases.includes(phase)) return
          clearTimeout(late)
          stop()
          resolve(phase)
        }
        stop = row.subscribe(look)
        look(row.get())
      }),
    async events(op) {
      const found: AuditEvent[] = []
      for await (const event of deal.events({ op })) found.push(event)
      return found
    },
    codes: () => deal.store.get().refusals.map(({ code }) => code),
    refused: (code) =>
      new Promise((resolve, reject) => {
        const seen = deal.store.select(({ refusals }) => refusals)
        let stop = (): void => {}
        const late = setTimeout(() => {
          stop()
          reject(
            new Error(
              `no ${code} among ${seen
                .get()
                .map((one) => one.code)
                .join()}`,
            ),
          )
        }, 20_000)
        const look = (): void => {
          if (!seen.get().some((one) => one.code === code)) return
          clearTimeout(late)
          stop()
          resolve()
        }
        stop = seen.subscribe(look)
        look()
      }),
    async close() {
      await prov.close()
      await journal.close()
    },
  }
}

/** A stage with alice, bob and a robot enrolled and the policy in force; `change` sees it before it lives. */
export async function ready(
  t: Test,
  policy?: string,
  change: (on: Stage) => void = () => {},
): Promise<Life & { readonly on: Stage }> {
  const on = stage(t, policy)
  change(on)
  const life = await live(on)
  t.teardown(() => life.close())
  const keys = people(on)
  for (const actor of ['alice', 'bob'] as const) {
    const record = await keys.create({ actor, kind: 'human', passphrase: '' })
    await life.deal.enrol({ record, as: 'alice' })
  }
  const robot = await keys.create({ actor: 'robot', kind: 'agent', passphrase: '' })
  await life.deal.enrol({ record: robot, as: 'alice' })
  await life.desk.activatePolicy({ as: 'alice' })
  return { ...life, on }
}

let sentinels = 0
/** Resolves when the controller placed every command that was published before. */
export async function placed({ prov, codes }: Life): Promise<void> {
  const count = () => codes().filter((code) => code === 'PROV_TOKEN_MALFORMED').length
  const before = count()
  const message = { id: `sentinel:${++sentinels}`, body: { kind: 'sentinel' } }
  await prov.service(bus).publish(subjects.command('my-infra'), message)
  // Messages are taken in their order, and what has no meaning is audited.
  while (count() === before) await new Promise((turn) => setImmediate(turn))
}
