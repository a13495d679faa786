/**
 * One run of a plugin's code in a thread or process of its own, from its import to its end. It is
 * looked at on every beat; one that does not let go, wants too much memory or says what is no frame
 * is ended, and its end says why and what it was at.
 *
 * @module
 */
import type { ActorSystem } from '../../actor/system.ts'
import { systemClock } from '../../clock.ts'
import type { Clock, Timer } from '../../clock.ts'
import { asProvError } from '../../errors.ts'
import type { ProvError } from '../../errors.ts'
import { threadsHeld } from '../../threads.ts'
import type { Bytes, Count, Millis } from '../../units.ts'
import type { FoundPlugin } from '../discover.ts'
import { pluginErrors } from '../errors.ts'
import { frameWindow, longestFrame, longestLine, starvedShare } from './cage.ts'
import type { Cage, CageEnd, Doing, Turn } from './cage.ts'
import { parseDescription } from './description.ts'
import type { Description } from './description.ts'
import { isRecord } from './parcel.ts'
import type { Isolation, IsolationLimits } from './tier.ts'
import { Peer } from './wire.ts'
import type { Frame } from './wire.ts'

/** Calls that are open there at once, of the 50,000 that it takes; more of them wait here. */
const callWindow: Count = 40_000

/** Beats after which a plugin that holds the shared threads is named. */
const heldBeats: Count = 3

/** Who is heard for such a share of so many beats in a row gives way to Prov. */
const loudShare = 0.05
const loudBeats: Count = 2

/** While Prov stops, one that is silent for so long is not waited for. */
const leavingMs: Millis = 2_000

export interface GenerationOptions {
  readonly number: Count
  readonly found: FoundPlugin
  readonly tier: Isolation
  readonly limits: IsolationLimits
  /** What the plugin may see of the environment. */
  readonly env: Readonly<Record<string, string>>
  /** Folders that a sandbox must not show. */
  readonly hidden: readonly string[]
  /** What it reaches of the host, as number 0. */
  readonly root: object
  readonly actors: ActorSystem
  readonly onText: (text: string) => void
  readonly stepped: (batch: Count, answer: Frame) => void
  /** It ended without being asked to. */
  readonly lost: (generation: Generation, error: ProvError, doing: Doing | undefined) => void
  /** Trouble that is no end. */
  readonly odd: (error: ProvError) => void
  /** What it is at, for people. */
  readonly name: (generation: Generation, doing: Doing) => string
}

