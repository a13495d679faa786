/**
 * A plugin that runs elsewhere, for as long as Prov runs: one generation of its code after the other.
 *
 *     open ─▶ generation 1 ──lost──▶ pause ─▶ generation 2 ─▶ …  too many ends: down
 *                   └──reload──▶ generation 2, watched for a while ──fails──▶ back to 1
 *                                     └──reload──▶ generation 3, watched; 1 still stands by
 *
 * I1  Actors of the plugin go on over the loss of a generation: their steps wait, then run in the
 *     next one; the message that killed is reported as that step's failure.
 * I2  Its life begins anew: `setup` runs again, and whoever holds a service of it holds the new one.
 * I3  Every end that nobody asked for is named, with what the plugin was at.
 *
 * It is one file because which generation runs, and who waits for it, is one state.
 *
 * @module
 */
import type { Address } from '../../actor/address.ts'
import type { ActorEvent, EffectContext } from '../../actor/define.ts'
import type { Group } from '../../actor/groups.ts'
import type { RemoteChild, RemoteKept, RemoteProgram } from '../../actor/program/remote.ts'
import type { ActorState } from '../../actor/state.ts'
import type { ActorSystem } from '../../actor/system.ts'
import { systemClock } from '../../clock.ts'
import type { Timer } from '../../clock.ts'
import { asProvError, errorFrom } from '../../errors.ts'
import type { ErrorReport, ProvError } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Count, Millis } from '../../units.ts'
import type { Plugin, PluginContext } from '../define.ts'
import type { FoundPlugin } from '../discover.ts'
import { pluginErrors } from '../errors.ts'
import type { Doing } from './cage.ts'
import { parseGroup, parseTraits } from './description.ts'
import type { Description } from './description.ts'
import type { Generation } from './generation.ts'
import { askedBy, plainOf } from './host-root.ts'
import { differenceOf, openGeneration } from './opening.ts'
import { relayOf } from './relay.ts'
import { shaped, shapedClock } from './shapes.ts'
import { actorOf, standInOf } from './stand-in.ts'
import { parseEvent, parseJson, parseStep, Steps } from './steps.ts'
import type { Isolation, IsolationLimits } from './tier.ts'

export interface PenOptions {
  readonly found: FoundPlugin
  readonly tier: Exclude<Isolation, 'none'>
  readonly limits: IsolationLimits
  readonly actors: ActorSystem
  readonly env: Readonly<Record<string, string>>
  /** Folders that a sandbox must not show: keys, and what Prov keeps of this workspace. */
  readonly hidden: readonly string[]
  readonly log: (plugin: string) => Log
}

/** How it stands, for `prov plugins`. */
export interface PenRow {
  readonly isolation: Isolation
  readonly state: 'up' | 'restarting' | 'down'
  /** Generations that ended without being asked to. */
  readonly ends: Count
  readonly generation: Count
  /** The newest trouble. */
  readonly trouble?: ErrorReport
}

type Risen = Pick<RemoteKept, 'state' | 'event'>

type AnyContext = PluginContext<Record<string, never>, Record<string, never>, unknown>

interface Setup {
  /** Where it ran last. */
  generation: Generation | undefined
  readonly context: AnyContext
  /** Ends what one run of `setup` began. */
  end: AbortController
  undo: (() => Promise<void> | void)[]
  life: { next(): void; error(thrown: unknown): void; complete(): void } | undefined
  subscription: { unsubscribe(): void } | undefined
  readonly services: Map<string, unknown>
  /** Resolves when `setup` of the generation that runs now is over, well or not. */
  begun: Promise<void>
}

/** Failures of a new generation within this long send it back. */
const probationMs: Millis = 10_000
const probationFailures: Count = 3
const sampleSize: Count = 64

