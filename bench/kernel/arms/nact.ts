/** nact: actors as functions, messages through `setImmediate`. */
import { burst, mustBe, targets } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'

type Ref = object
interface Context {
  readonly sender: Ref
  readonly self: Ref
}
interface Nact {
  start(): Ref
  stop(ref: Ref): void
  spawn<S>(
    parent: Ref,
    behaviour: (state: S, message: never, context: Context) => S,
    name: string,
    options: { readonly initialState: S },
  ): Ref
  dispatch(ref: Ref, message: object, sender?: Ref): void
  query(ref: Ref, message: (replyTo: Ref) => object, timeoutMs: number): Promise<unknown>
}

interface State {
  readonly value: 'a' | 'b'
  readonly count: number
}
type Message =
  | { readonly type: 'flip' }
  | { readonly type: 'get'; readonly replyTo: Ref }
  | { readonly type: 'ball'; readonly left: number; readonly over: () => void }

const initialState: State = { value: 'a', count: 0 }

async function open(place: Place): Promise<{ readonly nact: Nact; readonly root: Ref }> {
  const nact = (await place.peer('nact')) as Nact
  return { nact, root: nact.start() }
}

function counter(nact: Nact, root: Ref, name: string, seen: { count: number }, peer?: () => Ref) {
  const behaviour = (state: State, message: Message): State => {
    seen.count++
    const next: State = { value: state.value === 'a' ? 'b' : 'a', count: state.count + 1 }
    if (message.type === 'get') nact.dispatch(message.replyTo, { count: state.count })
    if (message.type === 'ball') {
      const { left, over } = message
      if (left > 0) nact.dispatch((peer as () => Ref)(), { type: 'ball', left: left - 1, over })
      else over()
    }
    return next
  }
  return nact.spawn<State>(root, behaviour, name, { initialState })
}

/** Waits until the actor has taken what was sent: its own answer stands behind all of it. */
async function bursts(place: Place): Promise<Cell> {
  const { nact, root } = await open(place)
  const seen = { count: 0 }
  const actor = counter(nact, root, 'one', seen)
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst) - 1
        for (; done < until; done++) nact.dispatch(actor, { type: 'flip' })
        await nact.query(actor, (replyTo) => ({ type: 'get', replyTo }), 10_000)
        done++
      }
    },
    check: (total) => mustBe('events', seen.count, total),
    close: () => nact.stop(root),
  }
}

async function random(place: Place): Promise<Cell> {
  const { nact, root } = await open(place)
  const seen = { count: 0 }
  const ids = Array.from({ length: place.actors }, (_, at) => `gitops-${at}`)
  const all = new Map(ids.map((id) => [id, counter(nact, root, id, seen)]))
  const order = targets(1 << 18, place.actors)
  let at = 0
  let sent = 0
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst)
        for (; done < until; done++) {
          const id = ids[order[at++ & (order.length - 1)] as number] as string
          nact.dispatch(all.get(id) as Ref, { type: 'flip' })
          sent++
        }
        while (seen.count < sent) await new Promise((resolve) => setImmediate(resolve))
      }
    },
    check: (total) => mustBe('flips', seen.count, total),
  }
}

async function ask(place: Place): Promise<Cell> {
  const { nact, root } = await open(place)
  const seen = { count: 0 }
  const actor = counter(nact, root, 'one', seen)
  return {
    async run(times) {
      for (let done = 0; done < times; done++) {
        await nact.query(actor, (replyTo) => ({ type: 'get', replyTo }), 10_000)
      }
    },
    check: (total) => mustBe('answers', seen.count, total),
    close: () => nact.stop(root),
  }
}

async function pingpong(place: Place): Promise<Cell> {
  const { nact, root } = await open(place)
  const seen = { count: 0 }
  const pair: Ref[] = []
  pair.push(counter(nact, root, 'left', seen, () => pair[1] as Ref))
  pair.push(counter(nact, root, 'right', seen, () => pair[0] as Ref))
  let runs = 0
  return {
    async run(times) {
      runs++
      await new Promise<void>((over) =>
        nact.dispatch(pair[0] as Ref, { type: 'ball', left: times * 2, over }),
      )
    },
    check: (total) => mustBe('balls', seen.count, total * 2 + runs),
    close: () => nact.stop(root),
  }
}

async function spawn(place: Place): Promise<Cell> {
  const { nact, root } = await open(place)
  const seen = { count: 0 }
  const all = new Map<string, Ref>()
  return {
    run(times) {
      for (let at = 0; at < times; at++) {
        const id = `dimension-gitops-${at}`
        all.set(id, counter(nact, root, id, seen))
      }
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

export const arm: Arm = { cells: { burst: bursts, random, ask, pingpong, spawn } }
