/**
 * What `Children` promises whoever uses it: guests run in XState, their events are handed over as
 * plain data, their promises are settled once.
 *
 * @module
 */
import t from 'tap'
import { Observable, of, Subject, throwError } from 'rxjs'
import type { AnyActorLogic } from 'xstate'
import {
  assign,
  createMachine,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  sendParent,
  setup,
} from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import type { Address } from '../../core/actor/address.ts'
import { Children } from '../../core/actor/children.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent } from '../../core/actor/define.ts'
import type { Birth, Pending } from '../../core/actor/ledger.ts'
import type { JsonValue } from '../../core/json.ts'
import { settle, uncaught } from './counter.ts'

const parent: Address = 'shop/eu'

/** A parent that keeps what it hears, over an outbox that keeps what is promised. */
class Parent {
  readonly clock = simulatedClock()
  readonly outbox = new Map<string, Pending>()
  readonly heard: ActorEvent[] = []
  readonly lost: string[] = []
  readonly logged: unknown[] = []
  readonly failed: string[] = []
  readonly actors: string[] = []
  readonly seen: string[] = []
  room = Infinity
  #sequence = 0
  readonly #mail: { event: ActorEvent; cause?: string | undefined; dropped: boolean }[] = []
  readonly children: Children

  constructor(known: Readonly<Record<string, AnyActorLogic | ActorDef>>) {
    this.children = new Children({
      clock: this.clock,
      logic: (_parent, src) => known[src],
      deliver: (_parent, event, cause) => {
        if (cause === undefined && this.#mail.length >= this.room) return undefined
        const mail = { event, cause, dropped: false }
        this.#mail.push(mail)
        return mail
      },
      isOpen: (promise) => this.outbox.has(promise),
      settle: (promise) => void this.outbox.delete(promise),
      lost: (_from, to, event) => this.lost.push(`${to} ${event.type}`),
      log: (_parent, line) => this.logged.push(...line),
      failed: (_parent, thrown) => this.failed.push((thrown as Error).message),
      begin: (def, { parent, id, cause }: Birth, input) =>
        this.actors.push(`begin ${def.type} ${parent} ${id} ${cause} ${JSON.stringify(input)}`),
      end: (child, asked) => this.actors.push(`end ${child} ${asked}`),
      tell: (asked, to, event) => this.actors.push(`tell ${asked.id} ${to} ${event.type}`),
      seen: ({ id, phase }) => void this.seen.push(`${id} ${phase}`),
    })
  }

  ask(name: string, params: JsonValue, from = parent): string {
    const id = `${from}:${++this.#sequence}:0`
    const pending: Pending = { id, from, name, params, kept: true }
    this.outbox.set(id, pending)
    this.children.perform(pending)
    return id
  }

  spawn(src: string, rest: { readonly [key: string]: JsonValue } = {}): string {
    return this.ask('xstate.spawn', { id: src, src, ...rest })
  }

  /** Takes what waits, as steps would. */
  async take(): Promise<ActorEvent[]> {
    await settle()
    const taken: ActorEvent[] = []
    for (const { event, cause, dropped } of this.#mail.splice(0)) {
      if (dropped) continue
      if (cause !== undefined) this.outbox.delete(cause)
      taken.push(event)
    }
    this.heard.push(...taken)
    return taken
  }
}

t.test('a promise: its answer ends it, and then nothing is owed', async (t) => {
  const house = new Parent({
    fetch: fromPromise(({ input }) => Promise.resolve({ seen: input as JsonValue })),
    broken: fromPromise(() => Promise.reject(new RangeError('no such page'))),
    sudden: fromPromise((): never => {
      throw Object.assign(new Error('at once'), { code: 'E_SUDDEN', request: { token: 'secret' } })
    }),
  })
  const promise = house.spawn('fetch', { input: { page: 1 } })
  await settle()
  t.ok(house.outbox.has(promise), 'owed until its end was handled')
  t.same(await house.take(), [
    {
      type: 'xstate.done.actor.fetch',
      actorId: 'fetch',
      output: { seen: { page: 1 } },
    },
  ])
  t.equal(house.outbox.size, 0)
  house.spawn('broken')
  house.spawn('sudden')
  t.same(await house.take(), [
    {
      type: 'xstate.error.actor.sudden',
      actorId: 'sudden',
      error: { name: 'Error', message: 'at once', code: 'E_SUDDEN' },
    },
    {
      type: 'xstate.error.actor.broken',
      actorId: 'broken',
      error: { name: 'RangeError', message: 'no such page' },
    },
  ])
  t.equal(house.outbox.size, 0)
  t.equal(house.children.has(parent), false)
})

t.test('a callback talks both ways, and its clean-up runs when it is stopped', async (t) => {
  let cleaned = 0
  const house = new Parent({
    line: fromCallback<ActorEvent>(({ sendBack, receive, input }) => {
      sendBack({ type: 'opened', input })
      receive((event) => sendBack({ type: 'echo', of: event.type }))
      return () => void cleaned++
    }),
  })
  const promise = house.spawn('line', { input: 7 })
  const mail = house.ask('xstate.send', { to: 'line', event: { type: 'hello' } })
  t.same(await house.take(), [
    { type: 'opened', input: 7 },
    { type: 'echo', of: 'hello' },
  ])
  t.same([...house.outbox.keys()], [promise], 'the mail is settled, the child is owed')
  t.notOk(house.outbox.has(mail))
  house.ask('xstate.stop', { id: 'line' })
  house.ask('xstate.send', { to: 'line', event: { type: 'late' } })
  t.same(await house.take(), [])
  t.equal(cleaned, 1)
  t.same(house.lost, ['line late'])
  t.equal(house.outbox.size, 0)
})

t.test('observables: values are snapshots when asked for, events are events', async (t) => {
  const ticks = new Subject<number>()
  const house = new Parent({
    values: fromObservable(() => ticks),
    events: fromEventObservable(() => of({ type: 'one' }, { type: 'two' })),
    broken: fromObservable(() => throwError(() => new Error('torn'))),
    stuck: fromObservable(() => {
      throw new Error('never was one')
    }),
  })
  house.spawn('values', { syncSnapshot: true })
  await house.take()
  ticks.next(4)
  ticks.complete()
  t.same(await house.take(), [
    { type: 'xstate.snapshot.values', snapshot: { status: 'active', context: 4 } },
    { type: 'xstate.done.actor.values', actorId: 'values' },
  ])
  house.spawn('events')
  t.same(await house.take(), [
    { type: 'one' },
    { type: 'two' },
    { type: 'xstate.done.actor.events', actorId: 'events' },
  ])
  house.spawn('broken')
  house.spawn('stuck')
  t.same(
    (await house.take()).map((event) => (event as unknown as { error: object }).error),
    [
      { name: 'Error', message: 'torn' },
      { name: 'Error', message: 'never was one' },
    ],
  )
})

t.test('a transition and a machine take mail; time is the clock of the kernel', async (t) => {
  const machine = setup({}).createMachine({
    initial: 'waiting',
    output: { word: 'woken' },
    states: {
      waiting: {
        after: { 60_000: 'awake' },
        on: { ping: { actions: sendParent({ type: 'pong' }) } },
      },
      awake: { type: 'final' },
    },
  })
  const house = new Parent({
    sum: fromTransition((total: number, event: { type: string; by?: number }) => {
      return total + (event.by ?? 0)
    }, 1),
    machine,
  })
  house.spawn('sum', { syncSnapshot: true })
  house.spawn('machine')
  house.ask('xstate.send', { to: 'sum', event: { type: 'add', by: 4 } })
  house.ask('xstate.send', { to: 'machine', event: { type: 'ping' } })
  t.same(await house.take(), [
    { type: 'xstate.snapshot.sum', snapshot: { status: 'active', context: 1 } },
    { type: 'xstate.snapshot.sum', snapshot: { status: 'active', context: 5 } },
    { type: 'pong' },
  ])
  await house.clock.advance(59_999)
  t.same(await house.take(), [])
  await house.clock.advance(1)
  t.same(await house.take(), [
    { type: 'xstate.done.actor.machine', actorId: 'machine', output: { word: 'woken' } },
  ])
  t.same([...house.children.of(parent).keys()], ['sum'])
})

t.test('a child that throws anywhere harms the process nowhere', async (t) => {
  const house = new Parent({
    observed: fromCallback(({ self, emit }) => {
      self.subscribe(() => {
        throw new Error('observer')
      })
      self.on('*', () => {
        throw new Error('listener')
      })
      emit({ type: 'news' })
    }),
    sudden: fromCallback(() => {
      throw new Error('callback')
    }),
    deaf: fromCallback(({ receive }) => {
      receive(() => {
        throw new Error('receiver')
      })
    }),
    stubborn: fromCallback(() => () => {
      throw new Error('clean-up')
    }),
    acting: createMachine({
      entry: () => {
        throw new Error('action')
      },
    }),
    nested: createMachine({
      invoke: { src: fromPromise(() => Promise.reject(new Error('grandchild'))) },
    }),
    late: createMachine({
      after: {
        10: {
          actions: () => {
            throw new Error('late')
          },
        },
      },
    }),
    starting: createMachine({
      context: () => {
        throw new Error('context')
      },
    }),
  })
  const caught = await uncaught(async () => {
    for (const src of ['observed', 'sudden', 'deaf', 'stubborn', 'acting', 'nested', 'late']) {
      house.spawn(src)
    }
    house.spawn('starting')
    house.ask('xstate.send', { to: 'deaf', event: { type: 'hello' } })
    await settle()
    await house.clock.advance(10)
    house.ask('xstate.stop', { id: 'stubborn' })
    await house.take()
  })
  t.same(caught, [])
  const errors = house.heard.map((event) => {
    const { type, error } = event as ActorEvent & { error: { message: string } }
    return `${type.slice(type.lastIndexOf('.') + 1)}: ${error.message}`
  })
  t.same(errors.sort(), [
    'acting: action',
    'deaf: receiver',
    'late: late',
    'nested: grandchild',
    'starting: context',
    'sudden: callback',
  ])
  t.same(house.failed.sort(), ['clean-up', 'listener', 'observer'])
  t.same([...house.children.of(parent).keys()], ['observed'], 'observers are no reason to end')
})

t.test('what JSON cannot say is refused by its path, and what it can is copied', async (t) => {
  const shared = { list: [1] }
  const house = new Parent({
    dated: fromPromise(() => Promise.resolve({ rows: [{ when: new Date(0) }] })),
    big: fromCallback(({ sendBack }) => sendBack({ type: 'sum', total: 10n })),
    nameless: fromCallback(({ sendBack }) => sendBack({ type: 'xstate.stop' })),
    nan: fromObservable(() => of(NaN)),
    round: fromPromise(() => {
      const loop: Record<string, unknown> = {}
      return Promise.resolve((loop['self'] = loop))
    }),
    sharing: fromCallback(({ sendBack }) => {
      sendBack({ type: 'shared', shared, gone: undefined })
      shared.list.push(2)
    }),
    greedy: fromPromise(({ input }) => {
      ;(input as { taken: boolean }).taken = true
      return Promise.resolve()
    }),
  })
  for (const src of ['dated', 'big', 'nameless', 'round', 'sharing']) house.spawn(src)
  house.spawn('nan', { syncSnapshot: true })
  const promise = house.spawn('greedy', { input: { taken: false } })
  t.same(house.outbox.get(promise)?.params, {
    id: 'greedy',
    src: 'greedy',
    input: { taken: false },
  })
  await settle()
  t.same(house.outbox.get(promise)?.params, {
    id: 'greedy',
    src: 'greedy',
    input: { taken: false },
  })
  const seen = (await house.take()).map((event) => {
    const { type, error } = event as ActorEvent & { error?: { code: string; message: string } }
    return error ? `${error.code} ${error.message.slice(error.message.indexOf('say: ') + 5)}` : type
  })
  t.same(seen.sort(), [
    'PROV_ACTOR_CHILD_VALUE event.total is a bigint',
    'PROV_ACTOR_CHILD_VALUE event.type is "xstate.stop", which is no name of an event',
    'PROV_ACTOR_CHILD_VALUE output.rows[0].when is a Date',
    `PROV_ACTOR_CHILD_VALUE output${'.self'.repeat(10)}.sel… is nested too deep, or holds itself`,
    'PROV_ACTOR_CHILD_VALUE snapshot.context is NaN',
    'shared',
    'xstate.done.actor.greedy',
    'xstate.snapshot.nan',
  ])
  t.same(
    house.heard.find((event) => event.type === 'shared'),
    { type: 'shared', shared: { list: [1] } },
  )
})

t.test('a stop is final: an end that waits is taken back, a later one is not heard', async (t) => {
  let finish: (value: string) => void = () => {}
  let aborted = false
  const house = new Parent({
    quick: fromPromise(() => Promise.resolve('old')),
    slow: fromPromise(({ signal }) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise<string>((resolve) => (finish = resolve))
    }),
  })
  house.spawn('quick')
  await settle()
  house.ask('xstate.stop', { id: 'quick' })
  house.spawn('slow')
  await settle()
  house.ask('xstate.stop', { id: 'slow' })
  await settle()
  finish('too late')
  t.same(await house.take(), [])
  t.ok(aborted, 'and its signal told it')
  t.equal(house.outbox.size, 0)

  house.spawn('quick')
  house.ask('xstate.stop', { id: 'quick' })
  house.spawn('quick')
  t.equal((await house.take()).length, 1, 'stopped in one breath it never began')
})

