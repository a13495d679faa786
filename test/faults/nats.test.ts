/**
 * The same story over NATS JetStream: operations from proposal to ledger, and a server that dies on
 * the way, with and without its store. The journal is the truth; the server only carries.
 */
import t from 'tap'
import type { Test } from 'tap'
import { nkeys } from 'nats'
import type { Bus, Outgoing } from '../../core/bus/bus.ts'
import { natsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { codeOf } from '../../core/kit.ts'
import { bus } from '../../core/plugin/core-services.ts'
import { onCrashPoint } from '../../core/protocol/crash.ts'
import { keeperDesk, ledger } from '../../core/protocol/services.ts'
import { streams } from '../../core/protocol/subjects.ts'
import type { Runtime } from '../../core/runtime.ts'
import { infra, once } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'
import type { NatsServer } from '../support/nats-server.ts'
import { seeded } from '../support/power.ts'
import { served, someOf, titleOf } from './matrix.ts'

t.setTimeout(900_000)

const path = findNatsServer()
const skip = path === undefined && howToInstall
const soak = process.env['PROV_SOAK'] !== undefined
const rounds = soak ? 40 : 4
const seed = Number(process.env['PROV_SEED'] ?? systemClock.now() % 1_000_000)
const settleMs = 600_000
t.comment(`PROV_SEED=${seed} repeats the choices of this run`)

interface Scene {
  readonly on: Infra
  readonly server: NatsServer
  open(): Promise<Runtime>
}

async function scene(t: Test): Promise<Scene> {
  const server = await natsServer(path ?? '', t)
  const on = await infra(t)
  const open = async (): Promise<Runtime> => {
    const prov = await on.open({ bus: () => natsBus({ servers: server.url, timeoutMs: 5_000 }) })
    t.teardown(() => prov.close())
    return prov
  }
  return { on, server, open }
}

const pause = () => new Promise<void>((resolve) => systemClock.after(20, resolve))

const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const
const deploy = { type: 'deploy', target: 'app-cluster/cert-manager', as: 'alice' } as const

const approve = (prov: Runtime, op: string) =>
  prov.service(keeperDesk).vote({ op, as: 'bob', decision: 'approve', reason: 'looked at it' })

const outcomeOf = async (prov: Runtime, op: string): Promise<string> =>
  (await prov.op(op).settled({ timeoutMs: settleMs })).outcome

/** What must hold once the runtime is closed: one RESULT each, and all of it in the ledger. */
async function whole(t: Test, on: Infra, ops: readonly string[]): Promise<void> {
  for (const op of ops) {
    const types = (await on.events(op)).map(({ type }) => type)
    t.equal(types.filter((type) => type === 'prov.op.applied').length, 1, `${op} has one RESULT`)
    t.equal(types.filter((type) => type === 'prov.op.claimed').length, 1, `${op} has one CLAIM`)
  }
  t.same(await on.faults(), [])
}

t.test('over NATS an operation runs once, by policy and by people', { skip }, async (t) => {
  const { on, open } = await scene(t)
  const prov = await open()
  const auto = await prov.submit(restart)
  t.equal(await outcomeOf(prov, auto.id), 'applied')
  const held = await prov.submit(deploy)
  t.equal(await outcomeOf(prov, held.id), 'held')
  await approve(prov, held.id)
  t.equal(await outcomeOf(prov, held.id), 'applied')
  await prov.service(ledger).settled()
  await prov.close()
  t.same(on.marks(), [...once.restart, ...once.deploy])
  await whole(t, on, [auto.id, held.id])
})

for (const empty of [false, true]) {
  const loss = empty ? 'and comes back without its store' : 'and comes back'
  t.test(`a server that is killed ${loss} while operations run`, { skip }, async (t) => {
    const { on, server, open } = await scene(t)
    const prov = await open()
    const held = await prov.submit(deploy)
    t.equal(await outcomeOf(prov, held.id), 'held')

    await server.stop()
    // Nobody carries now: what is proposed and decided is kept and goes out later.
    const auto = await prov.submit(restart)
    await approve(prov, held.id)
    await server.start({ empty })
    t.equal(await outcomeOf(prov, auto.id), 'applied')
    t.equal(await outcomeOf(prov, held.id), 'applied')

    const running = await prov.submit(restart)
    await new Promise<void>((resolve) => {
      running.phases$.subscribe(({ name }) => name === 'claimed' && resolve())
    })
    await server.stop()
    await server.start({ empty })
    t.equal(await outcomeOf(prov, running.id), 'applied')
    await prov.service(ledger).settled()
    await prov.close()
    t.same([...on.marks()].sort(), [...once.restart, ...once.deploy, ...once.restart].sort())
    await whole(t, on, [auto.id, held.id, running.id])
  })
}

t.test(
  'a permission that is taken away while operations run only delays them',
  { skip },
  async (t) => {
    const user = nkeys.createUser()
    const allow = (publish: string) => `authorization: { users: [ {
    nkey: ${user.getPublicKey()}, permissions: { publish: ${publish}, subscribe: [">"] } } ] }`
    const server = await natsServer(path ?? '', t, allow('[">"]'))
    const on = await infra(t)
    const nkeySeed = user.getSeed()
    const bus = () => natsBus({ servers: server.url, nkeySeed, timeoutMs: 1_000 })
    const refused: unknown[] = []
    const prov = await on.open({
      bus,
      log: ({ text, detail }) => {
        if (JSON.stringify(detail ?? '').includes('PROV_BUS_DENIED')) refused.push(text)
      },
    })
    t.teardown(() => prov.close())
    const held = await prov.submit(deploy)
    t.equal(await outcomeOf(prov, held.id), 'held')
    await server.configure(allow('{ allow: [">"], deny: ["ops.cmd.>"] }'))
    await approve(prov, held.id)
    const auto = await prov.submit(restart)
    while (refused.length === 0) await pause()
    t.same(on.marks(), [], 'what cannot be commanded does not run')
    await server.configure(allow('[">"]'))
    t.equal(await outcomeOf(prov, held.id), 'applied')
    t.equal(await outcomeOf(prov, auto.id), 'applied')
    await prov.service(ledger).settled()
    await prov.close()
    t.same([...on.marks()].sort(), [...once.deploy, ...once.restart].sort())
    await whole(t, on, [held.id, auto.id])
  },
)

t.test('a server whose disk is full only delays operations', { skip }, async (t) => {
  const { on, server, open } = await scene(t)
  const prov = await open()
  const held = await prov.submit(deploy)
  t.equal(await outcomeOf(prov, held.id), 'held')
  await server.configure('jetstream: { max_file_store: 1 }', { restart: true })
  const auto = await prov.submit(restart)
  await approve(prov, held.id)
  const full = await natsBus({ servers: server.url })
  const subject = 'ecosystem.full.disk.probe'
  t.not(await codeOf(full.publish(subject, { id: '1', body: 1 })), 'none', 'it takes nothing')
  await full.close()
  t.same(on.marks(), [])
  await server.configure('', { restart: true })
  t.equal(await outcomeOf(prov, held.id), 'applied')
  t.equal(await outcomeOf(prov, auto.id), 'applied')
  await prov.service(ledger).settled()
  await prov.close()
  t.same([...on.marks()].sort(), [...once.deploy, ...once.restart].sort())
  await whole(t, on, [held.id, auto.id])
})

t.test('what a server took and lost before anybody read it is sent again', { skip }, async (t) => {
  const { on, server, open } = await scene(t)
  // A keeper that is refused its config reads nothing: the intent lies on the server.
  const deaf = await on.open({
    bus: () => natsBus({ servers: server.url }),
    config: { keeper: { not: 'taken' } },
  })
  const { id } = await deaf.submit(restart)
  const stream = streams.pending('my-infra')
  while ((await deaf.service(bus).streamInfo(stream))?.messages !== 1) await pause()
  await deaf.close()
  await server.stop()
  await server.start({ empty: true })
  const prov = await open()
  t.equal(await outcomeOf(prov, id), 'applied')
  await prov.close()
  await whole(t, on, [id])
})

/** Where a process ends, nobody is left to miss the server; a file that is written does not ask for it. */
const isMissed = ({ point }: { readonly point: string }): boolean => !/^(close|file)/.test(point)

t.test(
  'a server that is killed at any named step, with or without its store',
  { skip },
  async (t) => {
    const { on, server, open } = await scene(t)
    const prov = await open()
    const random = seeded(seed)
    const cells = served.filter(isMissed)
    const ops: string[] = []
    t.teardown(() => onCrashPoint(undefined))
    for (const cell of someOf(cells, soak ? cells.length : 3, random)) {
      const empty = random() < 0.5
      let left = cell.pass
      let again: Promise<void> | undefined
      onCrashPoint((point) => {
        if (point === cell.point && --left === 0) {
          again = server.stop().then(() => server.start({ empty }))
        }
      })
      while (!again) {
        const made = await Promise.all(Array.from({ length: 5 }, () => prov.submit(restart)))
        ops.push(...made.map(({ id }) => id))
        for (const { id } of made) t.equal(await outcomeOf(prov, id), 'applied', titleOf(cell))
        await prov.service(ledger).settled()
      }
      await again
    }
    onCrashPoint(undefined)
    await prov.service(ledger).settled()
    await prov.close()
    t.same([...on.marks()].sort(), ops.flatMap(() => once.restart).sort(), 'every step ran once')
    await whole(t, on, ops)
  },
)

/** A way to a server on which intents and commands get lost, come twice under another id, or late behind others. */
function rough(bus: Bus, random: () => number): Bus {
  const later = (subject: string, message: Outgoing): void => {
    const again = { ...message, id: `${message.id}~late` }
    systemClock.after(random() * 2_000, () => void bus.publish(subject, again).catch(() => {}))
  }
  return {
    kind: 'rough',
    async publish(subject, message) {
      const draw = /^ops\.(pending|cmd)\./.test(subject) ? random() : 0.7
      if (draw < 0.6) later(subject, message)
      if (draw > 0.3 && draw < 0.9) return bus.publish(subject, message)
      return { stream: 'S', sequence: 0, duplicate: false }
    },
    ensureStream: (...given) => bus.ensureStream(...given),
    ensureConsumer: (...given) => bus.ensureConsumer(...given),
    pull: (...given) => bus.pull(...given),
    keyValue: (...given) => bus.keyValue(...given),
    streamInfo: (...given) => bus.streamInfo(...given),
    close: () => bus.close(),
  }
}

t.test(
  'what a server delivers twice, late, in another order or not at all runs once',
  { skip },
  async (t) => {
    const server = await natsServer(path ?? '', t)
    const on = await infra(t)
    const random = seeded(seed)
    const prov = await on.open({
      bus: async () => rough(await natsBus({ servers: server.url }), random),
    })
    t.teardown(() => prov.close())
    const made = await Promise.all(
      Array.from({ length: soak ? 40 : 8 }, () => prov.submit(restart)),
    )
    const ops = made.map(({ id }) => id)
    for (const op of ops) t.equal(await outcomeOf(prov, op), 'applied')
    await prov.service(ledger).settled()
    await prov.close()
    t.same([...on.marks()].sort(), ops.flatMap(() => once.restart).sort(), 'every step ran once')
    await whole(t, on, ops)
  },
)

t.test('a server that loses everything at any moment loses no operation', { skip }, async (t) => {
  const random = seeded(seed)
  const { on, server, open } = await scene(t)
  const prov = await open()
  const ops: string[] = []
  for (let round = 0; round < rounds; round++) {
    const waitMs = Math.round(random() * 60)
    const { id } = await prov.submit(restart)
    ops.push(id)
    await new Promise<void>((resolve) => systemClock.after(waitMs, resolve))
    await server.stop()
    await server.start({ empty: true })
    t.equal(await outcomeOf(prov, id), 'applied', `killed ${waitMs} ms after the proposal`)
  }
  await prov.service(ledger).settled()
  await prov.close()
  t.same(
    on.marks(),
    ops.flatMap(() => once.restart),
  )
  await whole(t, on, ops)
})