export class Pen {
  readonly plugin: Plugin
  readonly found: FoundPlugin
  readonly #options: PenOptions
  readonly #steps: Steps
  #now: Generation
  #state: PenRow['state'] = 'up'
  #waiting: { ok: (generation: Generation) => void; fail: (error: ProvError) => void }[] = []
  #ends: number[] = []
  #endCount = 0
  #trouble: ProvError | undefined
  #pause: Timer | undefined
  #setup: Setup | undefined
  #rawConfig: { readonly raw: unknown } | undefined
  #effect = 0
  #closed = false
  #leaving = false
  #number = 1
  /** The last generation that stood its probation, while a later one is on it. */
  #before: { readonly generation: Generation; readonly until: Timer } | undefined
  /** One reload after the other; how many were asked for. */
  #reloading: Promise<unknown> = Promise.resolve()
  #reloads: Count = 0
  /** What a reload brings in, until it runs or is given up. */
  #coming: Generation | undefined
  /** One life ends for another one: who is lost meanwhile is seen to when that is over. */
  #changing = false
  #opening: Promise<Generation> | undefined
  /** Counts attempts to start again: one that is overtaken by a reload gives up. */
  #attempt = 0
  readonly #groups = new Map<Address, Group | string>()
  readonly #registered = new Set<string>()

  private constructor(options: PenOptions, first: Generation, steps: Steps) {
    this.#options = options
    this.found = options.found
    this.#now = first
    this.#steps = steps
    this.plugin = standInOf(this, first.description)
    steps.onGarbage = (failure) => this.odd(errorFrom(failure))
    this.#route(first)
  }

  /** Starts a plugin in its own thread or process. Throws what refuses it. */
  static async open(options: PenOptions): Promise<Pen> {
    const steps = new Steps(options.found.id)
    const held: { pen: Pen | undefined } = { pen: undefined }
    const first = await openGeneration(options, 1, steps, () => held.pen)
    held.pen = new Pen(options, first, steps)
    if (first.over) held.pen.#lost(first, first.over, first.lastDoing)
    return held.pen
  }

  get name(): string {
    return this.#now.description.name
  }

  get description(): Description {
    return this.#now.description
  }

