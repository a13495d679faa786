/**
 * A leadership over any bus's key-value store: who of several processes is the one. It tells who is
 * alive; it does not make anybody stop. What makes a frozen holder harmless is the epoch: it grows
 * with every holder, travels with every claim, and whoever takes a claim refuses an older one.
 *
 *     wait ──seen unchanged for ttl──▶ take (compare-and-set) ──▶ hold ──renew at a third──▶ hold
 *       ▲                                                          │
 *       └──────────── lost: another revision, or ttl without an answer ◀──┘
 *
 * L1  Epochs of one leadership grow strictly, also over a store that lost everything: whoever takes it
 *     names the highest epoch it knows of, from its own journal.
 * L2  A holder stops to call itself one a margin before others may take over, by its own monotonic
 *     clock. Wall clocks decide nothing.
 * L3  A renewal whose outcome is unknown is looked at before anything is concluded.
 * L4  What a holder last said about itself stays in the store until the next one was shown it and was
 *     not against taking over: a witness outside of whoever holds it.
 *
 * @module
 */
import { sleep } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { ProvError } from '../errors.ts'
import { newId } from '../ids.ts'
import type { JsonObject } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { KeyValue } from './bus.ts'
import { busErrors } from './errors.ts'

export interface LeadershipOptions {
  readonly store: KeyValue
  /** Name of the leadership: a key of the store. */
  readonly key: string
  /** Who holds it, for people. */
  readonly holder: string
  /** Life without a renewal. Default 15 s; shorter fails over faster and bears shorter pauses. */
  readonly ttlMs?: Millis | undefined
  /** Highest epoch that the journal of the holder bears. Default 0. */
  readonly knownEpoch?: Count | undefined
  readonly clock: Clock
  /** Ends the waiting, or gives the leadership back. */
  readonly signal: AbortSignal
  /** What each renewal says about the holder. Undefined: what was said last stays. */
  readonly about?: (() => JsonObject | undefined) | undefined
  /**
   * Shown what the last holder said about itself, at first sight and again right before taking over.
   * Throws to refuse; then `lead` rejects with that and nothing was changed.
   */
  readonly admit?: ((about: JsonObject | undefined) => Promise<void>) | undefined
  /** True when the last holder is dead for certain: its life need not be waited for. Default: never. */
  readonly isOver?: ((about: JsonObject | undefined) => Promise<boolean>) | undefined
  /** Called while somebody else holds it, once for each. */
  readonly waiting?: ((holder: string) => void) | undefined
}

export interface Leadership {
  readonly key: string
  /** Grows with each holder. Write it into every claim. */
  readonly epoch: Count
  /** Aborts as soon as the leadership cannot be relied on; its reason is PROV_BUS_FENCED. */
  readonly lost: AbortSignal
  /** False once it is lost, or by the clock as good as lost. Ask before an act, not after. */
  held(): boolean
  /**
   * Resolves once the store said, after this call, that nobody took over, and bears what is to be said
   * about the holder. Calls made meanwhile share the next answer. Throws PROV_BUS_FENCED when it is
   * lost, PROV_BUS_UNAVAILABLE when nobody knows.
   */
  confirm(): Promise<void>
  /** Gives it back, so that the next one need not wait. Idempotent. */
  release(): Promise<void>
}

/** What stands in the store. `epoch` 0: just taken, the revision is its epoch. */
interface Note extends JsonObject {
  readonly holder: string
  readonly nonce: string
  readonly epoch: Count
  readonly floor: Count
  readonly ttlMs: Millis
  readonly free: boolean
  readonly about?: JsonObject
}

/** Who holds a leadership, as others see it. */
export interface LeaderView {
  readonly holder: string
  readonly epoch: Count
  readonly free: boolean
  /** How long it is believed to hold it without a word. */
  readonly ttlMs: Millis
}

const defaultTtlMs: Millis = 15_000

/** Who holds it now, or held it last; undefined when nobody ever did. */
export async function lookAtLeader(store: KeyValue, key: string): Promise<LeaderView | undefined> {
  const found = await store.get(key)
  if (!found) return undefined
  const { holder, free } = found.value as Note
  return {
    holder,
    free,
    ttlMs: noteTtl(found.value as Note),
    epoch: epochOf(found.value as Note, found.revision),
  }
}

