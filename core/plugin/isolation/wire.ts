/**
 * Two sides that call each other over a line of frames: a thread's port, a process's pipes.
 *
 *     call ─▶ ok | fail             a method of something that stays where it is
 *     now  ─▶ ok | fail             the same while the caller stands still (only the plugin's side may)
 *     sub  ─▶ next* end             an Observable; `more` gives credits, `off` lets it go
 *     abort, settle, free           a signal aborts, a promise settles, a number is not needed any more
 *     calm                          a signal that was handed over will not abort any more
 *
 * W1  Whatever arrives is parsed; a frame that is none is told to `garbage` and changes nothing.
 * W2  Each table is bounded: memory of this side never grows by the other side's will. Whoever makes
 *     more calls than may be open waits where it is; only a line that is written on past that is a
 *     flood.
 * W3  When the line ends, everything that waits on it fails with the reason. Of what was handed over
 *     nobody knows whether a call that had left was done: it says so, and one that had not says that.
 * W4  A signal is remembered as long as it may still abort: not after it did, nor after its owner let
 *     it go, nor, when it was lent to one call, after that call.
 *
 * It is one file because both directions share the numbers.
 *
 * @module
 */
import type { Observable } from 'rxjs'
import { ProvError } from '../../errors.ts'
import type { Count } from '../../units.ts'
import { pluginErrors } from '../errors.ts'
import { isRecord, pack, unpack } from './parcel.ts'
import type { Kind, Receiver, Sender } from './parcel.ts'
import { answerOf, iterate, observable } from './streams.ts'
import type { Stream } from './streams.ts'

/** What goes over a line: plain data that a structured clone can carry. */
export type Frame = Readonly<Record<string, unknown>> & { readonly t: string }

export interface Line {
  post(frame: Frame): void
  /** Sends and stands still until the answer is there. Only where nobody else is kept waiting. */
  readonly postNow?: (frame: Frame) => unknown
  /** Answers who stands still. */
  readonly answer?: (frame: Frame) => void
}

export interface PeerOptions {
  readonly line: Line
  /** Whose plugin this is about, for errors. */
  readonly plugin: string
  /** What the other side reaches first, as number 0. */
  readonly root: object
  /** What stands for the kernel and the clock here. */
  readonly kernel: () => unknown
  readonly clock: () => unknown
  readonly isKernel: (value: object) => boolean
  readonly isSystemClock: (value: object) => boolean
  /** Frames of somebody else's kind. */
  readonly other?: ((frame: Frame) => void) | undefined
  /** Hears of every frame that was none. */
  readonly garbage: (error: ProvError) => void
  /**
   * What fails over there fails only for who waits for it. Default: also for nobody, as in any program.
   * Listeners are called without waiting, and the host must not end because one of a plugin throws.
   */
  readonly lenient?: boolean | undefined
  /** Calls of the other side that may be open here. Default 1024. */
  readonly openCalls?: Count | undefined
  /** Own calls that are open there at once; more of them wait here. Default: all are sent. */
  readonly window?: Count | undefined
  /** Own calls that wait here; one more is refused. Default: no bound. */
  readonly waiting?: Count | undefined
  /**
   * What a call of something handed over fails with when the line ended under it, or before it left.
   * Default: the reason of the end, as for calls of the root, whose callers know what it means.
   */
  readonly lost?: ((why: Error, when: 'under way' | 'before') => Error) | undefined
  /** Hears once that one side makes calls without ever waiting: the other one, or this one. */
  readonly flood?: ((error: ProvError) => void) | undefined
}

const largestTable: Count = 50_000
/** Streams that the other side may listen to at once. */
const mostStreams: Count = 10_000
const streamCredits: Count = 64
/** Credits that the other side may hold at once, whatever it gives. */
const mostCredits: Count = 1_024
const longestQueue: Count = 1_024

/** What the other side reaches by a number. */
interface Kept {
  readonly value: object
  readonly kind: Kind
  sent: Count
  /** Of a signal: handed over for longer than one call. */
  lasting?: boolean
  readonly off?: () => void
}

const atOnceNames = new WeakMap<object, readonly string[] | 'all'>()

/** Says which methods of an object answer at once, so that a plugin elsewhere gets them like that. */
export function answersAtOnce<T extends object>(value: T, names: readonly string[] | 'all'): T {
  atOnceNames.set(value, names)
  return value
}

/** Objects whose methods were called: the mention in each method is what keeps its object. */
const held = new WeakSet<object>()

