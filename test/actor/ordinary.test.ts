/**
 * Ordinary XState definitions run as they are: machines written for XState alone play the same script
 * in XState and in the kernel, and what they come to is the same; in the kernel also when the process
 * dies between two events.
 *
 * @module
 */
import { Subject } from 'rxjs'
import t from 'tap'
import { createActor, createMachine, fromPromise, setup, SimulatedClock, spawnChild } from 'xstate'
import type { ActorRef, AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { lookup } from '../fixtures/xstate/fetch.ts'
import { upload } from '../fixtures/xstate/upload.ts'
import { wizard } from '../fixtures/xstate/wizard.ts'
import { House, settle, uncaught } from './counter.ts'

type Actor = ActorRef<AnyMachineSnapshot, ActorEvent, ActorEvent>

interface Stage {
  readonly actor: () => Actor
  pass(ms: number): Promise<void>
  crash(): Promise<void>
  /** What the machine logged. */
  readonly logged: unknown[]
}

/** One thing that happens: an event, time that passes, or something outside. */
type Act = ActorEvent | number | (() => void)

/** Makes the machine anew, as a process that starts does; what is outside stands still. */
type Make = () => AnyStateMachine

function byXState(make: Make, input: unknown): Stage {
  const clock = new SimulatedClock()
  const logged: unknown[] = []
  const logger = (line: unknown): void => void logged.push(line)
  const actor = createActor(make(), { clock, logger, input: input as never }).start()
  return {
    logged,
    actor: () => actor as unknown as Actor,
    pass: async (ms) => {
      // One at a time: what a timer starts may set the next one.
      for (let left = ms; left > 0; left -= 10) {
        clock.increment(Math.min(10, left))
        await settle(1)
      }
      await settle(4)
    },
    crash: async () => {},
  }
}

async function byKernel(make: Make, input: unknown, durability: 'journal' | 'volatile') {
  const house = new House()
  const logged: unknown[] = []
  let system: ActorSystem
  let actor: Actor
  const open = async (): Promise<void> => {
    system = await house.start({ inspect: { log: ({ value }) => void logged.push(value) } })
    const machine = make()
    const def = defineActor({ type: 'ordinary', version: 1, machine, durability })
    system.register(def as unknown as ActorDef)
    actor = (await system.spawn(def as unknown as ActorDef, 'a', input)).asXState()
    await settle(8)
  }
  await open()
  const stage: Stage = {
    logged,
    actor: () => actor,
    pass: async (ms) => {
      for (let left = ms; left > 0; left -= 10) {
        await house.clock.advance(Math.min(10, left))
        await settle(4)
      }
      await settle(10)
    },
    crash: async () => {
      house.crash()
      await open()
    },
  }
  return stage
}

/** What a machine stands at after each act, in JSON. */
async function play(stage: Stage, acts: readonly Act[], crashes = false): Promise<unknown[]> {
  const seen: unknown[] = []
  await stage.pass(0)
  for (const act of acts) {
    if (typeof act === 'number') await stage.pass(act)
    else if (typeof act === 'function') act()
    else stage.actor().send(act)
    await stage.pass(0)
    if (crashes) await stage.crash()
    const { value, context, status, output } = stage.actor().getSnapshot()
    seen.push(JSON.parse(JSON.stringify({ value, context, status, output })))
  }
  return seen
}

const people = { 7: { id: 7, name: 'Ada' } } as const

/** Fails twice, then knows everybody it knows. */
function office() {
  const asked: number[] = []
  const ask = async (id: number) => {
    asked.push(id)
    if (asked.length < 3) throw new Error(`busy ${asked.length}`)
    const person = people[id as 7]
    if (!person) throw new Error('nobody')
    return person
  }
  return { asked, make: () => lookup(ask) }
}

const looks: readonly Act[] = [{ type: 'look' }, 199, 1, { type: 'cancel' }, { type: 'look' }, 400]

t.test('a lookup that is tried again, unchanged', async (t) => {
  const outside = [office(), office(), office(), office()]
  const [a, b, c, d] = outside as [ReturnType<typeof office>, ...ReturnType<typeof office>[]]
  const wanted = await play(byXState(a.make, { id: 7 }), looks)
  t.match(wanted.at(-1), { status: 'done', output: { name: 'Ada' } })
  t.same(await play(await byKernel((b as typeof a).make, { id: 7 }, 'journal'), looks), wanted)
  t.same(await play(await byKernel((c as typeof a).make, { id: 7 }, 'volatile'), looks), wanted)
  const found = await play(await byKernel((d as typeof a).make, { id: 7 }, 'journal'), looks, true)
  t.same(found, wanted, 'also when the process dies after each event')
  t.same(
    outside.map(({ asked }) => asked.length),
    [3, 3, 3, 3],
    'nothing that ended is asked again',
  )
})

t.test('an upload of parts at once, unchanged', async (t) => {
  const input = { sizes: { a: 2, b: 3 } }
  const script = (frames: Subject<number>): readonly Act[] => [
    () => frames.next(1),
    10,
    { type: 'pause' },
    30,
    () => frames.next(2),
    { type: 'resume' },
    10,
    () => frames.complete(),
    20,
  ]
  const run = async (stage: (make: Make) => Stage | Promise<Stage>) => {
    const frames = new Subject<number>()
    const on = await stage(() => upload(() => frames))
    const emitted: unknown[] = []
    on.actor().on('*', (event) => emitted.push(event))
    const seen = await play(on, script(frames))
    return { seen, emitted, logged: on.logged }
  }
  const wanted = await run((make) => byXState(make, input))
  t.match(wanted.seen.at(-1), { status: 'done', output: { steps: 5, done: ['b', 'a'] } })
  t.same(wanted.emitted, [{ type: 'finished', names: ['b', 'a'] }])
  t.same(wanted.logged, ['sent 2'])
  for (const durability of ['journal', 'volatile'] as const) {
    const thrown = await uncaught(async () => {
      t.same(await run((make) => byKernel(make, input, durability)), wanted, durability)
    })
    t.same(thrown, [])
  }
})

t.test('a wizard that finds its page again, unchanged', async (t) => {
  const script: readonly Act[] = [
    { type: 'submit' },
    { type: 'next' },
    { type: 'answer', key: 'name', value: 'Ada' } as ActorEvent,
    { type: 'submit' },
    { type: 'next' },
    { type: 'next' },
    { type: 'help' },
    10_000,
    { type: 'close' },
    { type: 'help' },
    30_000,
    { type: 'answer', key: 'rooms', value: '12' } as ActorEvent,
    { type: 'close' },
    { type: 'next' },
    { type: 'submit' },
    { type: 'submit' },
  ]
  const outside = () => {
    let saves = 0
    return () =>
      wizard(async (answers) => {
        if (saves++ === 0) throw new Error('the disk is full')
        return `${answers['name']} in ${answers['rooms']}`
      })
  }
  const wanted = await play(byXState(outside(), undefined), script)
  t.match(wanted.at(-1), { status: 'done', output: 'Ada in 12' })
  for (const durability of ['journal', 'volatile'] as const) {
    const found = await play(await byKernel(outside(), undefined, durability), script)
    t.same(found, wanted, durability)
  }
  const found = await play(await byKernel(outside(), undefined, 'journal'), script, true)
  const last = found.at(-1) as { output: unknown }
  t.equal(last.output, 'Ada in 12', 'also when the process dies after each event')
})

t.test('what has to be written differently is refused by name, with what to write', async (t) => {
  const system = await new House().start()
  t.teardown(() => system.close())
  const nobody = fromPromise(() => Promise.resolve())
  const differently: readonly (readonly [string, AnyStateMachine, RegExp, RegExp])[] = [
    ['a', createMachine({ entry: () => {} }), /inline function/, /`effects`/],
    ['b', createMachine({ entry: 'ring' }), /the action ring/, /`effects`/],
    [
      'c',
      setup({ actions: { ring: () => {} } }).createMachine({ entry: 'ring' }),
      /ring/,
      /effects/,
    ],
    ['d', createMachine({ entry: spawnChild(nobody) }), /logic has no name/, /`actors` of `setup`/],
  ]
  for (const [type, machine, what, instead] of differently) {
    const def = defineActor({ type, version: 1, machine }) as unknown as ActorDef
    t.throws(() => system.register(def), {
      code: 'PROV_ACTOR_UNSUPPORTED',
      message: what,
      remedy: instead,
    })
  }
  // Inline logic that is invoked has a name: its place.
  const machine = createMachine({
    initial: 'a',
    states: { a: { invoke: { src: nobody, onDone: 'b' } }, b: {} },
  })
  const def = defineActor({ type: 'e', version: 1, machine }) as unknown as ActorDef
  system.register(def)
  const ref = await system.spawn(def, 'a')
  await settle(8)
  t.equal(ref.snapshot().value, 'b')
})