/**
 * Waits until the leadership can be had and takes it. Rejects with the signal's reason when that comes
 * first. A store that does not answer is asked again.
 */
export async function lead(options: LeadershipOptions): Promise<Leadership> {
  const { store, key, clock, signal, ttlMs = defaultTtlMs } = options
  const { admit = async () => {}, isOver = async () => false } = options
  let seen: { readonly revision: Count; readonly atMs: Millis; readonly ttlMs: Millis } | undefined
  let shown = false
  let told: string | undefined
  for (;;) {
    signal.throwIfAborted()
    const askedMs = clock.monotonic()
    try {
      const found = await store.get(key)
      const note = found?.value as Note | undefined
      if (!shown) await admit(note?.about)
      shown = true
      if (seen?.revision !== found?.revision) {
        seen = found && { revision: found.revision, atMs: clock.monotonic(), ttlMs: noteTtl(note) }
      }
      // The holder's own life counts, not ours: it may have been promised more.
      const isSilent = seen !== undefined && askedMs - seen.atMs >= seen.ttlMs
      if (!found || !note || note.free || isSilent || (await isOver(note.about))) {
        await admit(note?.about)
        const floor = Math.max(options.knownEpoch ?? 0, found ? epochOf(note, found.revision) : 0)
        const held = await Holding.take(options, found?.revision, floor, note?.about)
        if (held) return held
        seen = undefined
      } else if (note.holder !== told) options.waiting?.((told = note.holder))
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown
    }
    await sleep(clock, ttlMs / 3, signal)
  }
}

class Holding implements Leadership {
  readonly key: string
  readonly epoch: Count
  readonly #options: LeadershipOptions
  readonly #ttlMs: Millis
  readonly #nonce: string
  readonly #lost = new AbortController()
  #revision: Count
  /** Others may take over when this much has passed since the last renewal was asked for. */
  #renewedMs: Millis
  /** The same by the wall clock, which goes on while a machine is suspended. */
  #renewedAtMs: Millis
  #about: JsonObject | undefined
  #ended = false
  #running: Promise<void>
  /** The renewal under way, and the one that whoever asks meanwhile waits for. */
  #renewing: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** One try; undefined when somebody else was faster. */
  static async take(
    options: LeadershipOptions,
    revision: Count | undefined,
    floor: Count,
    before: JsonObject | undefined,
  ): Promise<Holding | undefined> {
    const { store, key, clock } = options
    const nonce = newId('leadership', clock)
    const about = options.about?.() ?? before
    const note = noteOf(options, { nonce, epoch: 0, floor, free: false }, about)
    const [askedMs, askedAtMs] = [clock.monotonic(), clock.now()]
    const taken =
      revision === undefined
        ? await store.create(key, note)
        : await store.update(key, note, revision)
    if (taken === undefined) return undefined
    return new Holding(options, {
      nonce,
      revision: taken,
      epoch: epochOf(note, taken),
      askedMs,
      askedAtMs,
      about,
    })
  }

