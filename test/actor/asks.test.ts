/** Questions: an actor that keeps nothing answers at once where nothing else is under way. */
import { getEventListeners } from 'node:events'
import t from 'tap'
import type { Test } from 'tap'
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorEvent } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { startActors } from '../../core/actor/start.ts'
import { settle } from './counter.ts'

interface Question extends ActorEvent {
  readonly replyTo?: unknown
}

/** Answers `get` as often as `times` says, to whatever `replyTo` names. */
const teller = (times = 1) =>
  defineActor({
    type: 'test.teller',
    version: 1,
    durability: 'volatile',
    machine: setup({
      types: { context: {} as { count: number }, events: {} as Question },
      actions: {
        add: assign({ count: ({ context }) => context.count + 1 }),
        tell: (_args, _params: { to: unknown; event: ActorEvent }) => {},
      },
    }).createMachine({
      context: { count: 0 },
      on: {
        get: {
          actions: [
            'add',
            ...Array.from({ length: times }, () => ({
              type: 'tell' as const,
              params: ({ event, context }: { event: Question; context: { count: number } }) => ({
                to: event.replyTo,
                event: { type: 'got', count: context.count },
              }),
            })),
          ],
        },
      },
    }),
  })

const get = (replyTo: unknown): Question => ({ type: 'get', replyTo })
const countOf = (answer: ActorEvent): unknown => (answer as { readonly count?: unknown }).count

async function opened(t: Test, def = teller(), options = {}): Promise<ActorSystem> {
  const system = await startActors(options)
  t.teardown(() => system.close())
  system.register(def)
  await system.spawn(def, 'one')
  return system
}

t.test('a question to an idle actor is answered before anything else happens', async (t) => {
  const system = await opened(t)
  const answer = system.ask('test.teller/one', get)
  t.same(system.ref('test.teller/one')?.snapshot().context, { count: 1 }, 'it took its turn')
  t.equal(countOf(await answer), 1)
  const many = await Promise.all(
    Array.from({ length: 500 }, () => system.ask('test.teller/one', get)),
  )
  t.same(
    many.map(countOf),
    Array.from({ length: 500 }, (_, at) => at + 2),
    'each question gets its own answer',
  )
})

t.test('what was sent before a question is handled before it', async (t) => {
  const system = await opened(t)
  await system.spawn(teller(), 'two')
  for (let n = 0; n < 5; n++)
    system.send('test.teller/two', { type: 'get', replyTo: 'nobody/x' } as Question)
  const first = system.ask('test.teller/one', get)
  t.same(system.ref('test.teller/one')?.snapshot().context, { count: 0 }, 'others are in turn')
  t.equal(countOf(await system.ask('test.teller/two', get)), 6)
  t.equal(countOf(await first), 1)
})

t.test('only the first answer counts; a second one is a dead letter', async (t) => {
  const system = await opened(t, teller(2))
  t.equal(countOf(await system.ask('test.teller/one', get)), 1)
  t.equal(system.deadLetters().count, 1)
})

t.test('a question that is over leaves nothing at its signal', async (t) => {
  const system = await opened(t, teller(0))
  const { signal } = new AbortController()
  const waits = () => getEventListeners(signal, 'abort').length
  const late = system.ask('test.teller/one', get, { signal, timeoutMs: 1 }).catch(() => {})
  t.equal(waits(), 1)
  await late
  t.equal(waits(), 0)
})