  row(): PenRow {
    return {
      isolation: this.#options.tier,
      state: this.#state,
      ends: this.#endCount,
      generation: this.#now.number,
      ...(this.#trouble && { trouble: this.#trouble.toJSON() }),
    }
  }

  /** The generation that runs now, or the next one. Rejects with PROV_PLUGIN_DOWN. */
  generation(): Promise<Generation> {
    if (this.#state === 'up' && !this.#now.over) return Promise.resolve(this.#now)
    if (this.#state === 'down' || this.#closed) return Promise.reject(this.#gone())
    return new Promise((ok, fail) => this.#waiting.push({ ok, fail }))
  }

  async call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    return (await this.generation()).peer.call(method, ...args)
  }

  /** Parses a config where the parser is. Throws what it refuses. */
  async config(raw: unknown): Promise<void> {
    await this.call('config', raw)
    this.#rawConfig = { raw }
  }

  /**
   * Prov is about to stop: what is not there any more is waited for by nobody, it is not started
   * again, and one that does not let go is ended sooner than while it may still be of use.
   */
  leaving(): void {
    if (this.#leaving) return
    this.#leaving = true
    this.#pause?.cancel()
    if (this.#state === 'up' && !this.#now.over) return this.#now.hurry()
    if (!this.#steps.idle) this.#log.warn(`is not waited for: ${this.#gone().message}`)
    this.#refuseAll()
  }

  #refuseAll(): void {
    this.#state = 'down'
    this.#steps.down(this.#gone())
    for (const { fail } of this.#waiting.splice(0)) fail(this.#gone())
  }

  /** Ends everything. Steps that still wait are refused. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#pause?.cancel()
    this.#before?.until.cancel()
    const all = [this.#now, this.#before?.generation]
    this.#before = undefined
    this.#refuseAll()
    await Promise.all(all.map(async (generation) => generation?.end()))
    const late = await this.#opening?.catch(() => undefined)
    await late?.end()
  }

  #gone(): ProvError {
    const reason = this.#trouble?.message ?? 'it was stopped'
    return pluginErrors.PROV_PLUGIN_DOWN({ plugin: this.name, reason })
  }

  // ── actors ─────────────────────────────────────────────────────────────────────────────────────

  /** Which group it said that an actor is in; asked once, when the kernel takes the actor up. */
  groupOf(address: Address): Group | string | undefined {
    const group = this.#groups.get(address)
    this.#groups.delete(address)
    return group
  }

  /** Behaviour of an actor type of this plugin. */
  remote(type: string): RemoteProgram {
    const parsed = <T>(parse: () => T): T => {
      try {
        return parse()
      } catch (thrown) {
        const error = this.#garbage((thrown as Error).message)
        this.odd(error)
        throw error
      }
    }
    const belongs = (address: Address, raw: unknown): void => {
      const group = parsed(() => parseGroup(raw))
      if (group !== undefined) this.#groups.set(address, group)
    }
    return {
      mode: this.#options.tier === 'worker' ? 'worker' : 'process',
      start: async ({ address, input, sequence, nowMs }) => {
        const text = await this.#steady('start', address, input, sequence, nowMs)
        const raw = parsed(() => parseJson(String(text)))
        const step = parsed(() => parseStep(raw))
        belongs(address, (raw as { readonly group?: unknown }).group)
        return step
      },
      turn: (request) => this.#steps.turn(request),
      climb: async (kept) => {
        const garbage = (what: string) => this.#garbage(what)
        const next = plainOf(await this.#steady('climb', kept), garbage)
        const { state, event } = Object(next) as Risen
        parsed(() => parseStep({ state, tags: [], asked: [], beside: [], logs: [] }))
        return { state, ...(kept.event && { event: parsed(() => parseEvent(event)) }) }
      },
      upcast: async (event, version, address) => {
        const next = await this.#steady('upcast', event, version, address)
        const plain = plainOf(next, (what) => this.#garbage(what))
        return parsed(() => parseEvent(plain))
      },
      restore: async (state, address) =>
        belongs(address, await this.#steady('restore', type, state, address)),
      child: (child) => this.#child(child),
    }
  }

  /** As an effect: one that is lost with its generation begins once more, unless it was the culprit. */
  async #child({ parent, asked, signal, clock, hear, mail }: RemoteChild): Promise<void> {
    const name = `child ${asked.id}`
    await this.#alive(`${name} of ${parent}`, name, signal, (generation, n) => {
      // What is sent to one that is lost meanwhile is lost with it, as with a crash.
      const taking = (take: (event: ActorEvent) => unknown): void => {
        mail((event) => void Promise.resolve(take(event)).catch(() => {}))
      }
      const given = [n, parent, asked, signal, shapedClock(clock), hear, taking]
      return generation.peer.call('child', ...given)
    })
  }

  /** A pure call: tried again once when the generation was lost for another reason. */
  async #steady(method: string, ...args: readonly unknown[]): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const generation = await this.generation()
      try {
        return await generation.peer.call(method, ...args)
      } catch (thrown) {
        const { over, lastDoing } = generation
        const { code } = thrown as { code?: unknown }
        // It lives and does not know what it told of itself: somebody changed what it stands on.
        if (!over && code === 'PROV_PLUGIN_DOWN') this.odd(asProvError(thrown))
        const own = lastDoing === undefined || lastDoing.kind === 'call'
        if (!over || thrown !== over || own || tries >= 3) throw thrown
      }
    }
  }

  /**
   * Runs an effect there. One that is lost with its generation runs once more under the same id, as
   * after any crash; the one that ended its generation does not.
   */
  async effect(
    type: string,
    name: string,
    params: unknown,
    context: EffectContext,
  ): Promise<JsonValue | void> {
    const { id, self, signal, clock } = context
    const ask = askedBy(
      (...asked) => context.ask(...asked),
      (what) => this.#garbage(what),
    )
    const output = await this.#alive(`${name} of ${self}`, name, signal, (generation, n) => {
      const asked = [n, type, name, params, id, self, signal, shapedClock(clock), ask]
      return generation.peer.call('effect', ...asked)
    })
    return output === undefined ? output : plainOf(output, (what) => this.#garbage(what))
  }

  /** What is lost with its generation is done once more; the one that ended its generation is not. */
  async #alive(
    what: string,
    name: string,
    signal: AbortSignal,
    act: (generation: Generation, n: Count) => Promise<unknown>,
  ): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const generation = await this.generation()
      const n = ++this.#effect
      generation.effects.set(n, what)
      try {
        return await act(generation, n)
      } catch (thrown) {
        const { over, lastDoing } = generation
        if (!over || thrown !== over) throw thrown
        const own = lastDoing?.kind === 'effect' && lastDoing.a === n
        if (own || tries >= 2 || signal.aborted || this.#closed) {
          const reason = over.message
          throw pluginErrors.PROV_PLUGIN_EFFECT_LOST({ plugin: this.name, effect: name, reason })
        }
      } finally {
        generation.effects.delete(n)
        generation.peer.calm(signal)
      }
    }
  }

