/**
 * Children of machines in the kernel: what machines invoke and spawn begins after the commit, ends with
 * its parent, and is neither lost nor doubled by a crash.
 *
 * @module
 */
import t from 'tap'
import {
  assign,
  emit,
  enqueueActions,
  fromCallback,
  fromPromise,
  sendParent,
  sendTo,
  setup,
  stopChild,
} from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent, Durability } from '../../core/actor/define.ts'
import type { ActorRef, ActorSystem } from '../../core/actor/system.ts'
import { House, settle } from './counter.ts'

interface Context {
  readonly seen: readonly string[]
}

/** `go` invokes `job`; what comes back is noted; `leave` leaves it; `spawn` starts a line beside it. */
function shop(run: (input: unknown, signal: AbortSignal) => Promise<unknown>, lives: string[]) {
  return setup({
    types: { context: {} as Context, events: {} as ActorEvent & Record<string, unknown> },
    actors: {
      job: fromPromise<unknown, unknown>(({ input, signal }) => run(input, signal)),
      line: fromCallback<ActorEvent>(({ sendBack, receive, input }) => {
        lives.push(`up ${String(input)}`)
        receive((event) => sendBack({ type: 'heard', what: event.type }))
        return () => void lives.push(`down ${String(input)}`)
      }),
    },
    actions: {
      note: assign({
        seen: ({ context, event }) => {
          const { type, output, error, what } = event
          const said = output ?? (error as { message?: string } | undefined)?.message ?? what
          return [...context.seen, said === undefined ? type : `${type} ${String(said)}`]
        },
      }),
    },
  }).createMachine({
    context: { seen: [] },
    initial: 'idle',
    on: {
      heard: { actions: 'note' },
      spawn: {
        actions: enqueueActions(({ enqueue }) => {
          enqueue.spawnChild('line', { id: 'l', input: 'x' })
        }),
      },
      talk: { actions: sendTo('l', { type: 'hello' }) },
      later: { actions: sendTo('l', { type: 'late' }, { delay: 1_000, id: 'late' }) },
      hang: { actions: stopChild('l') },
      close: '.closed',
    },
    states: {
      idle: { on: { go: 'working' } },
      working: {
        invoke: {
          id: 'job',
          src: 'job',
          input: ({ event }: { event: Record<string, unknown> }) => event['n'],
          onDone: { target: 'idle', actions: 'note' },
          onError: { target: 'idle', actions: 'note' },
        },
        on: { leave: 'idle', again: { target: 'working', reenter: true } },
      },
      closed: { type: 'final' },
    },
  })
}

function shopDef(
  run: (input: unknown, signal: AbortSignal) => Promise<unknown>,
  lives: string[] = [],
  durability: Durability = 'journal',
): ActorDef {
  const machine = shop(run, lives)
  return defineActor({ type: 'shop', version: 1, machine, durability }) as unknown as ActorDef
}

const seenBy = (system: ActorSystem, address: `${string}/${string}`) =>
  (system.ref(address) as ActorRef<Context>).snapshot().context.seen

for (const durability of ['journal', 'snapshot', 'volatile'] as const) {
  t.test(
    `${durability}: an invoked promise comes back done or failed, and stops with its state`,
    async (t) => {
      const house = new House()
      const system = await house.start()
      t.teardown(() => system.close())
      const aborted: unknown[] = []
      const lives: string[] = []
      const def = shopDef(
        (input, signal) => {
          signal.addEventListener('abort', () => aborted.push(input))
          if (input === 1) return Promise.resolve('one')
          return input === 2 ? Promise.reject(new Error('two')) : new Promise(() => {})
        },
        lives,
        durability,
      )
      system.register(def)
      const ref = await system.spawn(def, 'eu')
      await ref.apply({ type: 'go', n: 1 } as ActorEvent)
      await settle(6)
      await ref.apply({ type: 'go', n: 2 } as ActorEvent)
      await settle(6)
      await ref.apply({ type: 'go', n: 3 } as ActorEvent)
      await settle(6)
      t.same(aborted, [])
      await ref.apply({ type: 'again', n: 4 } as ActorEvent)
      await settle(6)
      t.same(aborted, [3], 'a state that is entered anew begins anew')
      await ref.apply({ type: 'leave' })
      await settle(6)
      t.same(aborted, [3, 4])
      t.same(seenBy(system, 'shop/eu'), ['xstate.done.actor.job one', 'xstate.error.actor.job two'])

      for (const type of ['spawn', 'talk', 'later']) ref.send({ type })
      await settle(6)
      await house.clock.advance(1_000)
      await settle(6)
      t.same(seenBy(system, 'shop/eu').slice(2), ['heard hello', 'heard late'])
      await ref.apply({ type: 'hang' })
      ref.send({ type: 'talk' })
      await settle(6)
      t.same(lives, ['up x', 'down x'])
      t.match(system.deadLetters().rows, [
        { address: 'shop/eu#l', event: 'hello', reason: 'unknown' },
      ])
      await ref.apply({ type: 'spawn' })
      await settle(6)
      ref.send({ type: 'close' })
      await settle(6)
      t.same(lives.slice(2), ['up x', 'down x'], 'a machine that is done has no children')
    },
  )
}

