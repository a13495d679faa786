/**
 * Actors that the kernel's tests share: a counter that asks for effects, tells and timers, and a way
 * to start a system on a disk that outlives it.
 *
 * @module
 */
import type { EventEmitter } from 'node:events'
import { assign, cancel, setup } from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import type { SimulatedClock } from '../../core/clock.ts'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorSpec } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { stepsOf } from '../../core/actor/ledger.ts'
import { startActors } from '../../core/actor/start.ts'
import type { ActorsOptions } from '../../core/actor/start.ts'
import { memoryJournal, MemoryDisk } from '../../core/journal/memory.ts'
import type { Journal } from '../../core/journal/journal.ts'

export interface CounterContext {
  readonly count: number
  readonly log: readonly string[]
  readonly by?: string | undefined
}

export type CounterEvent =
  | { readonly type: 'add'; readonly by?: number }
  | { readonly type: 'name'; readonly by?: string }
  | { readonly type: 'pay'; readonly amount: number }
  | { readonly type: 'forward'; readonly to: string; readonly hops: number }
  | { readonly type: 'question'; readonly replyTo: string }
  | { readonly type: 'sleep' }
  | { readonly type: 'wake' }
  | { readonly type: 'break' }
  | { readonly type: 'scribble' }
  | { readonly type: 'finish' }
  | { readonly type: 'effect.done.charge'; readonly id: string; readonly output?: unknown }
  | { readonly type: 'effect.failed.charge'; readonly id: string; readonly error: { code: string } }

/** Counts; `sleep` wakes after a second; `break` throws in an assign, `scribble` changes in place. */
export const counterMachine = setup({
  types: {
    context: {} as CounterContext,
    events: {} as CounterEvent,
    input: {} as { readonly count?: number } | undefined,
    tags: {} as 'resting',
  },
  actions: {
    charge: (_args, _params: { amount: number }) => {},
    audit: (_args, _params: { what: string }) => {},
    tell: (_args, _params: { to: string; event: { type: string } }) => {},
    add: assign({
      count: ({ context, event }) => context.count + (event.type === 'add' ? (event.by ?? 1) : 1),
    }),
    noted: assign({ log: ({ context, event }) => [...context.log, event.type] }),
    named: assign({ by: ({ event }) => (event.type === 'name' ? event.by : undefined) }),
    broken: assign(() => {
      throw new Error('this assign is broken')
    }),
    scribbled: assign(({ context }) => {
      ;(context as { count: number }).count = 99
      return {}
    }),
  },
}).createMachine({
  id: 'counter',
  context: ({ input }) => ({ count: input?.count ?? 0, log: [] }),
  initial: 'awake',
  states: {
    awake: {
      on: {
        add: { actions: 'add' },
        name: { actions: 'named' },
        pay: {
          actions: [
            'add',
            { type: 'audit', params: { what: 'paid' } },
            { type: 'charge', params: ({ event }) => ({ amount: event.amount }) },
          ],
        },
        forward: [
          {
            guard: ({ event }) => event.hops > 0,
            actions: [
              'add',
              {
                type: 'tell',
                params: ({ event }) => ({
                  to: event.to,
                  event: { type: 'forward', to: event.to, hops: event.hops - 1 },
                }),
              },
            ],
          },
          { actions: 'add' },
        ],
        question: {
          actions: {
            type: 'tell',
            params: ({ event, context }) => ({
              to: event.replyTo,
              event: { type: 'answer', count: context.count },
            }),
          },
        },
        sleep: 'asleep',
        break: { actions: ['add', { type: 'charge', params: { amount: 13 } }, 'broken'] },
        scribble: { actions: 'scribbled' },
        finish: 'finished',
        'effect.done.charge': { actions: 'noted' },
        'effect.failed.charge': { actions: 'noted' },
      },
    },
    asleep: {
      tags: 'resting',
      after: { 1000: { target: 'awake', actions: 'noted' } },
      on: { wake: 'awake', finish: 'finished' },
      exit: cancel('unused'),
    },
    finished: { type: 'final' },
  },
})

export interface Charge {
  readonly id: string
  readonly amount: number
}

type Spec = ActorSpec<typeof counterMachine>

/** A counter type whose charges end in `charges`; anything may be overridden. */
export function counter(charges: Charge[] = [], spec: Partial<Spec> = {}) {
  return defineActor({
    type: 'test.counter',
    version: 1,
    machine: counterMachine,
    effects: {
      charge: async (params: { amount: number }, { id }) => {
        charges.push({ id, amount: params.amount })
        return { receipt: id }
      },
      ...(spec.durability && spec.durability !== 'journal' && { audit: () => {} }),
    },
    ...((spec.durability ?? 'journal') === 'journal' && {
      records: {
        audit: (params: { what: string }, { self, sequence }) => ({
          partition: 'audit',
          type: 'audit.event',
          body: { self, sequence, what: params.what },
        }),
      },
    }),
    ...spec,
  })
}

/** A place where systems live one after the other. */
export class House {
  readonly clock: SimulatedClock = simulatedClock()
  readonly disk = new MemoryDisk()
  journal: Journal = memoryJournal({ clock: this.clock, disk: this.disk })

  start(options: ActorsOptions = {}): Promise<ActorSystem> {
    return startActors({ journal: this.journal, clock: this.clock, ...options })
  }

  /** The process dies: whatever was not on disk is gone, and its writer can write no more. */
  crash(): void {
    this.disk.held = false
    this.journal = memoryJournal({ clock: this.clock, disk: this.disk })
  }

  /** Bodies of all records of a partition; steps that share a record are told apart. */
  async records(partition = 'kernel'): Promise<{ type: string; body: unknown }[]> {
    const records: { type: string; body: unknown }[] = []
    for await (const { type, body } of this.journal.read({ partition })) {
      if (type !== 'actor.turned') records.push({ type, body })
      else for (const step of stepsOf(body)) records.push({ type: 'actor.stepped', body: step })
    }
    return records
  }
}

/** Lets everything that is ready run. */
export async function settle(turns = 3): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** What reaches the process while `act` runs: nothing may. */
export async function uncaught(act: () => Promise<void>): Promise<unknown[]> {
  const caught: unknown[] = []
  const names = ['uncaughtException', 'unhandledRejection'] as const
  const kept = names.map((name) => process.listeners(name as 'uncaughtException'))
  const hear = (thrown: unknown): void => void caught.push(thrown)
  for (const name of names) process.removeAllListeners(name).on(name, hear)
  try {
    await act()
    await new Promise((resolve) => setTimeout(resolve, 5))
  } finally {
    names.forEach((name, at) => {
      ;(process as EventEmitter).removeAllListeners(name)
      for (const listener of kept[at] ?? []) (process as EventEmitter).on(name, listener)
    })
  }
  return caught
}