  #garbage(what: string): ProvError {
    return pluginErrors.PROV_PLUGIN_GARBAGE({ plugin: this.name, what })
  }

  /** Not an end, but trouble that a person should see. */
  odd(error: ProvError): void {
    this.#trouble = error
    this.#log.error(error.message, { code: error.code })
  }

  /** A type that the plugin told of after its start. */
  async register(raw: unknown): Promise<void> {
    const traits = parseTraits(raw, 'an actor type')
    const { type } = traits
    // Another generation of the same code: the kernel knows it already, and asks us for its steps.
    if (this.#registered.has(type)) return
    const options = { owner: this.name }
    await this.#options.actors.registerRemote(actorOf(this, traits), this.remote(type), options)
    this.#registered.add(type)
  }

  // ── its life ───────────────────────────────────────────────────────────────────────────────────

  /** `setup` of the stand-in: runs it there, and again in every later generation. */
  async setup(context: AnyContext): Promise<unknown> {
    const setup: Setup = {
      generation: undefined,
      context,
      end: new AbortController(),
      undo: [],
      life: undefined,
      subscription: undefined,
      services: new Map(),
      begun: Promise.resolve(),
    }
    context.signal.addEventListener('abort', () => setup.end.abort(), { once: true })
    context.defer(() => this.#undo(setup))
    const stream = await this.#first(setup)
    const began = setup.generation as Generation
    this.#setup = setup
    return {
      subscribe: (life: NonNullable<Setup['life']>) => {
        setup.life = life
        this.#follow(setup, began, stream)
        return { unsubscribe: () => setup.subscription?.unsubscribe() }
      },
    }
  }

  /** Its thread may end meanwhile by something else, as what is owed since the last start. */
  async #first(setup: Setup): Promise<unknown> {
    for (let tries = 1; ; tries++) {
      const generation = await this.generation()
      try {
        return await this.#begin(generation, setup)
      } catch (thrown) {
        const { over, lastDoing } = generation
        if (!over || thrown !== over || lastDoing?.kind === 'setup' || tries >= 3) throw thrown
      }
    }
  }

  /** One run of `setup` in one generation. */
  async #begin(generation: Generation, setup: Setup): Promise<unknown> {
    const { context } = setup
    const { needs, provides } = generation.description
    const end = new AbortController()
    setup.end = end
    setup.generation = generation
    setup.undo = []
    if (context.signal.aborted) end.abort()
    const given = context.needs as Readonly<Record<string, unknown>>
    generation.settingUp = this.#steps.batches
    let over = (): void => {}
    setup.begun = new Promise((resolve) => (over = resolve))
    try {
      return await generation.peer.call('setup', {
        needs: Object.fromEntries(
          Object.entries(needs).map(([key, { id }]) => [key, shaped(id, given[key])]),
        ),
        provide: (key: string, service: unknown) => {
          if (!Object.hasOwn(provides, key)) return
          const known = setup.services.has(key)
          setup.services.set(key, service)
          if (known) return
          const current = async (): Promise<unknown> => {
            await this.generation()
            await setup.begun
            return setup.services.get(key)
          }
          const provide = context.provide as Readonly<Record<string, (service: unknown) => void>>
          provide[key]?.(relayOf(service, current))
        },
        contributions: (point: string) => context.contributions({ id: String(point) }),
        allStarted: () => context.allStarted(),
        clock: shapedClock(context.clock),
        log: (level: string, text: string, detail?: object) => {
          const say = /^(debug|info|warn|error)$/.test(level) ? (level as keyof Log) : 'info'
          context.log[say](String(text).slice(0, 8_000), detail)
        },
        signal: end.signal,
        defer: (undo: () => Promise<void>) => void setup.undo.push(undo),
        onLost: (listener: (lost: unknown) => Promise<void>) =>
          context.onLost((lost) => {
            if (!generation.over) void Promise.resolve(listener(lost)).catch(() => {})
          }),
      })
    } finally {
      generation.settingUp = undefined
      over()
    }
  }

  /** The stream that setup returned is the life, as in this thread. */
  #follow(setup: Setup, generation: Generation, stream: unknown): void {
    const { subscribe } = Object(stream) as {
      subscribe?: (observer: object) => { unsubscribe(): void }
    }
    // Another one began meanwhile: its life is the plugin's.
    if (setup.generation !== generation) return
    if (stream === undefined || stream === null) return
    if (typeof subscribe !== 'function') {
      return setup.life?.error(
        pluginErrors.PROV_PLUGIN_SHAPE_INVALID({
          plugin: this.name,
          field: 'setup',
          wanted: 'a function that returns an Observable, a promise of one, or nothing',
        }),
      )
    }
    const observer = {
      next: () => setup.life?.next(),
      error: (thrown: unknown) => {
        // The end of a generation is no end of the plugin: the next one begins.
        if (!generation.over) setup.life?.error(thrown)
      },
      complete: () => setup.life?.complete(),
    }
    setup.subscription = generation.peer.quietly(() => subscribe(observer))
  }

  async #undo(setup: Setup): Promise<void> {
    const { generation } = setup
    setup.end.abort()
    // Frames come in order: who answers this has heard of the abort.
    if (generation && !generation.over) await generation.peer.call('calm').catch(() => {})
    for (let undo = setup.undo.pop(); undo; undo = setup.undo.pop()) {
      try {
        await undo()
      } catch (thrown) {
        if (generation?.over) continue
        const { message: reason } = asProvError(thrown)
        setup.context.log.error('a deferred clean-up threw', { reason })
      }
    }
  }

  // ── generations ────────────────────────────────────────────────────────────────────────────────

  #route(generation: Generation): void {
    this.#steps.up((batch, text) => generation.send(batch, text))
    for (const { ok } of this.#waiting.splice(0)) ok(generation)
  }

  /** Called by a generation that ended by itself. */
  ended(generation: Generation, error: ProvError, doing: Doing | undefined): void {
    this.#lost(generation, error, doing)
  }

  #lost(generation: Generation, error: ProvError, doing: Doing | undefined): void {
    if (this.#closed) return
    this.#say(error)
    if (this.#before?.generation === generation) {
      // The old one, on its way out.
      this.#before.until.cancel()
      this.#before = undefined
      this.#steps.lost(generation.batches, error, doing)
      return
    }
    if (generation !== this.#now) return
    this.#steps.pause()
    this.#steps.lost(generation.batches, error, doing)
    if (this.#leaving) return this.#refuseAll()
    if (!this.#changing) this.#fell(error)
  }

  /** What follows when the one that runs is lost. */
  #fell(error: ProvError): void {
    if (this.#before) return void this.#rollBack(error)
    const setup = this.#setup
    setup?.end.abort()
    if (setup) setup.undo = []
    this.#retry(error)
  }

  /** Another one after a pause, unless there were too many. */
  #retry(error: ProvError): void {
    this.#state = 'restarting'
    const { limits } = this.#options
    const now = systemClock.monotonic()
    this.#ends = [...this.#ends.filter((at) => now - at < limits.withinMs), now]
    if (this.#ends.length > limits.ends) return this.#giveUp(error)
    this.#later()
  }

  #later(): void {
    const pauseMs = Math.min(this.#options.limits.pauseMs, 100 * 2 ** (this.#ends.length - 1))
    this.#pause = systemClock.after(pauseMs, () => void this.#again())
  }

  async #again(): Promise<void> {
    const attempt = ++this.#attempt
    const overtaken = (): boolean => this.#closed || this.#leaving || attempt !== this.#attempt
    let next: Generation
    try {
      this.#opening = this.#open()
      next = await this.#opening
    } catch (thrown) {
      if (overtaken()) return
      const error = asProvError(thrown)
      this.#say(error)
      return this.#retry(error)
    }
    if (overtaken()) return next.end()
    this.#now = next
    this.#state = 'up'
    if (next.over) return this.#lost(next, next.over, next.lastDoing)
    this.#route(next)
    const setup = this.#setup
    try {
      if (setup && !setup.context.signal.aborted) {
        this.#follow(setup, next, await this.#begin(next, setup))
      }
      this.#log.info(`runs again, as generation ${next.number}`)
    } catch (thrown) {
      // One that was lost during its setup, or gave way to a reload, is followed by the next one.
      if (this.#closed || next.over || setup?.generation !== next) return
      const error = asProvError(thrown)
      this.#say(error)
      setup?.life?.error(error)
    }
  }

  /** Steps wait: an actor must not suffer for a plugin that can still be mended and reloaded. */
  #giveUp(error: ProvError): void {
    this.#state = 'down'
    this.#trouble = error
    for (const { fail } of this.#waiting.splice(0)) fail(this.#gone())
    this.#log.error(`is not started again: ${error.message}`, { code: error.code })
    this.#setup?.life?.error(error)
  }

  async #open(options: Partial<PenOptions> = {}): Promise<Generation> {
    const all = { ...this.#options, ...options }
    const number = ++this.#number
    const next = await openGeneration(all, number, this.#steps, () => this)
    try {
      const wrong = differenceOf(this.#now.description, next.description)
      if (wrong !== undefined) throw this.#refused(`${wrong} is another one now`)
      if (this.#rawConfig) await next.peer.call('config', this.#rawConfig.raw)
      return next
    } catch (thrown) {
      await next.end()
      throw thrown
    }
  }

  #refused(reason: string): ProvError {
    return pluginErrors.PROV_PLUGIN_RELOAD_FAILED({ plugin: this.name, reason })
  }

  #say(error: ProvError): void {
    this.#trouble = error
    this.#endCount++
    this.#log.error(error.message, { code: error.code })
  }

  get #log(): Log {
    return this.#options.log(this.name)
  }

  // ── reload ─────────────────────────────────────────────────────────────────────────────────────

  /**
   * Brings in the code as it lies there now. The new generation is checked against a sample of live
   * states, its `setup` runs, then steps go there, each actor at the border between two messages.
   * Who stood its probation last stays until the new one stood its own. A mend waits neither for that
   * nor for a reload that is under way, which gives up. Throws PROV_PLUGIN_RELOAD_FAILED; then the
   * old one goes on as if nothing had been.
   */
  reload(): Promise<{ readonly generation: Count; readonly checked: Count }> {
    const reload = ++this.#reloads
    void this.#coming?.end()
    const done = this.#reloading.then(() => this.#bringIn(() => reload !== this.#reloads))
    this.#reloading = done.catch(() => {})
    return done
  }

  async #bringIn(
    overtaken: () => boolean,
  ): Promise<{ readonly generation: Count; readonly checked: Count }> {
    const refused = (thrown: unknown): ProvError =>
      this.#refused(overtaken() ? 'a later reload came in its place' : asProvError(thrown).message)
    if (overtaken() || this.#closed || this.#leaving) throw refused(this.#gone())
    this.#opening = this.#open()
    const next = await this.#opening.catch((thrown: unknown) => {
      throw refused(thrown)
    })
    this.#coming = next
    let old: Generation | undefined
    let checked = 0
    try {
      if (overtaken()) throw this.#gone()
      checked = await this.#check(next)
      this.#pause?.cancel()
      this.#attempt++
      this.#changing = true
      old = this.#state === 'up' && !this.#now.over ? this.#now : undefined
      if (this.#setup && !this.#setup.context.signal.aborted) await this.#exchange(old, next)
      if (this.#closed || this.#leaving) throw this.#gone()
      if (next.over) throw next.over
    } catch (thrown) {
      const goesOn = this.#changing && !this.#closed && !this.#leaving
      this.#changing = false
      if (goesOn && old?.over) this.#fell(old.over)
      else if (goesOn && this.#state === 'restarting') this.#later()
      await next.end()
      throw refused(thrown)
    } finally {
      this.#changing = false
      this.#coming = undefined
    }
    this.#now = next
    this.#state = 'up'
    this.#ends = []
    this.#trouble = undefined
    this.#route(next)
    const proven = this.#before?.generation
    if (proven && old) void this.#dismiss(old)
    this.#probation(proven ?? (old?.over ? undefined : old))
    return { generation: next.number, checked }
  }

  /** Ends one that another one stands in for, which does what was still under way there. */
  async #dismiss(generation: Generation): Promise<void> {
    await generation.end()
    this.#steps.back(generation.batches)
  }

  /** States of living actors, as far as they are shown, read by the new code. */
  async #check(next: Generation): Promise<Count> {
    let checked = 0
    for (const { type } of Object.values(next.description.actors)) {
      const rows = this.#options.actors.list({ type }).slice(0, sampleSize)
      for (const { address, status } of rows) {
        if (status !== 'active' && status !== 'parked') continue
        const snapshot = this.#options.actors.ref(address)?.snapshot()
        if (!snapshot) continue
        const { value, context } = snapshot
        const state = { value, context, status: 'active' } as unknown as ActorState
        await next.peer.call('restore', type, state, address)
        checked++
      }
    }
    return checked
  }

  /** One life ends, the next one begins; when it does not, the old one begins again. */
  async #exchange(old: Generation | undefined, next: Generation): Promise<void> {
    const setup = this.#setup as Setup
    setup.subscription?.unsubscribe()
    setup.subscription = undefined
    await this.#undo(setup)
    try {
      this.#follow(setup, next, await this.#begin(next, setup))
    } catch (thrown) {
      // Another one began meanwhile, and undoes what this one did.
      if (setup.generation !== next) throw thrown
      await this.#undo(setup)
      if (old && !old.over) this.#follow(setup, old, await this.#begin(old, setup))
      throw thrown
    }
  }

  #probation(old: Generation | undefined): void {
    this.#before?.until.cancel()
    this.#before = undefined
    this.#steps.onFailure = () => {}
    if (!old) return
    let failures = 0
    this.#steps.onFailure = (failure) => {
      if (++failures < probationFailures || !this.#before || this.#changing) return
      const { code, message } = failure
      void this.#rollBack(this.#refused(`${failures} steps failed in it (${code}: ${message})`))
    }
    const until = systemClock.after(
      probationMs,
      () => {
        this.#before = undefined
        this.#steps.onFailure = () => {}
        void this.#dismiss(old)
      },
      { background: true },
    )
    this.#before = { generation: old, until }
  }

  async #rollBack(why: ProvError): Promise<void> {
    const before = this.#before
    if (!before) return
    this.#before = undefined
    before.until.cancel()
    this.#steps.onFailure = () => {}
    const bad = this.#now
    this.#now = before.generation
    this.#state = 'up'
    this.#trouble = this.#refused(why.message)
    this.#log.error(this.#trouble.message, { code: this.#trouble.code })
    this.#route(before.generation)
    try {
      if (this.#setup && !this.#setup.context.signal.aborted) {
        await this.#exchange(undefined, before.generation)
      }
    } catch (thrown) {
      if (this.#setup?.generation === before.generation) this.#setup.life?.error(thrown)
    }
    await this.#dismiss(bad)
  }
}
