/** effect: an unbounded queue and a fiber that takes from it; answers through a deferred. */
import { burst, mustBe } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'

type Eff = { readonly '~effect'?: never }
interface Effects {
  readonly Effect: {
    readonly gen: (body: () => Generator<unknown, unknown, never>) => Eff
    readonly runFork: (effect: Eff) => object
    readonly runSync: (effect: Eff) => unknown
    readonly runPromise: (effect: Eff) => Promise<unknown>
    readonly void: Eff
    readonly succeed: (value: unknown) => Eff
  }
  readonly Queue: {
    readonly unbounded: () => Eff
    readonly offerUnsafe: (queue: object, message: unknown) => boolean
    readonly take: (queue: object) => Eff & Iterable<unknown>
  }
  readonly Deferred: {
    readonly makeUnsafe: () => object
    readonly doneUnsafe: (deferred: object, effect: Eff) => boolean
    readonly await: (deferred: object) => Eff
  }
}

interface State {
  readonly value: 'a' | 'b'
  readonly count: number
}
type Message =
  | { readonly type: 'flip'; readonly answer?: undefined }
  | { readonly type: 'get'; readonly answer: object }

function counter({ Effect, Queue, Deferred }: Effects, seen: { count: number }): object {
  const queue = Effect.runSync(Queue.unbounded()) as object
  const take = Queue.take(queue)
  Effect.runFork(
    Effect.gen(function* () {
      let state: State = { value: 'a', count: 0 }
      for (;;) {
        const message = (yield* take) as unknown as Message
        state = { value: state.value === 'a' ? 'b' : 'a', count: state.count + 1 }
        seen.count++
        if (message.answer) Deferred.doneUnsafe(message.answer, Effect.succeed(state.count))
      }
    }),
  )
  return queue
}

async function bursts(place: Place): Promise<Cell> {
  const effect = (await place.peer('effect')) as Effects
  const seen = { count: 0 }
  const queue = counter(effect, seen)
  const { Queue } = effect
  let sent = 0
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst)
        sent += until - done
        for (; done < until; done++) Queue.offerUnsafe(queue, { type: 'flip' })
        while (seen.count < sent) await new Promise((resolve) => setImmediate(resolve))
      }
    },
    check: (total) => mustBe('events', seen.count, total),
  }
}

async function ask(place: Place): Promise<Cell> {
  const effect = (await place.peer('effect')) as Effects
  const { Effect, Queue, Deferred } = effect
  const seen = { count: 0 }
  const queue = counter(effect, seen)
  return {
    async run(times) {
      await Effect.runPromise(
        Effect.gen(function* () {
          for (let done = 0; done < times; done++) {
            const answer = Deferred.makeUnsafe()
            Queue.offerUnsafe(queue, { type: 'get', answer })
            yield* Deferred.await(answer) as unknown as Iterable<never>
          }
        }),
      )
    },
    check: (total) => mustBe('answers', seen.count, total),
  }
}

async function spawn(place: Place): Promise<Cell> {
  const effect = (await place.peer('effect')) as Effects
  const seen = { count: 0 }
  const all = new Map<string, object>()
  return {
    async run(times) {
      for (let at = 0; at < times; at++) all.set(`dimension/gitops-${at}`, counter(effect, seen))
      await new Promise((resolve) => setImmediate(resolve))
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

export const arm: Arm = { cells: { burst: bursts, ask, spawn } }
