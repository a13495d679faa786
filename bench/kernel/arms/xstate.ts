/**
 * XState's own actors, one root each: its registry of children makes spawning quadratic. Variant
 * `counting`: with an inspector that only counts.
 *
 * @module
 */
import { createActor } from 'xstate'
import type { AnyActor, AnyActorRef } from 'xstate'
import { mustBe, targets } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'
import {
  answerMachine,
  deepMachine,
  flipMachine,
  playerMachine,
  regionsMachine,
} from '../machines.ts'
import type { Ball, Counted, Player } from '../machines.ts'

const countOf = (actor: AnyActor): number =>
  (actor.getSnapshot() as { readonly context: Counted }).context.count

function one(actor: AnyActor, types: readonly string[]): Cell {
  actor.start()
  return {
    run(times) {
      for (let at = 0; at < times; at++) actor.send({ type: types[at % types.length] as string })
    },
    check: (total) => mustBe('events', countOf(actor), total),
    close: () => void actor.stop(),
  }
}

function bursts({ variant }: Place): Cell {
  if (variant !== 'counting') return one(createActor(flipMachine()), ['flip'])
  let records = 0
  const cell = one(createActor(flipMachine(), { inspect: () => void records++ }), ['flip'])
  return { ...cell, figures: (total) => ({ recordsPerEvent: records / total }) }
}

function random({ actors }: Place): Cell {
  const machine = flipMachine()
  const all = new Map<string, AnyActor>()
  const ids = Array.from({ length: actors }, (_, at) => `dimension/gitops-${at}`)
  for (const id of ids) all.set(id, createActor(machine, { id }).start())
  const order = targets(1 << 18, actors)
  let at = 0
  return {
    run(times) {
      for (let left = times; left > 0; left--) {
        const id = ids[order[at++ & (order.length - 1)] as number] as string
        ;(all.get(id) as AnyActor).send({ type: 'flip' })
      }
    },
    check(total) {
      let sum = 0
      for (const actor of all.values()) sum += countOf(actor)
      mustBe('flips', sum, total)
    },
  }
}

function ask(): Cell {
  const machine = answerMachine(
    (args: { event: { replyTo: (count: number) => void }; context: Counted }) =>
      args.event.replyTo(args.context.count),
  )
  const actor = createActor(machine).start()
  return {
    async run(times) {
      for (let at = 0; at < times; at++) {
        await new Promise((resolve) => actor.send({ type: 'get', replyTo: resolve }))
      }
    },
    check: (total) => mustBe('answers', countOf(actor), total),
  }
}

function passing(length: number, throws: number): Cell {
  type Args = { readonly event: Ball; readonly context: Player }
  const machine = playerMachine({
    pass: ({ event, context }: Args) => {
      const { current } = context.next as { readonly current: AnyActorRef }
      const ball: Ball = { type: 'ball', left: event.left - 1, over: event.over }
      current.send(ball)
    },
    over: ({ event }: Args) => (event.over as () => void)(),
  })
  const doors: { current?: AnyActor }[] = Array.from({ length }, () => ({}))
  const all = doors.map((_, at) => {
    const input = { next: doors[(at + 1) % length] }
    return ((doors[at] as { current?: AnyActor }).current = createActor(machine, { input }).start())
  })
  let runs = 0
  return {
    async run(times) {
      runs++
      let stop: (error: unknown) => void = () => {}
      const watched = new Promise<never>((_, reject) => (stop = reject))
      process.once('uncaughtException', stop)
      await Promise.race([
        watched,
        new Promise<void>((over) =>
          (all[0] as AnyActor).send({ type: 'ball', left: times * throws, over } as Ball),
        ),
      ])
    },
    check: (total) =>
      mustBe(
        'balls',
        all.map(countOf).reduce((a, b) => a + b, 0),
        total * throws + runs,
      ),
  }
}

function spawn(): Cell {
  const machine = flipMachine()
  const all = new Map<string, AnyActor>()
  return {
    run(times) {
      for (let at = 0; at < times; at++) {
        const id = `dimension/gitops-${at}`
        all.set(id, createActor(machine, { id }).start())
      }
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

const numbered = [0, 1, 2, 3, 4, 5, 6, 7].map((at) => `flip${at}`)

export const arm: Arm = {
  cells: {
    burst: bursts,
    random,
    ask,
    pingpong: () => passing(2, 2),
    'regions-one': () => one(createActor(regionsMachine('one')), numbered),
    'regions-all': () => one(createActor(regionsMachine('all')), ['flip']),
    depth: () => one(createActor(deepMachine(8)), ['flip']),
    chain: ({ actors }) => passing(actors, 1),
    spawn,
  },
}
