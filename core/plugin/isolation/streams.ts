/**
 * Streams of the other side, as they are used here: Observables that load no package before somebody
 * pipes them, async iterables, and answers that may turn out to be either.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type * as Rxjs from 'rxjs'
import type { Observable } from 'rxjs'
import { isRecord } from './parcel.ts'

/** Who listens. */
export interface Stream {
  next(value: unknown): void
  error(thrown: unknown): void
  complete(): void
}

/**
 * An answer that may turn out to be a stream: a promise that can be subscribed to and iterated as
 * well, because a caller elsewhere knows what it asked for and this side does not. What is no stream
 * is one of a single value.
 */
export function answerOf(promise: Promise<unknown>): Promise<unknown> {
  const quiet = (): void => void promise.catch(() => {})
  const source = observable((stream) => {
    quiet()
    let stop: (() => void) | undefined
    let off = false
    promise.then(
      (value) => {
        if (off) return
        const { subscribe } = Object(value) as { subscribe?: unknown }
        if (typeof subscribe !== 'function') {
          stream.next(value)
          return stream.complete()
        }
        const subscription = (value as Observable<unknown>).subscribe(stream)
        stop = () => subscription.unsubscribe()
      },
      (thrown: unknown) => stream.error(thrown),
    )
    return () => {
      off = true
      stop?.()
    }
  })
  const extra = {
    [Symbol.asyncIterator]: () => {
      quiet()
      return iterate(
        promise.then((value) => {
          const begin = (Object(value) as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator]
          // What it is shows only now: said as the plugin's own code would hear it in this thread.
          if (!begin)
            throw new TypeError('it is not async iterable; an Observable is subscribed to')
          return begin.call(value)
        }),
      )
    },
  }
  for (const key of Reflect.ownKeys(source)) {
    void Object.defineProperty(promise, key, { value: Reflect.get(source, key) as unknown })
  }
  for (const key of Reflect.ownKeys(extra)) {
    void Object.defineProperty(promise, key, { value: Reflect.get(extra, key) as unknown })
  }
  return promise
}

export function iterate(opening: Promise<unknown>): AsyncIterator<unknown> {
  const opened = opening as Promise<AsyncIterator<unknown>>
  return {
    next: async () => {
      const result: unknown = await (await opened).next()
      if (!isRecord(result)) throw new TypeError('what answered is no stream')
      return { done: result['done'] === true, value: result['value'] } as IteratorResult<unknown>
    },
    return: async () => {
      await (await opened).return?.()
      return { done: true, value: undefined }
    },
  }
}

let rxjs: typeof Rxjs | undefined

/** An Observable that costs no package until somebody pipes it. */
export function observable(begin: (stream: Stream) => () => void): object {
  const subscribe = (first?: unknown, error?: unknown, complete?: unknown) => {
    const observer = (
      typeof first === 'object' && first !== null ? first : { next: first, error, complete }
    ) as Partial<Stream>
    let over = false
    const end = (): boolean => {
      const was = over
      over = true
      return was
    }
    const stop = begin({
      next: (value) => {
        if (!over) observer.next?.(value)
      },
      error: (thrown) => {
        if (!end()) observer.error?.(thrown)
      },
      complete: () => {
        if (!end()) observer.complete?.()
      },
    })
    return {
      unsubscribe: (): void => {
        if (!end()) stop()
      },
    }
  }
  const whole = (): Observable<unknown> => {
    rxjs ??= createRequire(import.meta.url)('rxjs') as typeof Rxjs
    return new rxjs.Observable((subscriber) => {
      const subscription = subscribe(subscriber)
      return () => subscription.unsubscribe()
    })
  }
  const made = {
    subscribe,
    pipe: (...operators: readonly unknown[]): unknown =>
      (whole().pipe as (...operators: readonly unknown[]) => unknown)(...operators),
  }
  const self = (): unknown => made
  Object.defineProperty(made, '@@observable', { value: self })
  if (Symbol.observable) Object.defineProperty(made, Symbol.observable, { value: self })
  return made
}