t.test('one child per name: a second one ends the first', async (t) => {
  const lives: string[] = []
  const house = new Parent({
    line: fromCallback(({ input }) => {
      lives.push(`up ${String(input)}`)
      return () => void lives.push(`down ${String(input)}`)
    }),
  })
  const first = house.spawn('line', { input: 'a' })
  await settle()
  const second = house.spawn('line', { input: 'b' })
  await settle()
  t.same(lives, ['up a', 'down a', 'up b'])
  t.notOk(house.outbox.has(first))
  t.ok(house.outbox.has(second))
})

t.test('siblings find each other by their system id', async (t) => {
  const house = new Parent({
    desk: fromCallback(({ receive, sendBack }) => {
      receive((event) => sendBack({ type: 'asked', by: event.type }))
    }),
    guest: fromCallback(({ system }) => {
      ;(system.get('desk') as { send(event: ActorEvent): void }).send({ type: 'guest' })
    }),
  })
  house.spawn('desk', { systemId: 'desk' })
  house.spawn('guest')
  t.same(await house.take(), [{ type: 'asked', by: 'guest' }])
})

t.test('when its parent ends, fails back, or the system halts, a child stops', async (t) => {
  const lives: string[] = []
  const line = fromCallback(({ input }) => {
    lives.push(`up ${String(input)}`)
    return () => void lives.push(`down ${String(input)}`)
  })
  const house = new Parent({ line })
  const promise = house.ask('xstate.spawn', { id: 'a', src: 'line', input: 'a' })
  house.ask('xstate.spawn', { id: 'b', src: 'line', input: 'b' })
  await settle()
  const promises = house.children.abort(parent)
  await settle()
  t.same(lives, ['up a', 'up b', 'down b', 'down a'])
  t.equal(promises[0], promise)
  for (const owed of promises) house.children.perform(house.outbox.get(owed) as Pending)
  await settle()
  t.same(lives.slice(4), ['up a', 'up b'], 'it begins again from its input')
  t.same(house.children.endOf(parent), [])
  await settle()
  t.same(lives.slice(6), ['down b', 'down a'])
  t.equal(house.outbox.size, 0, 'nobody is there to answer to')

  house.ask('xstate.spawn', { id: 'c', src: 'line', input: 'c' })
  await settle()
  house.children.halt()
  t.equal(lives.at(-1), 'down c')
  house.ask('xstate.spawn', { id: 'd', src: 'line', input: 'd' })
  await settle()
  t.equal(lives.at(-1), 'down c')
  t.equal(house.outbox.size, 2, 'both are owed to the next start')
})