export class Generation {
  readonly number: Count
  description!: Description
  readonly batches = new Set<Count>()
  /** Effects that run there now, by number. */
  readonly effects = new Map<Count, string>()
  /** Setup runs there now, behind so many batches. */
  settingUp: Count | undefined
  over: ProvError | undefined
  /** What it was at when it ended. */
  lastDoing: Doing | undefined
  peer!: Peer
  readonly #options: GenerationOptions
  #cage!: Cage
  #beat: Timer | undefined
  #clock: Clock = systemClock
  #answered = true
  /** How long it has been silent through no fault of the machine. */
  #silentMs: Millis = 0
  /** The same by beats alone. */
  #quietMs: Millis = 0
  #stallMs: Millis
  /** Memory of this process, and of it this thread's, when it answered last. */
  #seen: Memory = { all: 0, ours: 0 }
  /** The most that this thread had since then. */
  #most: Bytes = 0
  /** At the last look: when it was, what it had waited for a processor by then, how long it was heard. */
  #last: { atMs: Millis; turn: Turn | undefined; heardMs: Millis } = {
    atMs: 0,
    turn: undefined,
    heardMs: 0,
  }
  #asked = false
  #flooded = false
  /** What it says does not count any more. */
  #deaf = false
  /** Beats in a row for much of which it was heard. */
  #loud: Count = 0
  /** Beats in a row at which the shared threads were held and some of them by this one. */
  #held = 0
  #why: ProvError | undefined
  #opened: ((error?: Error) => void) | undefined
  #ended: () => void = () => {}
  readonly #end = new Promise<void>((resolve) => (this.#ended = resolve))

  private constructor(options: GenerationOptions) {
    this.#options = options
    this.number = options.number
    this.#stallMs = options.limits.stallMs
  }

  get mode(): 'worker' | 'process' {
    return this.#cage.mode
  }

  /** Starts a thread or process and imports the plugin there. Throws what refuses it. */
  static async open(options: GenerationOptions): Promise<Generation> {
    const generation = new Generation(options)
    await generation.#open()
    return generation
  }

  async #open(): Promise<void> {
    const { found, tier, limits, env, hidden, root, actors, onText } = this.#options
    const open =
      tier === 'worker'
        ? (await import('./thread.ts')).openThread
        : (await import('./process.ts')).openProcess
    this.#cage = await open({
      found,
      tier,
      limits,
      env,
      hidden,
      onText,
      onFlood: () => void this.#kill(this.#floods('messages', frameWindow)),
      onOversize: (bytes) => void this.#kill(this.#oversized(bytes)),
      onFrame: (frame) => this.#frame(frame),
      onEnd: (end) => this.#over(end),
    })
    const cage = this.#cage
    this.peer = new Peer({
      plugin: found.id,
      root,
      line: { post: (frame) => cage.post(frame), answer: (frame) => cage.answer(frame) },
      kernel: () => actors,
      clock: () => systemClock,
      isKernel: (value) => value === actors || isKernelLike(value),
      isSystemClock: (value) => value === systemClock,
      garbage: (error) => void this.#kill(error),
      lenient: true,
      lost: ({ message: reason }, when) =>
        when === 'under way'
          ? pluginErrors.PROV_PLUGIN_CALL_LOST({ plugin: this.#plugin, reason })
          : pluginErrors.PROV_PLUGIN_DOWN({ plugin: this.#plugin, reason }),
      window: callWindow,
      flood: (error) => this.#options.odd(error),
      other: (frame) => this.#other(frame),
    })
    this.peer.onHeld((held) => this.#hold(held))
    cage.hold(true)
    const opening = new Promise<void>((resolve, reject) => {
      this.#opened = (error) => (error ? reject(error) : resolve())
    })
    const late = this.#clock.after(limits.openMs, () => {
      const { openMs: afterMs } = limits
      const doing = 'its import'
      void this.#kill(pluginErrors.PROV_PLUGIN_STALLED({ plugin: found.id, doing, afterMs }))
    })
    try {
      await opening
    } catch (thrown) {
      this.#asked = true
      await cage.kill()
      throw thrown
    } finally {
      late.cancel()
      this.#hold(false)
    }
    this.#next()
  }

  /** Sends a batch of turns. */
  send(batch: Count, text: string): void {
    this.batches.add(batch)
    this.#hold(true)
    this.#cage.post({ t: 'steps', id: batch, text })
  }

  /** Prov stops: less patience with one that does not let go. */
  hurry(): void {
    this.#stallMs = Math.min(this.#stallMs, leavingMs)
  }

  /** Ends it, because it is not needed any more. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#asked = true
    await this.#cage.kill()
    await this.#end
  }

  #hold(held: boolean): void {
    this.#cage.hold(held || this.batches.size > 0 || this.peer.held)
  }

  #frame(frame: unknown): void {
    if (this.#deaf) return
    if (isRecord(frame) && frame['t'] === 'open' && this.#opened) return this.#describe(frame)
    this.peer.receive(frame)
  }

  #describe(frame: Readonly<Record<string, unknown>>): void {
    const opened = this.#opened
    this.#opened = undefined
    try {
      if ('error' in frame) throw asProvError(this.peer.unpack(frame['error']))
      this.description = parseDescription(this.peer.unpack(frame['description']))
      opened?.()
    } catch (thrown) {
      opened?.(
        thrown instanceof TypeError
          ? pluginErrors.PROV_PLUGIN_GARBAGE({ plugin: this.#plugin, what: thrown.message })
          : asProvError(thrown),
      )
    }
  }

  #other(frame: Frame): void {
    switch (frame.t) {
      case 'pong': {
        this.#answered = true
        this.#holding(Number(frame['holds']))
        if (Number(frame['memory']) > this.#options.limits.memoryBytes) void this.#tooMuch()
        return
      }
      case 'stepped': {
        const batch = frame['id'] as Count
        if (!this.batches.delete(batch)) return
        this.#hold(false)
        return this.#options.stepped(batch, frame)
      }
      case 'unsound':
        // Whatever was under way there is nobody's failure: it is done by the next one.
        this.#deaf = true
        this.lastDoing = { kind: 'effect', a: 0, b: 0, c: 0 }
        return void this.#kill(pluginErrors.PROV_PLUGIN_PATCHES({ plugin: this.#plugin }))
      case 'flood':
        if (!this.#flooded) this.#options.odd(this.#floods('calls that nobody awaits', longestLine))
        this.#flooded = true
        return
      default:
        void this.#kill(
          pluginErrors.PROV_PLUGIN_GARBAGE({
            plugin: this.#plugin,
            what: 'a frame of an unknown kind',
          }),
        )
    }
  }

  // ── looking at it ──────────────────────────────────────────────────────────────────────────────

  /**
   * Beats are counted, not timed: when this thread was busy itself, nobody is blamed for it. Nor is
   * who stands still because what it said is not taken yet, or, for the share of a beat in which it
   * was ready and got no processor, who has to wait: an endless loop gets some of it and is found. On
   * a machine so busy that it takes a minute, all of the time counts in the end.
   */
  #look(): void {
    const { limits } = this.#options
    const memory = this.#cage.memory()
    const now = memoryOr(this.#seen)
    const { heard, starved } = this.#shares()
    this.#loud = heard >= loudShare ? this.#loud + 1 : 0
    if (this.#loud >= loudBeats) this.#cage.giveWay()
    if (memory !== undefined && memory > limits.memoryBytes) return void this.#tooMuch()
    if (this.#answered) {
      this.#answered = false
      this.#silentMs = 0
      this.#quietMs = 0
      this.#seen = now
      this.#most = now.ours
      this.#cage.post({ t: 'ping' })
    } else if (!this.#cage.behind()) {
      this.#silentMs += limits.beatMs * (1 - starved)
      this.#quietMs += limits.beatMs
      // What this thread had meanwhile is not given back at once: its peak counts, not what it has.
      this.#most = Math.max(this.#most, now.ours)
      const grown = now.all - this.#seen.all - (this.#most - this.#seen.ours)
      if (this.#cage.mode === 'worker' && grown > limits.memoryBytes) {
        return void this.#tooMuch()
      }
      const { silentMs } = limits
      if (this.#silentMs >= this.#stallMs || this.#quietMs >= silentMs) {
        const doing = this.#doing()
        const afterMs = this.#silentMs >= this.#stallMs ? this.#stallMs : silentMs
        return void this.#kill(
          pluginErrors.PROV_PLUGIN_STALLED({ plugin: this.#plugin, doing, afterMs }),
        )
      }
    }
    this.#next()
  }

  /** From 0 to 1, of the time since the last look: it was heard; it stood still for want of a processor. */
  #shares(): { readonly heard: number; readonly starved: number } {
    const last = this.#last
    const cage = this.#cage
    const now = { atMs: this.#clock.monotonic(), turn: cage.turn(), heardMs: cage.heardMs() }
    this.#last = now
    const ms = now.atMs - last.atMs
    return {
      heard: (now.heardMs - last.heardMs) / ms,
      starved: starvedShare(last.turn, now.turn, ms),
    }
  }

  #next(): void {
    const { beatMs } = this.#options.limits
    this.#beat = this.#clock.after(beatMs, () => this.#look(), { background: true })
  }

  /** Nobody can take the shared threads back from a plugin; whose they are can be said. */
  #holding(count: Count): void {
    this.#held = threadsHeld() && count > 0 && this.mode === 'worker' ? this.#held + 1 : 0
    if (this.#held !== heldBeats) return
    this.#options.odd(pluginErrors.PROV_PLUGIN_HOLDS_THREADS({ plugin: this.#plugin, count }))
  }

  #floods(what: string, limit: Count): ProvError {
    return pluginErrors.PROV_PLUGIN_FLOODS({ plugin: this.#plugin, what, limit })
  }

  #oversized(bytes: Bytes): ProvError {
    const [plugin, doing] = [this.#plugin, this.#doing()]
    return pluginErrors.PROV_PLUGIN_OVERSIZED({
      plugin,
      doing,
      mb: inMb(bytes),
      limitMb: inMb(longestFrame),
    })
  }

  #tooMuch(): Promise<void> {
    const limitMb = inMb(this.#options.limits.memoryBytes)
    const doing = this.#doing()
    return this.#kill(pluginErrors.PROV_PLUGIN_MEMORY({ plugin: this.#plugin, doing, limitMb }))
  }

  async #kill(why: ProvError): Promise<void> {
    if (this.#why || this.over) return
    this.#why = why
    this.lastDoing ??= this.#cage.doing()
    await this.#cage.kill()
  }

  // ── its end ────────────────────────────────────────────────────────────────────────────────────

  #over({ how, memory }: CageEnd): void {
    this.#beat?.cancel()
    this.lastDoing ??= this.#cage?.doing()
    if (memory && !this.#why) {
      const limitMb = inMb(this.#options.limits.memoryBytes)
      const doing = this.#doing()
      this.#why = pluginErrors.PROV_PLUGIN_MEMORY({ plugin: this.#plugin, doing, limitMb })
    }
    const error =
      this.#why ??
      (this.#asked
        ? pluginErrors.PROV_PLUGIN_DOWN({ plugin: this.#plugin, reason: 'it was stopped' })
        : pluginErrors.PROV_PLUGIN_EXITED({ plugin: this.#plugin, doing: this.#doing(), how }))
    this.over = error
    this.peer?.close(error)
    this.#opened?.(error)
    this.#ended()
    if (!this.#asked && this.#opened === undefined) {
      this.#options.lost(this, error, this.lastDoing)
    }
  }

  #doing(): string {
    const doing = this.lastDoing ?? this.#cage?.doing()
    if (this.#opened) return 'its import'
    if (doing) return this.#options.name(this, doing)
    const [effect] = this.effects.values()
    const [batch] = this.batches
    if (this.settingUp !== undefined && (batch === undefined || batch > this.settingUp)) {
      return 'its setup'
    }
    if (batch !== undefined) {
      return this.#options.name(this, { kind: 'step', a: batch, b: 0, c: 0 })
    }
    return effect === undefined ? 'its own time' : `effect ${effect}`
  }

  get #plugin(): string {
    return this.description?.name ?? this.#options.found.id
  }
}

const inMb = (bytes: Bytes): number => Math.round(bytes / 1024 / 1024)

interface Memory {
  readonly all: Bytes
  /** This thread's own heap and buffers. */
  readonly ours: Bytes
}

/**
 * While a plugin's thread is silent the growth of the process counts against it, since a heap limit
 * does not bound buffers; what grows here is not its doing. Asking takes a file handle, and a plugin
 * in a thread may have taken them all.
 */
function memoryOr(before: Memory): Memory {
  try {
    const { rss, heapTotal, external } = process.memoryUsage()
    return { all: rss, ours: heapTotal + external }
  } catch {
    return before
  }
}

/** Also the kernel as another plugin was given it. */
function isKernelLike(value: object): boolean {
  const { spawn, deadLetters, register } = value as Partial<ActorSystem>
  return [spawn, deadLetters, register].every((one) => typeof one === 'function')
}
