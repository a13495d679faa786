/**
 * An operation that policy signs by itself begins approved: instance, approval, number, events and command
 * are one frame, and whoever takes it back meanwhile is told by the plane that knows.
 */
import t from 'tap'
import type { Test } from 'tap'
import type { JsonObject } from '../../core/json.ts'
import { journal } from '../../core/plugin/core-services.ts'
import { isAudit } from '../../core/protocol/audit.ts'
import { Refusals } from '../../core/protocol/refusals.ts'
import { openTokenNow } from '../../core/protocol/tokens.ts'
import type { OperationInput } from '../../machines/operation.ts'
import { Keeper } from '../../plugins/keeper/keeper.ts'
import type { OperationRef } from '../../plugins/keeper/keeper.ts'
import { placed, ready } from './stage.ts'
import type { Life, Stage } from './stage.ts'

const restart = { type: 'restart', target: 'staging-1/api', as: 'alice' } as const

async function recordsOf({ prov }: Life, op: string) {
  const found: { position: number; what: string; state?: unknown }[] = []
  for await (const { position, partition, type, body } of prov.service(journal).read()) {
    const said = body as JsonObject & { state?: { value: string }; body?: JsonObject }
    const [mine, command] = [`keeper/${op}`, said['subject'] === 'ops.cmd.my-infra']
    if (type.startsWith('actor.') && said['address'] === mine) {
      found.push({ position, what: type, state: said.state?.value })
    } else if (partition === 'keeper' && (command || said['subject'] === op)) {
      found.push({ position, what: command ? 'command' : String(said['type']) })
    }
  }
  return found
}

t.test('what policy signs begins approved, in one frame, and is judged once', async (t) => {
  const life = await ready(t)
  const { op } = await life.ops.submit(restart)
  await life.until(op, 'applied')
  const [first, ...rest] = await recordsOf(life, op)
  t.match(first, { what: 'actor.started', state: 'approved' })
  t.same(
    rest.slice(0, 3).map(({ position, what }) => [position - (first?.position ?? 0), what]),
    [
      [1, 'prov.op.matched'],
      [2, 'prov.op.approved'],
      [3, 'command'],
    ],
  )
  const said = (await life.events(op)).filter(({ emitter }) => emitter === 'keeper')
  t.equal(said.length, 2, 'and nothing is said twice')
})

t.test('what policy holds, or signs in manual mode, begins submitted', async (t) => {
  const life = await ready(t)
  const held = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await life.until(held.op, 'held')
  t.match((await recordsOf(life, held.op))[0], { what: 'actor.started', state: 'submitted' })
  await life.desk.setMode({ mode: 'manual', as: 'alice' })
  const frozen = await life.ops.submit(restart)
  await life.until(frozen.op, 'held')
  t.match((await recordsOf(life, frozen.op))[0], { what: 'actor.started', state: 'submitted' })
})

/** A keeper whose instances are what the test says, and an intent that policy signs. */
async function alone(t: Test) {
  const life: Life & { readonly on: Stage } = await ready(t)
  const { op } = await life.ops.submit(restart)
  await life.until(op, 'applied')
  const submitted = (await life.events(op)).find((event) => isAudit(event, 'op.submitted'))
  const { intent: token } = Object(submitted?.data) as { readonly intent: string }
  const { deal, prov, on } = life
  const { claims, record } = openTokenNow('intent', token, deal.tokenContext())
  const context = { id: op, token, votes: [], trail: [], lapsed: false }
  const is: { value: string; seq: number | null; told: string[] } = {
    value: 'submitted',
    seq: null,
    told: [],
  }
  const starts: { input: OperationInput; done: () => void; failed: (why: Error) => void }[] = []
  const ref = {
    snapshot: () => ({
      value: is.value,
      status: 'active',
      context: { ...context, seq: is.seq, keeperEpoch: 1 },
    }),
    apply: async ({ type }: { type: string }) => void is.told.push(type),
  } as unknown as OperationRef
  const keeper = new Keeper({
    contract: deal,
    journal: prov.service(journal),
    clock: on.clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    refusals: new Refusals({ contract: deal, role: 'keeper', clock: on.clock }),
    // Before it was started there is none.
    ref: () => (starts.length > 0 ? ref : undefined),
    start: (_, input) =>
      new Promise((resolve, reject) => {
        starts.push({ input, done: () => resolve(undefined), failed: reject })
      }),
    signal: new AbortController().signal,
  })
  const begun = keeper.begin({ token, claims, requester: record })
  while (starts.length === 0) await Promise.resolve()
  const start = starts[0] as (typeof starts)[number]
  const { seq } = start.input.birth as { seq: number }
  return { ...life, op, keeper, begun, start, seq, is }
}

t.test('a withdrawal that comes while policy signs is for the controller to judge', async (t) => {
  const { keeper, begun, start, seq, is, op } = await alone(t)
  const back = keeper.withdraw(op, 'alice', 'not now', 'sha256:1')
  Object.assign(is, { value: 'approved', seq })
  start.done()
  await begun
  t.equal(await back, false)
  t.same(is.told, [], 'the keeper does not say that it is withdrawn: its command is on the way')
})

for (const end of ['another one was there first', 'it could not be kept'] as const) {
  t.test(`a number that was signed and not used is given back: ${end}`, async (t) => {
    const life = await alone(t)
    const { begun, start, seq, deal } = life
    if (end === 'it could not be kept') start.failed(new Error('the disk is full'))
    else start.done()
    await begun.then(
      () => t.equal(end, 'another one was there first'),
      (thrown: Error) => t.equal(thrown.message, 'the disk is full'),
    )
    await placed(life)
    t.equal(deal.store.get().numbers.get(1, seq)?.used, 'seq.skipped')
  })
}