t.test('after a crash only what still runs begins again', async (t) => {
  const house = new Parent({})
  const open: Pending[] = (
    [
      ['xstate.spawn', 'a'],
      ['xstate.spawn', 'b'],
      ['tell', 'b'],
      ['xstate.stop', 'a'],
      ['xstate.spawn', 'a'],
      ['xstate.spawn', 'c'],
      ['xstate.stop', 'c'],
      ['xstate.spawn', 'b'],
    ] as const
  ).map(([name, id], at) => ({
    id: `${at}`,
    from: parent,
    name,
    params: { id, src: 'x' },
    kept: true,
  }))
  for (const pending of open) house.outbox.set(pending.id, pending)
  t.same(
    house.children.owed(open).map(({ id }) => id),
    ['2', '3', '4', '6', '7'],
  )
  t.same([...house.outbox.keys()], ['2', '3', '4', '6', '7'])
})

t.test('a child that says more than its parent can hold fails by name', async (t) => {
  const house = new Parent({
    flood: fromObservable(() => of(1)),
    events: fromEventObservable(
      () =>
        new Observable<ActorEvent>((subscriber) => {
          for (let at = 0; at < 10; at++) subscriber.next({ type: 'drop' })
        }),
    ),
  })
  house.room = 3
  house.spawn('events')
  const heard = await house.take()
  t.same(
    heard.map((event) => event.type),
    ['drop', 'drop', 'drop', 'xstate.error.actor.events'],
  )
  t.match(heard[3], { error: { code: 'PROV_ACTOR_CHILD_FLOODS' } })
  house.spawn('nobody')
  t.match(await house.take(), [{ error: { code: 'PROV_ACTOR_CHILD_UNKNOWN' } }])
})