t.test(
  'a guest that ran when the process died begins again from its input, others do not',
  async (t) => {
    const house = new House()
    let system = await house.start()
    const ran: unknown[] = []
    let finish: (value: unknown) => void = () => {}
    const lives: string[] = []
    const make = () =>
      shopDef((input) => {
        ran.push(input)
        return new Promise((resolve) => (finish = resolve))
      }, lives)
    const open = async () => {
      const def = make()
      system.register(def)
      await settle(6)
      return system.spawn(def, 'eu')
    }
    let ref = await open()
    await ref.apply({ type: 'go', n: 1 } as ActorEvent)
    await settle(6)
    house.crash()
    system = await house.start()
    ref = await open()
    t.same(ran, [1, 1])
    finish('done')
    await settle(6)
    t.same(seenBy(system, 'shop/eu'), ['xstate.done.actor.job done'])
    house.crash()
    system = await house.start()
    ref = await open()
    t.same(ran, [1, 1], 'its end was handled')
    await ref.apply({ type: 'go', n: 2 } as ActorEvent)
    await ref.apply({ type: 'leave' })
    ref.send({ type: 'spawn' })
    await settle(6)
    t.same(ran.slice(2), [2])
    house.crash()
    system = await house.start()
    ref = await open()
    t.same(ran.slice(2), [2], 'it was stopped')
    t.same(lives, ['up x', 'up x'])
    await system.close()
    t.equal(lives.at(-1), 'down x', 'closing stops it')
    system = await house.start()
    ref = await open()
    t.equal(lives.at(-1), 'up x', 'and it is owed to the next start')
    await system.stop('shop/eu')
    await settle(6)
    t.equal(lives.at(-1), 'down x')
    house.crash()
    system = await house.start()
    await open()
    t.equal(lives.at(-1), 'down x', 'nobody is there to answer to')
    await system.close()
  },
)

t.test(
  'an error that nobody handles fails the parent’s step, and supervision decides',
  async (t) => {
    const house = new House()
    const system = await house.start()
    t.teardown(() => system.close())
    const machine = setup({
      actors: { job: fromPromise(() => Promise.reject(new Error('no luck'))) },
    }).createMachine({ initial: 'a', states: { a: { invoke: { id: 'job', src: 'job' } } } })
    const def = defineActor({
      type: 'strict',
      version: 1,
      machine,
      supervision: { onFailure: 'park' },
    }) as unknown as ActorDef
    system.register(def)
    await system.spawn(def, 'a')
    await settle(6)
    t.match(system.list(), [{ status: 'parked', parked: { message: /no luck/ } }])
  },
)

// ── children that are actors of the kernel ───────────────────────────────────────────────────────

const workerMachine = setup({
  types: {
    context: {} as { readonly n: number },
    events: {} as ActorEvent,
    input: {} as { readonly n: number },
  },
  actions: {
    add: assign({ n: ({ context }) => context.n + 1 }),
    fail: assign(() => {
      throw new Error('broken tool')
    }),
  },
}).createMachine({
  context: ({ input }) => ({ n: input.n }),
  initial: 'busy',
  states: {
    busy: {
      on: {
        work: { actions: ['add', sendParent(({ context }) => ({ type: 'worked', n: context.n }))] },
        finish: 'ready',
        fail: { actions: 'fail' },
      },
    },
    ready: { type: 'final' },
  },
  output: ({ context }) => context.n,
})