/** The way to call a stand-in and stand still for the answer. */
const waiting = new WeakMap<object, (args: readonly unknown[]) => unknown>()

/** Calls a function that lives on the other side and returns what it returned. */
export function callNow(standIn: unknown, ...args: readonly unknown[]): unknown {
  const call = waiting.get(standIn as object)
  return call ? call(args) : (standIn as (...args: readonly unknown[]) => unknown)(...args)
}

export class Peer {
  readonly #options: PeerOptions
  readonly #kept = new Map<Count, Kept>()
  readonly #numbers = new WeakMap<object, Count>()
  readonly #standIns = new Map<Count, { readonly ref: WeakRef<object>; got: Count }>()
  readonly #gone = new FinalizationRegistry<Count>((id) => this.#free(id))
  /** Signals of this side that nobody can abort any more. */
  readonly #dead = new FinalizationRegistry<Count>((id) => this.#calmed(id))
  readonly #lent = new WeakMap<AbortSignal, Count>()
  #lending: AbortSignal | undefined
  readonly #calls = new Map<
    Count,
    {
      readonly of: Count
      readonly ok: (value: unknown) => void
      readonly fail: (thrown: unknown) => void
    }
  >()
  readonly #streams = new Map<Count, Stream>()
  /** Streams that nobody waits for. */
  readonly #quiet = new Set<Count>()
  #hush = false
  readonly #given = new Map<Count, { more(count: Count): void; off(): void }>()
  readonly #promises = new Map<Count, { ok(value: unknown): void; fail(thrown: unknown): void }>()
  readonly #signals = new Map<Count, AbortController>()
  #number = 0
  #open = 0
  /** Own calls that are open there. */
  #away = 0
  #flooded = false
  /** Calls that wait for their turn; what they are about is held, so that nothing of it is freed. */
  readonly #line: { readonly frame: Frame; readonly about: unknown }[] = []
  #over: Error | undefined
  #held: (held: boolean) => void = () => {}

  constructor(options: PeerOptions) {
    this.#options = options
    this.#kept.set(0, { value: options.root, kind: 'object', sent: Infinity })
  }

  /** Hears whether an answer is waited for, so that the process lives as long as somebody waits. */
  onHeld(listener: (held: boolean) => void): void {
    this.#held = listener
  }

  /** Somebody here waits for an answer, or listens to a stream. */
  get held(): boolean {
    return this.#calls.size + this.#promises.size + this.#streams.size > this.#quiet.size
  }

  /** Streams that `work` subscribes to keep no process alive. */
  quietly<T>(work: () => T): T {
    const before = this.#hush
    this.#hush = true
    try {
      return work()
    } finally {
      this.#hush = before
    }
  }

