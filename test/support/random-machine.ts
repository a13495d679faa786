/**
 * Random machines that use whatever XState has, the same one for the same seed. They count in their
 * context, so that an action that runs once too often, too early or not at all shows in `n`; and they
 * note which guards were asked, so that a guard asked too often shows as well.
 *
 * @module
 */
import {
  and,
  assign,
  cancel,
  createMachine,
  emit,
  enqueueActions,
  fromPromise,
  log,
  not,
  or,
  raise,
  sendTo,
  spawnChild,
  stateIn,
  stopChild,
} from 'xstate'
import type { AnyStateMachine } from 'xstate'

/** Numbers from 0 up to below `below`; the same ones for the same seed. */
export type Random = (below: number) => number

export function randomFrom(seed: number): Random {
  let state = seed * 2_654_435_761
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export interface RandomContext {
  readonly n: number
  readonly last?: string
  readonly seen: readonly number[]
  readonly child?: unknown
}

export interface RandomMachine {
  readonly machine: AnyStateMachine
  /** Types of events that it may know. */
  readonly events: readonly string[]
  /** Guards that were asked, in order. Empty it before a step. */
  readonly asked: string[]
}

export interface RandomOptions {
  /** Children, messages and whatever else needs a kernel with children. Default true. */
  readonly children?: boolean
  /**
   * Transitions for every event there is. Default true. In a kernel they take the answer of an effect
   * for an event like any other, and may ask for the effect again, for ever.
   */
  readonly everything?: boolean
}

type Node = Record<string, unknown>

/** Whose transition it is. */
interface Where {
  readonly state: Node
  readonly parent: Node | undefined
}

type Given = { readonly context: RandomContext; readonly event: { readonly type: string } }

export const randomEvents = ['e0', 'e1', 'e2', 'e3', 'a.b', 'a.b.c', 'other']

export function randomMachine(random: Random, options: RandomOptions = {}): RandomMachine {
  const { children = true, everything = true } = options
  const asked: string[] = []
  let made = 0
  const ids: string[] = []
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T
  const chance = (of: number) => random(of) === 0
  const event = () => pick(randomEvents)

  // ── guards ───────────────────────────────────────────────────────────────────────────────────

  const modulo = (): unknown => {
    const [by, is, name] = [2 + random(4), random(4), `g${made++}`]
    return ({ context }: Given) => {
      asked.push(name)
      if (by === 5 && context.n % 17 === 13) throw new Error(`${name} cannot say`)
      return context.n % by === is % by
    }
  }
  const guard = (depth = 2): unknown => {
    const kind = random(12)
    if (kind === 0) return 'isEven'
    if (kind === 1) return { type: 'divides', params: { by: 2 + random(3) } }
    if (kind === 2)
      return { type: 'divides', params: ({ context }: Given) => ({ by: context.n % 5 }) }
    if (kind === 3 && depth > 0) return and([guard(depth - 1), guard(depth - 1)] as never)
    if (kind === 4 && depth > 0) return or([guard(depth - 1), guard(depth - 1)] as never)
    if (kind === 5 && depth > 0) return not(guard(depth - 1) as never)
    if (kind === 6) return stateIn(chance(2) ? `#s${random(8)}` : (pick(['k0', 'k1.k0']) as never))
    if (kind === 7) return 'isBoth'
    return modulo()
  }

  // ── actions ──────────────────────────────────────────────────────────────────────────────────

  const count = () => {
    const add = 1 + random(3)
    return assign({
      n: ({ context }: Given) => context.n + add,
      seen: ({ context }: Given) => [...context.seen, context.n].slice(-3),
    } as never)
  }
  const plainAction = (): unknown => {
    const kind = random(13)
    if (kind === 0 && chance(3)) return raise({ type: event() })
    if (kind === 0)
      return raise((({ context }: Given) => ({ type: `e${context.n % 2}`, n: 1 })) as never)
    if (kind === 1) return raise({ type: 'e3' }, { id: `t${random(3)}`, delay: 10 + random(90) })
    if (kind === 2) return { type: 'note', params: { what: random(10) } }
    if (kind === 3) return assign({ last: (({ event }: Given) => event.type) as never })
    if (kind === 4) return assign({ last: undefined } as never)
    if (kind === 5) return { type: 'note', params: ({ context }: Given) => ({ what: context.n }) }
    if (kind === 6) return { type: 'addMany', params: { many: random(4) } }
    if (kind === 7)
      return log(({ context }: Given) => context.n as never, pick(['a', undefined]) as never)
    if (kind === 8) return cancel(pick(['t0', 't1', 't2', 'other#0']))
    if (kind === 9)
      return raise({ type: 'other' }, { delay: pick([20, 'soon', 'byCount', 'never']) } as never)
    if (kind === 10) return assign(({ context }: Given) => ({ n: context.n + 1 }) as never)
    return count()
  }
  const childAction = (): unknown => {
    const kind = random(6)
    const id = `c${random(3)}`
    const input = chance(2) ? { what: random(9) } : ({ context }: Given) => ({ n: context.n })
    if (kind === 0) return spawnChild('work', { id, input: input as never })
    if (kind === 1) return stopChild(id)
    if (kind === 2)
      return sendTo('kid', (({ context }: Given) => ({ type: 'hi', n: context.n })) as never)
    if (kind === 3) return sendTo('kid', { type: 'later' }, { id: `t${random(3)}`, delay: 30 })
    if (kind === 4)
      return emit((({ context }: Given) => ({ type: 'counted', n: context.n })) as never)
    return assign({
      n: ({ context }: Given) => context.n + 1,
      child: (({ spawn }: { spawn: (src: string, options: object) => unknown }) =>
        spawn('work', { id: `by-assign-${id}`, input: { at: id } })) as never,
    } as never)
  }
  const anyAction = (): unknown => {
    if (children && chance(6)) return childAction()
    if (!chance(12)) return plainAction()
    const [first, second, condition] = [plainAction(), plainAction(), guard(1)]
    const type = event()
    return enqueueActions((({ enqueue, check }: never) => {
      const add = enqueue as unknown as ((action: unknown) => void) & {
        assign(assignment: unknown): void
        raise(event: unknown): void
      }
      add(first)
      add.assign({ n: ({ context }: Given) => context.n + 1 })
      if ((check as (guard: unknown) => boolean)(condition)) add(second)
      if ((check as (guard: unknown) => boolean)('isEven')) add.raise({ type })
      add({ type: 'note', params: { what: 'enqueued' } })
    }) as never)
  }
  const actions = () => Array.from({ length: random(3) }, anyAction)

  // ── states ───────────────────────────────────────────────────────────────────────────────────

  const node = (depth: number): Node => {
    const id = `s${made++}`
    ids.push(id)
    const base: Node = { id, entry: actions(), exit: actions() }
    base['tags'] = [`tag${random(3)}`]
    const inside = depth > 0 ? random(4) : 0
    if (inside < 2) {
      if (!chance(7) || depth > 2) return base
      const output = pick([undefined, { made: 1 }, ({ context }: Given) => context.n])
      return { ...base, type: 'final', ...(output !== undefined && { output }) }
    }
    const states: Record<string, Node> = {}
    for (let at = 0; at < inside; at++) states[`k${at}`] = node(depth - 1)
    if (chance(4)) {
      states['h'] = {
        type: 'history',
        id: `h${made}`,
        history: chance(2) ? 'deep' : 'shallow',
        ...(chance(3) && { target: 'k1' }),
      }
      ids.push(`h${made++}`)
    }
    if (chance(3)) return { ...base, type: 'parallel', states }
    const initial = chance(4) ? { target: 'k0', actions: actions() } : 'k0'
    return { ...base, initial, states }
  }
  const root: Node = {
    initial: 'k0',
    states: { k0: node(3), k1: node(2), k2: node(2) },
  }
  if (chance(8)) Object.assign(root, { type: 'parallel', initial: undefined })

  // ── transitions ──────────────────────────────────────────────────────────────────────────────

  const insideOf = (state: Node): readonly [string, Node][] =>
    Object.entries((state['states'] ?? {}) as Record<string, Node>)
  const historical = (state: Node): boolean => state['type'] === 'history'
  /** A path of names down from `state`, as long as chance will have it. */
  const below = (state: Node): string => {
    const [key, child] = pick(insideOf(state))
    return insideOf(child).length > 0 && chance(2) ? `${key}.${below(child)}` : key
  }
  const regions: (() => readonly string[])[] = []
  const collect = (state: Node): void => {
    const all = insideOf(state).filter(([, child]) => !historical(child))
    if (state['type'] === 'parallel' && all.length > 1) {
      // One target in each of some regions; `#id.k0` goes on from an id.
      regions.push(() =>
        all.slice(random(all.length - 1)).map(([, child]) => {
          const deeper = insideOf(child).length > 0 && chance(2)
          return `#${String(child['id'])}${deeper ? `.${below(child)}` : ''}`
        }),
      )
    }
    for (const [, child] of all) collect(child)
  }
  collect(root)

  const place = ({ state, parent }: Where): unknown => {
    const kind = random(8)
    if (kind === 0 && regions.length > 0) return pick(regions)()
    if (kind === 1 && parent) return below(parent)
    if (kind === 2 && insideOf(state).length > 0) return `.${below(state)}`
    return `#${pick(ids)}`
  }
  const transition = (where: Where): Record<string, unknown> => {
    if (chance(20)) return {}
    return {
      ...(!chance(5) && { target: place(where) }),
      ...(chance(3) && { guard: guard() }),
      ...(chance(6) && { reenter: true }),
      actions: actions(),
    }
  }
  /** One, in any of the forms that XState takes, or several of which the first that may is taken. */
  const transitions = (where: Where): unknown => {
    const kind = random(6)
    if (kind === 0) return `#${pick(ids)}`
    return kind < 3 ? [transition(where), transition(where)] : transition(where)
  }
  /** An eventless one mostly counts, so that few of them run in circles. */
  const eventless = (where: Where, says: unknown): Record<string, unknown> => {
    const kind = random(12)
    const again = raise({ type: event() })
    return {
      ...(!chance(5) && { target: place(where) }),
      guard: says,
      actions: kind === 0 ? [again] : kind === 1 ? [] : kind === 2 ? [count(), again] : [count()],
    }
  }
  const invocation = (where: Where): Record<string, unknown> => ({
    src: 'work',
    ...(!chance(3) && { id: `c${random(3)}` }),
    input: ({ context }: Given) => ({ n: context.n }),
    onDone: transitions(where),
    ...(chance(2) && { onError: transitions(where) }),
    ...(chance(4) && { onSnapshot: transitions(where) }),
  })
  const wire = (state: Node, parent?: Node): void => {
    if (historical(state)) return
    const where = { state, parent }
    if (state['type'] !== 'final') {
      const on: Record<string, unknown> = {}
      for (let at = 0; at < 1 + random(3); at++) {
        const type = chance(8) ? pick([everything ? '*' : 'a.*', 'a.*', 'a.b.*']) : event()
        on[type] = [...((on[type] as unknown[] | undefined) ?? []), transition(where)]
      }
      if (chance(25)) on[event()] = undefined
      if (chance(9)) on[event()] = transitions(where)
      state['on'] = on
      if (chance(5)) {
        const first = eventless(where, modulo())
        state['always'] = chance(3) ? [first, eventless(where, guard())] : first
      }
      if (chance(5)) {
        state['after'] = { [pick(['soon', 'byCount', 10 + random(90)])]: transitions(where) }
      }
      if (state['states'] && chance(3)) state['onDone'] = transitions(where)
      if (children && chance(8)) {
        state['invoke'] = chance(4) ? [invocation(where), invocation(where)] : invocation(where)
      }
    }
    for (const [, child] of insideOf(state)) wire(child, state)
  }
  wire(root)
  if (children) root['invoke'] = { src: 'work', id: 'kid' }
  if (chance(3)) root['output'] = ({ context, event }: Given) => ({ n: context.n, by: event.type })
  root['options'] = { maxIterations: 60 }

  const named = (name: string, says: (given: Given, params: never) => boolean) => {
    return (given: Given, params: never) => {
      asked.push(name)
      return says(given, params)
    }
  }
  const machine = createMachine(
    { ...root, context: { n: 0, seen: [] } } as never,
    {
      actions: {
        note: () => {},
        addMany: assign({
          n: ({ context }: Given, params: { many: number }) => context.n + params.many,
        } as never),
      },
      guards: {
        isEven: named('isEven', ({ context }) => context.n % 2 === 0),
        divides: named(
          'divides',
          ({ context }, params: { by: number }) => context.n % params.by === 0,
        ),
        isBoth: and(['isEven', { type: 'divides', params: { by: 3 } }] as never),
      },
      delays: { soon: 40, byCount: ({ context }: Given) => 10 + context.n },
      actors: { work: fromPromise(async () => 1) },
    } as never,
  ) as unknown as AnyStateMachine
  const events = [...randomEvents, 'nobody.knows']
  if (children) events.push('xstate.done.actor.c0', 'xstate.error.actor.c1', 'xstate.snapshot.c2')
  return { machine, events, asked }
}