function firm(durability: Durability = 'journal', spec: object = {}) {
  const worker = defineActor({
    type: 'firm.worker',
    version: 1,
    machine: workerMachine,
    durability,
    supervision: { onFailure: 'escalate' },
  }) as unknown as ActorDef
  const machine = setup({
    // What stands under `children` takes its place; here it only lends its types.
    actors: { worker: workerMachine },
    types: {
      context: {} as { readonly log: readonly string[] },
      events: {} as ActorEvent & Record<string, unknown>,
    },
    actions: {
      note: assign({
        log: ({ context, event }) => {
          const { type, output, n, error } = event
          const said = output ?? n ?? (error as { code: string } | undefined)?.code
          return [...context.log, `${type} ${String(said)}`]
        },
      }),
    },
  }).createMachine({
    context: { log: [] },
    initial: 'open',
    states: {
      open: {
        invoke: {
          id: 'w',
          src: 'worker',
          input: { n: 10 },
          onDone: { target: 'over', actions: 'note' },
          onError: { target: 'over', actions: 'note' },
        },
        on: {
          order: { actions: sendTo('w', { type: 'work' }) },
          finish: { actions: sendTo('w', { type: 'finish' }) },
          fail: { actions: sendTo('w', { type: 'fail' }) },
          worked: { actions: 'note' },
          close: 'over',
          again: { target: 'open', reenter: true },
        },
      },
      over: { on: { open: 'open', done: 'done' } },
      done: { type: 'final' },
    },
  })
  const def = defineActor({ type: 'firm', version: 1, machine, children: { worker }, ...spec })
  return { firm: def as unknown as ActorDef, worker }
}

const logOf = (system: ActorSystem) =>
  (system.ref('firm/a') as ActorRef<{ readonly log: readonly string[] }>).snapshot().context.log
const child = 'firm.worker/a.w'

t.test('a child that is an actor: told, heard, done, failed, stopped with its state', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const { firm: def } = firm()
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await settle(6)
  t.match(system.ref(child)?.snapshot(), { value: 'busy', context: { n: 10 } })
  ref.send({ type: 'order' })
  ref.send({ type: 'order' })
  await settle(10)
  t.same(logOf(system), ['worked 11', 'worked 12'])
  ref.send({ type: 'finish' })
  await settle(10)
  t.same(logOf(system).slice(2), ['xstate.done.actor.w 12'])
  t.equal(system.ref(child)?.snapshot().status, 'done')
  await ref.apply({ type: 'open' })
  ref.send({ type: 'fail' })
  await settle(10)
  t.same(logOf(system).slice(3), ['xstate.error.actor.w PROV_ACTOR_STEP_FAILED'])
  t.equal(system.ref(child), undefined)
  await ref.apply({ type: 'open' })
  await settle(10)
  t.equal(system.ref(child)?.snapshot().value, 'busy')
  ref.send({ type: 'order' })
  ref.send({ type: 'again' })
  await settle(10)
  t.match(system.ref(child)?.snapshot(), { value: 'busy', context: { n: 10 } }, 'another one')
  await ref.apply({ type: 'close' })
  await settle(10)
  t.equal(system.ref(child), undefined)
  await ref.apply({ type: 'open' })
  await settle(10)
  await system.stop('firm/a')
  await settle(10)
  t.equal(system.ref(child), undefined, 'stopping follows the parent')
  t.same(
    system.list({ type: 'firm.worker' }).map((row) => row.status),
    ['stopped'],
  )
})

t.test(
  'a parent that stopped without a chance to tell takes its children along at the next start',
  async (t) => {
    const house = new House()
    const system = await house.start()
    const { firm: def } = firm()
    system.register(def)
    await system.spawn(def, 'a')
    await settle(6)
    // The child is busy when its parent stops, so its own end is not in the same frame.
    void system.ref(child)?.apply({ type: 'work' })
    await Promise.resolve()
    void system.stop('firm/a')
    let syncs = 0
    house.disk.beforeSync = () => (syncs++ < 1 ? undefined : new Promise(() => {}))
    await settle(8)
    house.crash()
    house.disk.beforeSync = undefined
    const stops = (await house.records()).filter(({ type }) => type === 'actor.stopped')
    t.match(stops, [{ body: { address: 'firm/a' } }])
    t.equal(stops.length, 1)
    const next = await house.start()
    next.register(firm().firm)
    await settle(10)
    t.same(
      next.list().map(({ address, status }) => `${address} ${status}`),
      ['firm.worker/a.w stopped', 'firm/a stopped'],
    )
    await next.close()
  },
)