  /** Calls a method of the other side's root. */
  call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#call(0, method, args)
  }

  callNow(method: string, ...args: readonly unknown[]): unknown {
    return this.#now(0, method, args)
  }

  /** Whoever owns this signal will not abort it any more: neither side remembers it. */
  calm(signal: AbortSignal): void {
    const id = this.#numbers.get(signal)
    if (id !== undefined) this.#calmed(id)
  }

  #calmed(id: Count): void {
    if (this.#forget(id)) this.#post({ t: 'calm', id })
  }

  /** Hands a signal over for one call only: nobody remembers it when that is over. */
  async lend<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    if (!signal || signal.aborted) return call()
    this.#lent.set(signal, (this.#lent.get(signal) ?? 0) + 1)
    try {
      this.#lending = signal
      const answer = call()
      this.#lending = undefined
      return await answer
    } finally {
      this.#lending = undefined
      const others = (this.#lent.get(signal) ?? 1) - 1
      this.#lent.set(signal, others)
      const id = this.#numbers.get(signal)
      if (others === 0 && id !== undefined && !this.#kept.get(id)?.lasting) this.#calmed(id)
    }
  }

  /** How much is remembered, by table: for tests and for people who look for a leak. */
  get sizes(): Readonly<Record<string, Count>> {
    const { size: kept } = this.#kept
    const { size: standIns } = this.#standIns
    return {
      kept,
      standIns,
      calls: this.#calls.size,
      waiting: this.#line.length,
      streams: this.#streams.size,
      given: this.#given.size,
      promises: this.#promises.size,
      signals: this.#signals.size,
    }
  }

  pack(value: unknown): unknown {
    try {
      return pack(value, this.#sender)
    } catch (thrown) {
      throw this.#cannot(thrown)
    }
  }

  unpack(parcel: unknown): unknown {
    return unpack(parcel, this.#receiver)
  }

  /** The line ended: whoever waits hears why. Idempotent. */
  close(why: Error): void {
    if (this.#over) return
    this.#over = why
    const before = new Set(this.#line.map(({ frame }) => frame['id']))
    for (const [id, { of, fail }] of this.#calls) {
      fail(this.#endOf(of, why, before.has(id) ? 'before' : 'under way'))
    }
    for (const { fail } of this.#promises.values()) fail(why)
    for (const stream of this.#streams.values()) stream.error(why)
    for (const given of this.#given.values()) given.off()
    for (const signal of this.#signals.values()) signal.abort(why)
    for (const table of [this.#calls, this.#promises, this.#streams, this.#given, this.#signals]) {
      table.clear()
    }
    for (const id of this.#kept.keys()) this.#forget(id)
    this.#line.length = 0
    this.#quiet.clear()
    this.#held(false)
  }

  #endOf(of: Count, why: Error, when: 'under way' | 'before'): Error {
    return of === 0 ? why : (this.#options.lost?.(why, when) ?? why)
  }

  /** Takes what arrived. Never throws. */
  receive(raw: unknown): void {
    if (this.#over) return
    try {
      this.#take(raw)
    } catch (thrown) {
      const { plugin, garbage } = this.#options
      garbage(
        ProvError.is(thrown)
          ? thrown
          : pluginErrors.PROV_PLUGIN_GARBAGE({ plugin, what: String(thrown) }, { cause: thrown }),
      )
    }
  }

  #take(raw: unknown): void {
    if (!isRecord(raw) || typeof raw['t'] !== 'string') throw this.#garbage('no frame')
    const frame = raw as Frame
    const { t, id } = frame
    if (t !== 'call' && t !== 'now' && !(Number.isSafeInteger(id) && (id as number) > 0)) {
      if (this.#options.other) return this.#options.other(frame)
      throw this.#garbage('a frame without a number')
    }
    const n = id as Count
    switch (t) {
      case 'call':
      case 'now':
        return this.#called(frame)
      case 'ok':
      case 'fail':
        return this.#hand(frame, t === 'fail', this.#answered(n))
      case 'sub':
        return this.#subscribed(n, frame)
      case 'next':
        return this.#streams.get(n)?.next(this.unpack(frame['value']))
      case 'end': {
        const stream = this.#streams.get(n)
        this.#streams.delete(n)
        this.#quiet.delete(n)
        this.#count()
        if (!('error' in frame)) return stream?.complete()
        return this.#hand(frame, true, stream && { fail: (thrown) => stream.error(thrown) })
      }
      case 'more':
        return this.#given.get(n)?.more(Number(frame['count']) || 0)
      case 'off':
        this.#given.get(n)?.off()
        return void this.#given.delete(n)
      case 'abort':
        this.#signals.get(n)?.abort(this.unpack(frame['why']))
        this.#standIns.delete(n)
        return void this.#signals.delete(n)
      case 'calm':
        this.#signals.delete(n)
        return void this.#standIns.delete(n)
      case 'settle': {
        const promise = this.#promises.get(n)
        this.#promises.delete(n)
        this.#count()
        return this.#hand(frame, 'error' in frame, promise)
      }
      case 'free': {
        const kept = this.#kept.get(n)
        // A signal is no object that somebody lets go of: only what may abort it decides.
        if (!kept || kept.kind === 'signal') return
        if ((kept.sent -= Number(frame['count']) || 0) <= 0) this.#forget(n)
        return
      }
      default:
        if (this.#options.other) return this.#options.other(frame)
        throw this.#garbage('a frame of an unknown kind')
    }
  }

  /** Who waits for what turns out to be no answer hears that: nobody waits on for nothing. */
  #hand(
    { value, error }: Frame,
    failed: boolean,
    to: { ok?(value: unknown): void; fail(thrown: unknown): void } | undefined,
  ): void {
    let given: unknown
    try {
      given = this.unpack(failed ? error : value)
    } catch (thrown) {
      to?.fail(thrown)
      throw thrown
    }
    if (failed) to?.fail(given)
    else to?.ok?.(given)
  }

  #garbage(what: string): ProvError {
    return pluginErrors.PROV_PLUGIN_GARBAGE({ plugin: this.#options.plugin, what })
  }

  #floods(what: string, limit: Count): ProvError {
    return pluginErrors.PROV_PLUGIN_FLOODS({ plugin: this.#options.plugin, what, limit })
  }

  #flood(error: ProvError): void {
    if (this.#flooded) return
    this.#flooded = true
    this.#options.flood?.(error)
  }

  // ── being called ───────────────────────────────────────────────────────────────────────────────

  #called({ t, id, of, key, args }: Frame): void {
    const n = id as Count
    if (!Number.isSafeInteger(n)) throw this.#garbage('a call without a number')
    const { answer } = this.#options.line
    const say = t === 'now' && answer ? answer : (frame: Frame) => this.#post(frame)
    const fail = (thrown: unknown): void =>
      say({ t: 'fail', id: n, error: this.#packError(thrown) })
    const { plugin, openCalls: limit = 1_024 } = this.#options
    if (this.#open >= limit) {
      const error = this.#floods('calls', limit)
      this.#flood(error)
      return fail(error)
    }
    let result: unknown
    try {
      const target = this.#kept.get(of as Count)
      if (!target) throw pluginErrors.PROV_PLUGIN_DOWN({ plugin, reason: 'what it called is gone' })
      const given = this.unpack(args)
      if (!Array.isArray(given)) throw this.#garbage('a call without arguments')
      result = run(target.value, target.kind, key, given)
      if (t === 'now' || !isThenable(result))
        return say({ t: 'ok', id: n, value: this.pack(result) })
    } catch (thrown) {
      return fail(thrown)
    }
    this.#open++
    ;(result as Promise<unknown>).then(
      (value) => {
        this.#open--
        try {
          say({ t: 'ok', id: n, value: this.pack(value) })
        } catch (thrown) {
          fail(thrown)
        }
      },
      (thrown: unknown) => {
        this.#open--
        fail(thrown)
      },
    )
  }

  #subscribed(n: Count, { of, credits }: Frame): void {
    const source = this.#kept.get(of as Count)?.value as Observable<unknown> | undefined
    const { plugin } = this.#options
    const bounded = (count: unknown): Count =>
      Math.min(mostCredits, Math.max(0, Math.trunc(Number(count)) || 0))
    let left = bounded(credits)
    const queue: unknown[] = []
    let subscription: { unsubscribe(): void } | undefined
    let done: Frame | undefined
    let over = false
    if (this.#given.has(n)) throw this.#garbage('a stream whose number another one has')
    const close = (frame?: Frame): void => {
      if (over) return
      over = true
      this.#given.delete(n)
      if (frame) this.#post(frame)
      subscription?.unsubscribe()
    }
    const failed = (thrown: unknown): Frame => ({ t: 'end', id: n, error: this.#packError(thrown) })
    const drain = (): void => {
      try {
        for (; left > 0 && queue.length > 0; left--) {
          this.#post({ t: 'next', id: n, value: this.pack(queue.shift()) })
        }
      } catch (thrown) {
        return close(failed(thrown))
      }
      if (queue.length === 0 && done) close(done)
    }
    if (this.#given.size >= mostStreams) {
      const error = this.#floods('streams', mostStreams)
      this.#flood(error)
      return this.#post(failed(error))
    }
    this.#given.set(n, {
      more(count) {
        left = bounded(left + bounded(count))
        drain()
      },
      off: () => close(),
    })
    try {
      if (!source) throw pluginErrors.PROV_PLUGIN_DOWN({ plugin, reason: 'its stream is gone' })
      subscription = source.subscribe({
        next: (value) => {
          if (over || done) return
          if (queue.length >= longestQueue) {
            return close(failed(this.#floods('values of a stream', longestQueue)))
          }
          queue.push(value)
          drain()
        },
        error(thrown: unknown) {
          done ??= failed(thrown)
          drain()
        },
        complete() {
          done ??= { t: 'end', id: n }
          drain()
        },
      })
      if (over) subscription.unsubscribe()
    } catch (thrown) {
      close(failed(thrown))
    }
  }

  #packError(thrown: unknown): unknown {
    try {
      return this.pack(thrown instanceof Error ? thrown : new Error(String(thrown)))
    } catch {
      return { $: 'error', name: 'Error', message: 'its error could not be told' }
    }
  }

  // ── calling ────────────────────────────────────────────────────────────────────────────────────

  #call(of: Count, key: string | undefined, args: readonly unknown[]): Promise<unknown> {
    const made = new Promise<unknown>((ok, fail) => {
      if (this.#over) throw this.#endOf(of, this.#over, 'before')
      const { window = Infinity, waiting: most = Infinity } = this.#options
      if (this.#line.length >= most) {
        const error = this.#floods('calls that nobody awaits', most)
        this.#flood(error)
        throw error
      }
      const given = this.pack(args)
      const id = ++this.#number
      this.#calls.set(id, { of, ok, fail })
      this.#count()
      const frame = { t: 'call', id, of, key, args: given }
      if (this.#away < window) {
        this.#away++
        try {
          return this.#post(frame)
        } catch (thrown) {
          this.#answered(id)
          throw thrown
        }
      }
      this.#line.push({ frame, about: [this.#standIns.get(of)?.ref.deref(), args] })
    })
    return answerOf(this.#lenient(made))
  }

  #lenient<T>(promise: Promise<T>): Promise<T> {
    if (this.#options.lenient) promise.catch(() => {})
    return promise
  }

  #answered(id: Count) {
    const waiting = this.#calls.get(id)
    if (waiting) {
      this.#calls.delete(id)
      this.#away--
      const next = this.#line.shift()
      if (next) {
        this.#away++
        try {
          this.#post(next.frame)
        } catch (thrown) {
          this.#answered(next.frame['id'] as Count)?.fail(thrown)
        }
      }
    }
    this.#count()
    return waiting
  }

  #now(of: Count, key: string | undefined, args: readonly unknown[]): unknown {
    if (this.#over) throw this.#over
    const { postNow } = this.#options.line
    if (!postNow) return this.#call(of, key, args)
    const frame = postNow({ t: 'now', id: ++this.#number, of, key, args: this.pack(args) })
    if (!isRecord(frame)) throw this.#garbage('no answer')
    if (frame['t'] === 'ok') return this.unpack(frame['value'])
    throw this.unpack(frame['error'])
  }

  #count(): void {
    this.#held(this.held)
  }

  /** Throws PROV_PLUGIN_CANNOT_CROSS for what the line does not take. */
  #post(frame: Frame): void {
    if (this.#over) return
    try {
      this.#options.line.post(frame)
    } catch (thrown) {
      throw this.#cannot(thrown)
    }
  }

  #cannot(thrown: unknown): unknown {
    if (!(thrown instanceof TypeError)) return thrown
    const { plugin } = this.#options
    return pluginErrors.PROV_PLUGIN_CANNOT_CROSS({ plugin, what: thrown.message })
  }

  // ── what is handed over ────────────────────────────────────────────────────────────────────────

  readonly #sender: Sender = {
    keep: (value, kind) => {
      const known = this.#numbers.get(value)
      const found = known === undefined ? undefined : this.#kept.get(known)
      if (known !== undefined && found) {
        found.sent++
        if (value !== this.#lending) found.lasting = true
        return known
      }
      if (this.#kept.size >= largestTable) throw this.#floods('things handed over', largestTable)
      const id = ++this.#number
      if (kind === 'promise') this.#promised(id, value as Promise<unknown>)
      else {
        this.#numbers.set(value, id)
        if (kind === 'signal') this.#watch(id, value as AbortSignal)
        else this.#kept.set(id, { value, kind, sent: 1 })
      }
      return id
    },
    atOnce: (value) => atOnceNames.get(value),
    isKernel: (value) => this.#options.isKernel(value),
    isSystemClock: (value) => this.#options.isSystemClock(value),
  }

  #promised(id: Count, promise: Promise<unknown>): void {
    promise.then(
      (value) => {
        try {
          this.#post({ t: 'settle', id, value: this.pack(value) })
        } catch (thrown) {
          this.#post({ t: 'settle', id, error: this.#packError(thrown) })
        }
      },
      (thrown: unknown) => this.#post({ t: 'settle', id, error: this.#packError(thrown) }),
    )
  }

  /** Held weakly: a signal that nobody reaches any more cannot abort. */
  #watch(id: Count, signal: AbortSignal): void {
    const ref = new WeakRef(signal)
    const abort = (event: Event): void => {
      if (!this.#forget(id)) return
      this.#post({ t: 'abort', id, why: this.#packError((event.target as AbortSignal).reason) })
    }
    const off = (): void => ref.deref()?.removeEventListener('abort', abort)
    const lasting = signal !== this.#lending
    this.#kept.set(id, { value: ref, kind: 'signal', sent: 1, lasting, off })
    this.#dead.register(signal, id, ref)
    signal.addEventListener('abort', abort, { once: true })
  }

  /** False when it was forgotten before. */
  #forget(id: Count): boolean {
    const kept = this.#kept.get(id)
    if (!kept) return false
    this.#kept.delete(id)
    if (kept.kind === 'signal') this.#dead.unregister(kept.value)
    kept.off?.()
    const value = kept.value instanceof WeakRef ? (kept.value.deref() as object) : kept.value
    if (value) this.#numbers.delete(value)
    return true
  }

  readonly #receiver: Receiver = {
    standIn: (kind, id, methods, atOnce) => {
      const known = this.#standIns.get(id)
      const there = known?.ref.deref()
      if (known && there) {
        known.got++
        return there
      }
      if (this.#standIns.size >= largestTable || this.#promises.size >= largestTable) {
        throw this.#garbage('more functions than may be held')
      }
      const made = this.#make(kind, id, methods, atOnce)
      if (kind !== 'promise') {
        this.#standIns.set(id, { ref: new WeakRef(made), got: 1 })
        this.#gone.register(made, id)
      }
      return made
    },
    kernel: () => this.#options.kernel(),
    clock: () => this.#options.clock(),
    garbage: (what) => this.#garbage(what),
  }

  #free(id: Count): void {
    const known = this.#standIns.get(id)
    if (!known || known.ref.deref()) return
    this.#standIns.delete(id)
    this.#post({ t: 'free', id, count: known.got })
  }

  #make(kind: Kind, id: Count, methods: readonly string[], atOnce: unknown): object {
    switch (kind) {
      case 'function': {
        const made = (...args: readonly unknown[]): unknown => this.#call(id, undefined, args)
        waiting.set(made, (args) => this.#now(id, undefined, args))
        return made
      }
      case 'object': {
        const made: Record<string, unknown> = {}
        const names = Array.isArray(atOnce) ? new Set<unknown>(atOnce.slice(0, 200)) : undefined
        for (const name of methods) {
          // A promise is one by having `then`: what is handed over must not pass for one.
          if (name === 'then' || name === '__proto__') continue
          const now = atOnce === 'all' || names?.has(name)
          // Whoever took a method out of its object holds the object by it: its number must not be freed.
          const method = (...args: readonly unknown[]): unknown => {
            held.add(made)
            return now ? this.#now(id, name, args) : this.#call(id, name, args)
          }
          waiting.set(method, (args) => this.#now(id, name, args))
          Object.defineProperty(made, name, { value: method, enumerable: true })
        }
        return made
      }
      case 'promise': {
        const made = new Promise<unknown>((ok, fail) => this.#promises.set(id, { ok, fail }))
        this.#count()
        return answerOf(this.#lenient(made))
      }
      case 'observable':
        return observable((stream) => this.#subscribe(id, stream))
      case 'iterable':
        return {
          [Symbol.asyncIterator]: () => iterate(this.#call(id, '@@iterate', [])),
        }
      case 'signal': {
        const controller = new AbortController()
        this.#signals.set(id, controller)
        return controller.signal
      }
    }
  }

  #subscribe(of: Count, stream: Stream): () => void {
    if (this.#over) {
      stream.error(this.#over)
      return () => {}
    }
    const id = ++this.#number
    let used = 0
    this.#streams.set(id, {
      ...stream,
      next: (value) => {
        stream.next(value)
        if (++used < streamCredits / 2) return
        this.#post({ t: 'more', id, count: used })
        used = 0
      },
      error: (thrown) => stream.error(thrown),
      complete: () => stream.complete(),
    })
    if (this.#hush) this.#quiet.add(id)
    this.#count()
    this.#post({ t: 'sub', id, of, credits: streamCredits })
    return () => {
      if (!this.#streams.delete(id)) return
      this.#quiet.delete(id)
      this.#count()
      this.#post({ t: 'off', id })
    }
  }
}

/** Runs what was called, as its owner would. */
function run(target: object, kind: Kind, key: unknown, args: readonly unknown[]): unknown {
  if (kind === 'function' && key === undefined) {
    return (target as (...args: readonly unknown[]) => unknown)(...args)
  }
  if (kind === 'iterable' && key === '@@iterate') {
    const iterator = (target as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    return {
      next: () => iterator.next(),
      return: async () => iterator.return?.(),
    }
  }
  if (
    kind !== 'object' ||
    typeof key !== 'string' ||
    key.startsWith('_') ||
    key === 'constructor'
  ) {
    throw new TypeError(`it has no method ${String(key)}`)
  }
  const method = (target as Record<string, unknown>)[key]
  if (typeof method !== 'function' || key in Object.prototype) {
    throw new TypeError(`it has no method ${key}`)
  }
  return (method as (...args: readonly unknown[]) => unknown).apply(target, [...args])
}

const isThenable = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as { then?: unknown }).then === 'function'