t.test(
  'a definition under a name makes an actor of the kernel, stopped and told as such',
  async (t) => {
    const worker = defineActor({
      type: 'shop.worker',
      version: 1,
      machine: createMachine({ context: {}, entry: assign({}) }),
    })
    const house = new Parent({ worker })
    const promise = house.spawn('worker', { input: { n: 1 } })
    const mail = house.ask('xstate.send', { to: 'worker', event: { type: 'work' } })
    house.children.perform(house.outbox.get(promise) as Pending)
    t.equal(house.actors.length, 1, 'mail waits until it stands at its address')
    house.children.born({ parent, id: 'worker', cause: promise })
    const stop = house.ask('xstate.stop', { id: 'worker' })
    t.same(house.actors, [
      `begin shop.worker shop/eu worker ${promise} {"n":1}`,
      `tell ${mail} shop.worker/eu.worker work`,
      `end shop.worker/eu.worker ${stop}`,
    ])
    t.ok(house.outbox.has(promise), 'the first record of the actor settles it')
    t.notOk(house.outbox.has(stop))

    const birth: Birth = { parent, id: 'worker', cause: 'shop/eu:9:0' }
    house.children.adopt('shop.worker/eu.worker', birth)
    t.same(house.children.endOf(parent), ['shop.worker/eu.worker'])
    house.children.adopt('shop.worker/eu.worker', birth)
    house.children.gone('shop.worker/eu.worker', birth)
    t.same(house.children.endOf(parent), [])
  },
)