t.test('an answer to another question is not this one’s', async (t) => {
  const system = await opened(t, teller(0))
  const heard: string[] = []
  const places: string[] = []
  const asked = [1, 17].map((number) => {
    // Sixteen apart they share a place among those that wait.
    for (let n = places.length; n < number - 1; n++) {
      void system
        .ask('test.teller/one', (replyTo) => (places.push(replyTo), get('nobody/x')), {
          signal: AbortSignal.abort(),
        })
        .catch(() => {})
    }
    const answer = system.ask(
      'test.teller/one',
      (replyTo) => (places.push(replyTo), get('nobody/x')),
    )
    void answer.then(() => heard.push(`question ${number}`))
    return answer
  })
  const speaker = defineActor({
    type: 'test.speaker',
    version: 1,
    durability: 'volatile',
    machine: setup({
      actions: { tell: (_args, _params: { to: unknown; event: ActorEvent }) => {} },
    }).createMachine({
      on: {
        say: {
          actions: {
            type: 'tell',
            params: ({ event }) => ({
              to: event['to'],
              event: { type: 'got', count: event['to'] as string },
            }),
          },
        },
      },
    }),
  })
  system.register(speaker)
  const ref = await system.spawn(speaker, 'a')
  // The 33rd would stand where the first and the 17th do, if it had been asked.
  const [first = '', last = ''] = [places[0], places[16]]
  ref.send({ type: 'say', to: last.replace(/17$/, '33') })
  await settle()
  t.same(heard, [])
  t.equal(system.deadLetters().rows[0]?.event, 'got')
  for (const to of [last, first]) ref.send({ type: 'say', to })
  t.same((await Promise.all(asked)).map(countOf), [first, last])
})

t.test('a question that comes back to who asks it is refused, with its way', async (t) => {
  const codes: unknown[] = []
  const system = await startActors()
  t.teardown(() => system.close())
  /** Asks the next one before it answers; the last one asks the first. */
  const asker = defineActor({
    type: 'test.asker',
    version: 1,
    durability: 'volatile',
    machine: setup({
      actions: {
        tell: (_args, _params: { to: unknown; event: ActorEvent }) => {},
        ask: (_args, _params: { to: string; replyTo: unknown }) => {},
      },
    }).createMachine({
      on: {
        get: {
          actions: {
            type: 'ask',
            params: ({ event }) =>
              ({ to: String(event['next']), replyTo: event['replyTo'] }) as never,
          },
        },
        'effect.*': {},
      },
    }),
    effects: {
      ask: async ({ to }: { to: string }, { ask }) => {
        const [next = '', ...rest] = to.split(' ')
        await ask(next as never, (replyTo) => ({ type: 'get', replyTo, next: rest.join(' ') }), {
          timeoutMs: 50,
        }).catch((thrown: unknown) => codes.push(thrown))
      },
    },
  })
  system.register(asker)
  for (const id of ['a', 'b', 'c']) await system.spawn(asker, id)
  const way = 'test.asker/b test.asker/c test.asker/a'
  await system
    .ask('test.asker/a' as never, (replyTo) => ({ type: 'get', replyTo, next: way }), {
      timeoutMs: 50,
    })
    .catch(() => {})
  while (codes.length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  t.match(codes[0], {
    code: 'PROV_ACTOR_ASK_CYCLE',
    detail: { address: 'test.asker/a', path: /test.asker\/a → .*test.asker\/a/ },
  })
})

t.test('whoever only listens starts no turn inside of another', async (t) => {
  const seen: unknown[] = []
  const answers: Promise<ActorEvent>[] = []
  const system = await opened(t)
  await system.spawn(teller(), 'two')
  const two = system.ref('test.teller/two')
  const stop = system.ref('test.teller/one')?.changes(() => {
    answers.push(system.ask('test.teller/two', get))
    seen.push(two?.snapshot().context)
  })
  t.equal(countOf(await system.ask('test.teller/one', get)), 1)
  stop?.()
  t.same(seen, [{ count: 0 }], 'the other actor waits for its turn')
  t.equal(countOf((await Promise.all(answers))[0] as ActorEvent), 1)
})

t.test('a machine that answers nobody in particular harms no turn', async (t) => {
  const system = await opened(t)
  const late = system.ask('test.teller/one', () => ({ type: 'silence' }), { timeoutMs: 60_000 })
  late.catch(() => {})
  for (const replyTo of [undefined, 7, '', {}]) {
    system.send('test.teller/one', { type: 'get', replyTo } as Question)
    await settle(2)
  }
  t.equal(system.deadLetters().count, 4, 'each is a dead letter')
  t.equal(countOf(await system.ask('test.teller/one', get)), 5, 'and the actor goes on')
})

t.test('a loop of questions leaves the event loop its turn', async (t) => {
  const system = await opened(t)
  let turned = false
  setImmediate(() => (turned = true))
  let asked = 0
  while (!turned && asked < 1e6) {
    await system.ask('test.teller/one', get)
    asked++
  }
  t.ok(turned, `after ${asked} questions`)
})
