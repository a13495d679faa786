/**
 * Random machines as actors: nesting, regions, guards, always, raise, after, history, final states. The
 * same seed gives the same machine.
 *
 * @module
 */
import { assign, createMachine, raise } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, ActorEvent, Durability } from '../../core/actor/define.ts'
import type { SupervisionSpec } from '../../core/actor/supervise.ts'

/** What these machines listen to. */
export const events = ['e0', 'e1', 'e2', 'e3']

/** Numbers from 0 up to below `below`; the same ones for the same seed. */
export function generator(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

interface Context {
  readonly n: number
  readonly last?: string
  readonly seen: readonly number[]
}

/** A machine with nesting, regions, guards, always, raise, after, history and final states. */
export function randomMachine(random: (below: number) => number): AnyStateMachine {
  let made = 0
  const ids: string[] = []
  const modulo = () => {
    const [by, is] = [2 + random(4), random(4)]
    return ({ context }: { context: Context }) => context.n % by === is % by
  }
  const actions = () =>
    Array.from({ length: random(3) }, () => {
      const kind = random(6)
      if (kind === 0 && random(3) === 0) return raise({ type: events[random(4)] as string })
      if (kind === 1) return raise({ type: 'e3' }, { id: `t${random(3)}`, delay: 10 + random(90) })
      if (kind === 2) return { type: 'note', params: { what: random(10) } }
      if (kind === 3)
        return assign({ last: ({ event }: { event: ActorEvent }) => event.type } as never)
      if (kind === 4) return assign({ last: undefined } as never)
      const add = 1 + random(3)
      return assign({
        n: ({ context }: { context: Context }) => context.n + add,
        seen: ({ context }: { context: Context }) => [...context.seen, context.n].slice(-3),
      } as never)
    })
  const node = (depth: number): Record<string, unknown> => {
    const id = `s${made++}`
    ids.push(id)
    const base = { id, entry: actions(), exit: actions(), tags: [`tag${random(3)}`] }
    const children = depth > 0 ? random(4) : 0
    if (children < 2) return { ...base, ...(random(9) === 0 && depth < 2 && { type: 'final' }) }
    const states: Record<string, unknown> = {}
    for (let at = 0; at < children; at++) states[`k${at}`] = node(depth - 1)
    if (random(5) === 0) states['h'] = { type: 'history', history: random(2) ? 'deep' : 'shallow' }
    return random(3) === 0
      ? { ...base, type: 'parallel', states }
      : { ...base, initial: 'k0', states }
  }
  const root = { initial: 'k0', states: { k0: node(3), k1: node(2), k2: node(2) } }
  const wire = (state: Record<string, unknown>, parentId?: string): void => {
    if (state['type'] === 'history') return
    if (state['type'] !== 'final' && state['id']) {
      const target = () => `#${ids[random(ids.length)]}`
      const on: Record<string, unknown[]> = {}
      for (let at = 0; at < 1 + random(3); at++) {
        ;(on[events[random(4)] as string] ??= []).push({
          ...(random(5) > 0 && { target: target() }),
          ...(random(3) === 0 && { guard: modulo() }),
          ...(random(6) === 0 && { reenter: true }),
          actions: actions(),
        })
      }
      state['on'] = on
      // An eventless transition always counts, so that few of them run in circles.
      if (random(5) === 0) {
        const counts = assign({ n: ({ context }: { context: Context }) => context.n + 1 } as never)
        state['always'] = [{ target: target(), guard: modulo(), actions: [counts] }]
      }
      if (random(5) === 0) state['after'] = { [10 + random(90)]: { target: target() } }
    }
    for (const child of Object.values((state['states'] ?? {}) as Record<string, never>)) {
      wire(child, (state['id'] as string | undefined) ?? parentId)
    }
  }
  wire(root)
  return createMachine(
    { ...root, context: { n: 0, seen: [] } } as never,
    { actions: { note: () => {} } } as never,
  ) as unknown as AnyStateMachine
}

/** An actor type of it, whose effects all succeed. */
export function typed(
  machine: AnyStateMachine,
  durability: Durability = 'journal',
  supervision: SupervisionSpec = { onFailure: 'resume' },
): ActorDef {
  return defineActor({
    type: 'test.random',
    version: 1,
    durability,
    machine,
    effects: { note: (params: { what: number }) => ({ what: params.what }) },
    supervision,
  })
}
