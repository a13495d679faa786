/**
 * Observables in and out of a bus, with back-pressure that holds: the number of messages under way
 * is bounded on both sides. The only file of this room that loads rxjs; import it where streams are
 * used, not where state is read.
 *
 *     bus ──pull, credits──▶ deliveries() ──▶ … ack ──▶ a credit is free again
 *     source ──▶ queue (bounded) ──▶ toBus() ──publish, credits at a time──▶ bus
 *
 * @module
 */
import { Observable } from 'rxjs'
import type { Subscriber } from 'rxjs'
import { sleep, systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Bus, Delivery, Published } from './bus.ts'
import { busDefaults } from './defaults.ts'
import { busErrors } from './errors.ts'

export interface DeliveriesOptions {
  /** Most deliveries not yet acked, naked or termed. Default 16. */
  readonly credits?: Count | undefined
  /** Completes the stream when it aborts. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Deliveries of a durable consumer. Never more than `credits` are unanswered, whatever the operators
 * behind it buffer. Unsubscribing gives the unanswered ones back; so does a subscriber that fails.
 * Each subscription pulls for itself.
 */
export function deliveries(
  bus: Bus,
  stream: string,
  consumer: string,
  options: DeliveriesOptions = {},
): Observable<Delivery> {
  return new Observable<Delivery>((subscriber) => {
    const end = new AbortController()
    const abort = (): void => end.abort()
    const { signal, credits } = options
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    const run = async (): Promise<void> => {
      for await (const delivery of bus.pull(stream, consumer, { credits, signal: end.signal })) {
        if (subscriber.closed) return
        subscriber.next(delivery)
      }
    }
    run().then(
      () => subscriber.complete(),
      (thrown: unknown) => subscriber.error(thrown),
    )
    return () => {
      signal?.removeEventListener('abort', abort)
      abort()
    }
  })
}

export interface ToBusOptions<T> {
  /** Default: the value itself, which then must be JSON. */
  readonly bodyOf?: ((value: T) => JsonValue) | undefined
  /** Publishes under way at the same time. 1 keeps the order. Default 16. */
  readonly credits?: Count | undefined
  /**
   * Values of a source that cannot wait, held until a publish is free. One more ends the stream with
   * PROV_BUS_OVERRUN: nothing is dropped in silence. Default 1,024. An async iterable waits instead.
   */
  readonly buffer?: Count | undefined
  /** How long to wait when the stream is full or the bus does not answer. Default 250 ms. */
  readonly retryMs?: Millis | undefined
  /** Default: the machine's clock. */
  readonly clock?: Clock | undefined
}

/**
 * Publishes every value of a source and emits what the bus said. While the stream is full or the bus
 * does not answer, it waits and publishes again under the same id. Cold: nothing happens before
 * somebody subscribes. An async iterable is asked for the next value only when a publish is free.
 */
export function toBus<T>(
  source: Observable<T> | AsyncIterable<T>,
  bus: Bus,
  subjectOf: (value: T) => string,
  idOf: (value: T) => string,
  options: ToBusOptions<T> = {},
): Observable<Published> {
  const { credits = busDefaults.credits, buffer = 1_024, retryMs = 250 } = options
  const { clock = systemClock, bodyOf = (value: T) => value as JsonValue } = options
  return new Observable<Published>((subscriber) => {
    const end = new AbortController()
    const publish = async (value: T): Promise<Published> => {
      const subject = subjectOf(value)
      const message = { id: idOf(value), body: bodyOf(value) }
      for (;;) {
        try {
          return await bus.publish(subject, message)
        } catch (thrown) {
          if (!isPassing(thrown)) throw thrown
          await sleep(clock, retryMs, end.signal)
        }
      }
    }
    const lane = new Lane(subscriber, publish, credits)
    const stop =
      Symbol.asyncIterator in source
        ? drain(source, lane, end.signal)
        : listen(source, lane, buffer)
    return () => {
      end.abort()
      stop()
    }
  })
}

/** Runs publishes of one subscription, a bounded number at a time. */
class Lane<T> {
  readonly subscriber: Subscriber<Published>
  readonly #publish: (value: T) => Promise<Published>
  readonly #credits: Count
  readonly #queue: T[] = []
  #running: Count = 0
  #finished = false
  #onFree = (): void => {}

  constructor(
    subscriber: Subscriber<Published>,
    publish: (value: T) => Promise<Published>,
    credits: Count,
  ) {
    this.subscriber = subscriber
    this.#publish = publish
    this.#credits = credits
  }

  get waiting(): Count {
    return this.#queue.length
  }

  add(value: T): void {
    this.#queue.push(value)
    this.#fill()
  }

  /** No more values come: completes when the last publish is through. */
  finish(): void {
    this.#finished = true
    this.#fill()
  }

  /** Resolves when a publish is free. */
  async free(): Promise<void> {
    while (this.#running >= this.#credits && !this.subscriber.closed) {
      await new Promise<void>((resolve) => (this.#onFree = resolve))
    }
  }

  /** Wakes whoever waits for a free publish. */
  wake(): void {
    this.#onFree()
  }

  #fill(): void {
    while (this.#running < this.#credits && this.#queue.length > 0 && !this.subscriber.closed) {
      this.#running++
      this.#publish(this.#queue.shift() as T).then(
        (published) => {
          this.subscriber.next(published)
          this.#done()
        },
        (thrown: unknown) => {
          this.subscriber.error(thrown)
          this.#done()
        },
      )
    }
    if (this.#finished && this.#running === 0 && this.#queue.length === 0) {
      this.subscriber.complete()
    }
  }

  #done(): void {
    this.#running--
    this.#fill()
    this.#onFree()
  }
}

function listen<T>(source: Observable<T>, lane: Lane<T>, buffer: Count): () => void {
  const subscription = source.subscribe({
    next: (value) => {
      if (lane.waiting < buffer) return lane.add(value)
      lane.subscriber.error(busErrors.PROV_BUS_OVERRUN({ limit: buffer }))
    },
    error: (thrown: unknown) => lane.subscriber.error(thrown),
    complete: () => lane.finish(),
  })
  return () => subscription.unsubscribe()
}

function drain<T>(source: AsyncIterable<T>, lane: Lane<T>, signal: AbortSignal): () => void {
  const run = async (): Promise<void> => {
    await lane.free()
    if (signal.aborted) return
    for await (const value of source) {
      if (signal.aborted) return
      lane.add(value)
      await lane.free()
      if (signal.aborted) return
    }
    lane.finish()
  }
  run().catch((thrown: unknown) => lane.subscriber.error(thrown))
  return () => lane.wake()
}

/** Waiting helps: the stream is full, or nobody knows whether the bus has it. */
function isPassing(thrown: unknown): boolean {
  return (
    ProvError.is(thrown) &&
    (thrown.code === 'PROV_BUS_FULL' || thrown.code === 'PROV_BUS_UNAVAILABLE')
  )
}