t.test(
  'wherever the process dies between a promise and its child, the child begins once',
  async (t) => {
    for (const durability of ['journal', 'snapshot'] as const) {
      for (let turns = 0; turns < 12; turns++) {
        const house = new House()
        const system = await house.start()
        const { firm: def } = firm('journal', { durability })
        system.register(def)
        system.spawn(def, 'a').catch(() => {})
        await settle(turns)
        house.crash()
        const next = await house.start()
        const { firm: again } = firm('journal', { durability })
        next.register(again)
        const ref = await next.spawn(again, 'a')
        await settle(10)
        const births = (await house.records()).filter(
          ({ type, body }) => type === 'actor.started' && (body as { birth?: unknown }).birth,
        )
        t.equal(births.length, 1, `${durability}, ${turns} turns`)
        t.same(logOf(next), [])
        await ref.apply({ type: 'order' })
        await settle(10)
        t.same(logOf(next), ['worked 11'])
        await next.close()
      }
    }
  },
)

t.test(
  'onSnapshot hears of the states of a child that is an actor, also after a crash',
  async (t) => {
    const house = new House()
    const make = () => {
      const { worker } = firm()
      const machine = setup({
        types: { context: {} as { readonly n: number; readonly times: number } },
        actors: { worker: workerMachine },
      }).createMachine({
        context: { n: 0, times: 0 },
        initial: 'open',
        states: {
          open: {
            invoke: {
              id: 'w',
              src: 'worker',
              input: { n: 10 },
              onSnapshot: {
                actions: assign({
                  n: ({ event }) => event.snapshot.context.n,
                  times: ({ context }) => context.times + 1,
                }),
              },
            },
            on: { order: { actions: sendTo('w', { type: 'work' }) }, close: 'shut' },
          },
          shut: { on: { open: 'open' } },
        },
      })
      return defineActor({ type: 'firm', version: 1, machine, children: { worker } })
    }
    let system = await house.start()
    const seen = () => system.ref('firm/a')?.snapshot().context
    const open = async () => {
      const def = make() as unknown as ActorDef
      system.register(def)
      const ref = await system.spawn(def, 'a')
      await settle(10)
      return ref
    }
    let ref = await open()
    t.same(seen(), { n: 10, times: 1 })
    ref.send({ type: 'order' })
    await settle(10)
    t.same(seen(), { n: 11, times: 2 })
    house.crash()
    system = await house.start()
    ref = await open()
    ref.send({ type: 'order' })
    await settle(10)
    t.same(seen(), { n: 12, times: 3 })
    await ref.apply({ type: 'close' })
    await settle(10)
    await ref.apply({ type: 'open' })
    await settle(10)
    ref.send({ type: 'order' })
    await settle(10)
    t.same(seen(), { n: 11, times: 5 }, 'of the new one only')
    await system.close()
  },
)

t.test('two parents that would share a child are told apart', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const { firm: def, worker } = firm()
  system.register(def)
  await system.spawn(worker, 'a.w', { n: 1 })
  await system.spawn(def, 'a')
  await settle(10)
  t.same(logOf(system), ['xstate.error.actor.w PROV_ACTOR_CHILD_TAKEN'])
  t.match(system.ref(child)?.snapshot(), { context: { n: 1 } }, 'whoever stood there is left alone')
})