  constructor(
    options: LeadershipOptions,
    taken: {
      nonce: string
      revision: Count
      epoch: Count
      askedMs: Millis
      askedAtMs: Millis
      about: JsonObject | undefined
    },
  ) {
    this.#options = options
    this.key = options.key
    this.epoch = taken.epoch
    this.#ttlMs = options.ttlMs ?? defaultTtlMs
    this.#nonce = taken.nonce
    this.#revision = taken.revision
    this.#renewedMs = taken.askedMs
    this.#renewedAtMs = taken.askedAtMs
    this.#about = taken.about
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    this.#running = this.#keep()
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  held(): boolean {
    const sinceMs = Math.max(this.#ageMs(), this.#options.clock.now() - this.#renewedAtMs)
    return !this.#ended && !this.lost.aborted && sinceMs < this.#ttlMs - this.#marginMs
  }

  async release(): Promise<void> {
    if (this.#ended) return this.#running
    this.#ended = true
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    if (!this.lost.aborted) this.#lost.abort(this.#fenced(this.epoch))
    await this.#running
    await this.#renewing?.catch(() => {})
    const note = this.#note(true)
    // Nobody minds when it cannot be said: the others wait for its life to end.
    await this.#options.store.update(this.key, note, this.#revision).catch(() => undefined)
  }

  readonly #onAbort = (): void => void this.release()

  /** A sixth of its life: what a check and the act behind it may take, and clocks may differ in pace. */
  get #marginMs(): Millis {
    return this.#ttlMs / 6
  }

  #ageMs(): Millis {
    return this.#options.clock.monotonic() - this.#renewedMs
  }

  async #keep(): Promise<void> {
    const { clock } = this.#options
    for (;;) {
      try {
        await sleep(clock, this.#ttlMs / 3, this.lost)
        if (this.#ageMs() >= this.#ttlMs - this.#marginMs) return this.#lose(undefined)
        await this.confirm()
      } catch (thrown) {
        if (this.#ended || this.lost.aborted) return
        if (!isAway(thrown)) return this.#lose(thrown)
      }
    }
  }

  async confirm(): Promise<void> {
    if (this.lost.aborted) throw this.lost.reason
    if (!this.#renewing) {
      this.#renewing = this.#renew().finally(() => (this.#renewing = undefined))
      return this.#renewing
    }
    // The one under way may have been answered before, and bears what was to be said then.
    this.#next ??= this.#renewing
      .catch(() => {})
      .then(() => {
        this.#next = undefined
        return this.confirm()
      })
    return this.#next
  }

  #note(free: boolean): Note {
    this.#about = this.#options.about?.() ?? this.#about
    const rest = { nonce: this.#nonce, epoch: this.epoch, floor: 0, free }
    return noteOf(this.#options, rest, this.#about)
  }

  async #renew(): Promise<void> {
    const { store, clock } = this.#options
    const [askedMs, askedAtMs] = [clock.monotonic(), clock.now()]
    const note = this.#note(false)
    const renewed = await store.update(this.key, note, this.#revision)
    if (renewed !== undefined) {
      this.#revision = renewed
      this.#renewedMs = askedMs
      this.#renewedAtMs = askedAtMs
      return
    }
    // An earlier renewal may have arrived although its answer did not.
    const found = await store.get(this.key)
    if ((found?.value as Note | undefined)?.nonce !== this.#nonce) {
      this.#lose(undefined, found && epochOf(found.value as Note, found.revision))
      throw this.lost.reason
    }
    this.#revision = (found as { revision: Count }).revision
    return this.#renew()
  }

  #lose(cause: unknown, newest: Count = this.epoch + 1): void {
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    this.#lost.abort(this.#fenced(newest, cause))
  }

  #fenced(newest: Count, cause?: unknown): ProvError {
    const detail = { office: this.key, epoch: this.epoch, newest }
    return busErrors.PROV_BUS_FENCED(detail, { cause })
  }
}

/**
 * The other side of a leadership: what takes claims remembers the newest epoch it saw and refuses older
 * ones. Start it with the newest of its own journal.
 */
export class Fence {
  readonly office: string
  #newest: Count

  constructor(office: string, newest: Count = 0) {
    this.office = office
    this.#newest = newest
  }

  get newest(): Count {
    return this.#newest
  }

  /** Throws PROV_BUS_FENCED when a newer holder was here before. */
  admit(epoch: Count): void {
    if (epoch < this.#newest) {
      throw busErrors.PROV_BUS_FENCED({ office: this.office, epoch, newest: this.#newest })
    }
    this.#newest = epoch
  }
}

function noteOf(
  { holder, ttlMs = defaultTtlMs }: LeadershipOptions,
  rest: Pick<Note, 'nonce' | 'epoch' | 'floor' | 'free'>,
  about: JsonObject | undefined,
): Note {
  return { holder, ttlMs, ...rest, ...(about && { about }) }
}

/** The revision, unless a store began to count anew below what is known. */
function epochOf(note: Note | undefined, revision: Count): Count {
  if (!note) return revision
  return note.epoch > 0 ? note.epoch : Math.max(revision, note.floor + 1)
}

const noteTtl = (note: Note | undefined): Millis => note?.ttlMs ?? defaultTtlMs

/** Nobody knows: not reachable just now. */
function isAway(thrown: unknown): boolean {
  return ProvError.is(thrown) && thrown.code === 'PROV_BUS_UNAVAILABLE'
}
