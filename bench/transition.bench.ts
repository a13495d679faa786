/** Measures: one event through one flip-flop actor, steps and commits included. Not: disk, bus, plugins. */
import { assign, createActor, setup } from 'xstate'
import { defineActor } from '../core/actor/define.ts'
import { startActors } from '../core/actor/start.ts'
import type { ActorRef, ActorSystem } from '../core/actor/system.ts'
import { systemClock } from '../core/clock.ts'
import { memoryJournal } from '../core/journal/memory.ts'
import { bench } from './harness.ts'

const machine = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'flip' } },
  actions: { add: assign({ count: ({ context }) => context.count + 1 }) },
}).createMachine({
  context: { count: 0 },
  initial: 'a',
  states: {
    a: { on: { flip: { target: 'b', actions: 'add' } } },
    b: { on: { flip: { target: 'a', actions: 'add' } } },
  },
})

const flip = { type: 'flip' } as const
const floor = { state: 'a', count: 0 }
const peer = createActor(machine)
const burst = 1_000

interface Own {
  readonly system: ActorSystem
  readonly ref: ActorRef<{ count: number }, { type: 'flip' }>
}
const own: Record<'volatile' | 'journal', Own | undefined> = {
  volatile: undefined,
  journal: undefined,
}
async function open(durability: 'volatile' | 'journal'): Promise<void> {
  const journal = durability === 'journal' ? memoryJournal({ clock: systemClock }) : undefined
  const system = await startActors({ journal })
  const def = defineActor({ type: `bench.${durability}`, version: 1, machine, durability })
  system.register(def)
  own[durability] = { system, ref: await system.spawn(def, 'one') }
}
async function drive(durability: 'volatile' | 'journal', times: number): Promise<void> {
  const { ref } = own[durability] as Own
  for (let done = 0; done < times;) {
    const until = Math.min(times, done + burst)
    for (; done < until - 1; done++) ref.send(flip)
    done++
    await ref.apply(flip)
  }
}

export default bench('transition', [
  {
    name: 'floor: a switch on a plain object',
    run: (times) => {
      for (let n = 0; n < times; n++) {
        floor.state = floor.state === 'a' ? 'b' : 'a'
        floor.count++
      }
      return floor
    },
  },
  {
    name: 'peer: XState actor.send',
    before: () => void peer.start(),
    run: (times) => {
      for (let n = 0; n < times; n++) peer.send(flip)
    },
  },
  {
    name: 'kernel, volatile, bursts of 1000',
    before: () => open('volatile'),
    run: (times) => drive('volatile', times),
    after: () => own.volatile?.system.close(),
  },
  {
    name: 'kernel, journal in memory, bursts of 1000',
    before: () => open('journal'),
    run: (times) => drive('journal', times),
    after: () => own.journal?.system.close(),
  },
])