for (const [parent, durability] of [
  ['journal', 'journal'],
  ['journal', 'snapshot'],
  ['journal', 'volatile'],
  ['snapshot', 'journal'],
] as const) {
  t.test(
    `${durability} workers of a ${parent} parent over random crashes: one life per promise, one end per life`,
    async (t) => {
      const house = new House()
      let random = 77
      const below = (limit: number) => {
        random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
        return (random >> 8) % limit
      }
      for (let life = 0; life < 40; life++) {
        const system = await house.start({ snapshotEvery: 1 + below(20) })
        const { firm: def } = firm(durability, { durability: parent })
        system.register(def)
        const ref = await system.spawn(def, 'a')
        await settle(below(3))
        for (let at = below(5); at > 0; at--) {
          ref.send({
            type: ['order', 'finish', 'open', 'close', 'again', 'fail'][below(6)] as string,
          })
          if (below(2) === 0) await settle(1)
        }
        const left = below(3)
        let syncs = 0
        house.disk.beforeSync = () => (syncs++ < left ? undefined : new Promise(() => {}))
        await settle(below(4))
        house.crash()
        house.disk.beforeSync = undefined
      }
      const system = await house.start()
      const { firm: def } = firm(durability, { durability: parent })
      system.register(def)
      const ref = await system.spawn(def, 'a')
      await settle(30)
      // Each step of the parent that asked for a worker, and each that heard of one's end.
      let promised = 0
      const births = new Map<string, number>()
      const causes: string[] = []
      for (const record of await house.records()) {
        const body = record.body as Record<string, unknown>
        if (record.type === 'actor.started' && body['birth']) {
          const { cause } = body['birth'] as { cause: string }
          births.set(cause, (births.get(cause) ?? 0) + 1)
        }
        const steps = (body['steps'] ?? [body]) as Record<string, unknown>[]
        for (const { effects = [], cause, event } of steps as never as {
          effects?: { name: string }[]
          cause?: string
          event?: ActorEvent
        }[]) {
          promised += effects.filter(({ name }) => name === 'xstate.spawn').length
          if (event?.type.startsWith('xstate.done.actor')) causes.push(cause as string)
        }
      }
      if (parent === 'journal') t.ok(promised > 5, `${promised} promises`)
      else t.ok(births.size > 5, `${births.size} births`)
      for (const [cause, times] of births) if (times > 1) t.fail(`${cause} began ${times} times`)
      t.equal(new Set(causes).size, causes.length, 'no end was heard twice')
      const open = ref.snapshot().value === 'open'
      t.equal(
        system.ref(child)?.snapshot().status === 'active',
        open,
        'a worker stands when one should',
      )
      await system.close()
    },
  )
}

t.test('what a machine emits is heard by who listens, and by nobody later', async (t) => {
  const house = new House()
  const system = await house.start()
  t.teardown(() => system.close())
  const machine = setup({
    types: { events: {} as ActorEvent, emitted: {} as { type: 'rang'; times: number } },
  }).createMachine({ on: { ring: { actions: emit({ type: 'rang', times: 2 }) } } })
  for (const durability of ['journal', 'volatile'] as const) {
    const def = defineActor({
      type: durability,
      version: 1,
      machine,
      durability,
    }) as never as ActorDef
    system.register(def)
    const ref = await system.spawn(def, 'a')
    const heard: unknown[] = []
    ref.asXState().on('rang', (event) => heard.push(event))
    ref.asXState().on('*', () => heard.push('any'))
    ref.asXState().on('*', () => {
      throw new Error('a deaf one')
    })
    ref.asXState().on('other', () => heard.push('other'))
    await ref.apply({ type: 'ring' })
    t.same(heard, [{ type: 'rang', times: 2 }, 'any'])
  }
})

t.test(
  'a child that keeps nothing and was let go does not come back with its parent',
  async (t) => {
    const house = new House()
    const kid = defineActor({
      type: 'test.kid',
      version: 1,
      durability: 'volatile',
      machine: setup({}).createMachine({ initial: 'a', states: { a: {} } }),
    })
    const def = defineActor({
      type: 'test.host',
      version: 1,
      children: { kid },
      machine: setup({}).createMachine({
        initial: 'idle',
        states: {
          idle: { on: { bear: 'bearing' } },
          bearing: { invoke: { src: 'kid', id: 'one' } as never, on: { leave: 'idle' } },
        },
      }),
    })
    const place = 'test.kid/a.one'
    let system = await house.start()
    system.register(def)
    const ref = await system.spawn(def, 'a')
    await ref.apply({ type: 'bear' })
    await settle()
    t.equal(system.ref(place)?.snapshot().status, 'active')
    await ref.apply({ type: 'leave' })
    await settle()
    t.equal(system.ref(place), undefined)
    await system.close()
    house.crash()
    system = await house.start()
    t.teardown(() => system.close())
    system.register(def)
    await settle()
    t.equal(system.ref(place), undefined, 'its promise was settled by its end')
  },
)
