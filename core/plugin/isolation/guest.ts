/**
 * What runs in a plugin's own thread or process: imports it, says what it is, and does what it is
 * asked. It keeps the plugin's code and nothing of its actors.
 *
 * @module
 */
import type { ActorDef, ActorEvent } from '../../actor/define.ts'
import type { Address } from '../../actor/address.ts'
import type { ActorSystem } from '../../actor/system.ts'
import { systemClock } from '../../clock.ts'
import type { Clock } from '../../clock.ts'
import { asProvError } from '../../errors.ts'
import type { RemoteChild, RemoteKept } from '../../actor/program/remote.ts'
import type { Log } from '../../log.ts'
import type { Count, Millis } from '../../units.ts'
import { fingerprint } from '../../actor/versions.ts'
import { checkPlugin } from '../check.ts'
import type { LostNeed, Plugin, PluginContext } from '../define.ts'
import type { FoundPlugin } from '../discover.ts'
import { handlesOf } from '../handles.ts'
import { importPlugin } from '../import.ts'
import type { Route, RouteRequest } from '../route.ts'
import { longestLine } from './cage.ts'
import type { Doing } from './cage.ts'
import { canary } from './canary.ts'
import { askBy, guestKernel } from './guest-kernel.ts'
import { GuestSteps } from './guest-steps.ts'
import { callNow, Peer } from './wire.ts'
import type { Frame, Line } from './wire.ts'

export type GuestPlugin = Pick<FoundPlugin, 'id' | 'entry' | 'source'>

export interface GuestOptions {
  /** Of what holds the shared threads, as much as Node does not count. Default: none. */
  readonly holding?: () => Count
  readonly found: GuestPlugin
  readonly line: Line
  readonly listen: (take: (frame: unknown) => void) => void
  /** Shows those outside what is being done now. */
  readonly mark: (kind: Doing['kind'], a: Count, b: Count, c: Count) => void
}

/** What `setup` is called with across the wall: functions of the host, and data. */
export interface RawContext {
  readonly needs: Readonly<Record<string, unknown>>
  readonly provide: (key: string, service: unknown) => void
  readonly contributions: (point: string) => unknown
  readonly allStarted: () => Promise<void>
  readonly clock: Clock
  readonly log: (level: keyof Log, text: string, detail?: object) => void
  readonly signal: AbortSignal
  readonly defer: (undo: () => Promise<void> | void) => void
  readonly onLost: (listener: (lost: LostNeed) => void) => void
}

/** As it was before any plugin came. */
const inNextTurn = setImmediate

/** Calls that are open at the host; it takes 1024. More of them wait here, in the plugin's own memory. */
const callWindow: Count = 1_000

/** Serves until its thread ends. */
export async function guest(options: GuestOptions): Promise<void> {
  const { found, line, listen, mark, holding = () => 0 } = options
  const bird = canary()
  /** A failure is the plugin's own, unless what all of us stand on is another one now. */
  const look = (well = bird.steps()): boolean => {
    if (!well) line.post({ t: 'unsound' })
    return well
  }
  let shown = 0
  const show: GuestOptions['mark'] = (...doing) => {
    shown++
    mark(...doing)
  }
  /** Shown until the event loop goes on: a loop of promises that it left is still its own. */
  const over = (then = (): void => {}): void => {
    const now = shown
    inNextTurn(() => {
      if (now === shown) mark('nothing', 0, 0, 0)
      then()
    })
  }
  const at = <T>(kind: Doing['kind'], a: Count, work: () => T): T => {
    show(kind, a, 0, 0)
    try {
      return work()
    } catch (thrown) {
      look()
      throw thrown
    } finally {
      over()
    }
  }
  let plugin: Plugin | undefined
  let config: unknown
  let steps: GuestSteps | undefined
  const known = (): Plugin => plugin as Plugin
  const known$ = (): GuestSteps => steps as GuestSteps

  const root = {
    config(raw: unknown): void {
      config = known().config?.(raw)
    },
    /** Answers when everything before it was heard. */
    calm: (): void => {},
    setup: (raw: RawContext) => at('setup', 0, () => known().setup?.(contextOf(raw) as never)),
    effect: (
      n: Count,
      type: string,
      name: string,
      params: unknown,
      id: string,
      self: Address,
      signal: AbortSignal,
      clock: Clock,
      ask: (...asked: readonly unknown[]) => unknown,
    ) =>
      at('effect', n, () => {
        const handler = known$().get(type)?.effects[name]
        if (!handler) throw new Error(`no effect is called ${name} any more`)
        return handler(params as never, { signal, id, self, clock, ask: askBy(peer, ask) })
      }),
    child: (
      n: Count,
      parent: Address,
      asked: RemoteChild['asked'],
      signal: AbortSignal,
      clock: Clock,
      hear: RemoteChild['hear'],
      mail: RemoteChild['mail'],
    ) => at('effect', n, () => known$().child({ parent, asked, signal, clock, hear, mail })),
    start: (address: Address, input: unknown, sequence: Count, nowMs: Millis) =>
      at('call', 0, () => known$().start(address, input, sequence, nowMs)),
    /** Says which group the actor is in. */
    restore: (type: string, state: unknown, address: Address) =>
      at('call', 0, () => {
        known$()
          .program(type)
          .restore(state as never)
        try {
          return known$().group(address)
        } catch {
          // Whoever cannot say where an actor belongs leaves it alone, as in this thread.
          return undefined
        }
      }),
    climb: (kept: RemoteKept) => at('call', 0, () => known$().climb(kept)),
    upcast: (event: ActorEvent, version: Count, address: string) =>
      at('call', 0, () => known$().upcast(event, version, address)),
    async read(name: string, args: Readonly<Record<string, unknown>>, context: unknown) {
      const model = (await known().reads?.[name]?.())?.read
      if (!model) throw new Error(`no read model is called ${name} any more`)
      const parsed = model.args ? model.args(args) : args
      return at('call', 0, () => model.run(parsed as never, context as never))
    },
    async route(name: string, request: RouteRequest, context: Record<string, unknown>) {
      const load = (known().routes as Record<string, () => Promise<{ route: Route }>>)?.[name]
      if (!load) throw new Error(`no route is called ${name} any more`)
      const { route } = await load()
      const service = (ref: { readonly id: string }) => callNow(context['service'], ref.id)
      return at('call', 0, () => route.handle(request, { ...context, service } as never))
    },
    async routeOf(name: string) {
      const load = (known().routes as Record<string, () => Promise<{ route: Route }>>)?.[name]
      return (await load?.())?.route.describe
    },
    async readOf(name: string) {
      return (await known().reads?.[name]?.())?.read.describe
    },
  }

  const peer = new Peer({
    line,
    plugin: found.id,
    root,
    kernel: () => kernel,
    clock: () => systemClock,
    isKernel: (value) => value === kernel,
    isSystemClock: (value) => value === systemClock,
    garbage: () => void look(),
    openCalls: 50_000,
    window: callWindow,
    waiting: longestLine,
    flood: () => line.post({ t: 'flood' }),
    other(frame: Frame) {
      if (frame.t !== 'steps') return
      const batch = frame['id'] as Count
      show('step', batch, 0, 0)
      let answer: Frame
      const { failures } = known$()
      try {
        answer = { t: 'stepped', id: batch, text: known$().run(batch, String(frame['text'])) }
      } catch (thrown) {
        answer = { t: 'stepped', id: batch, error: asProvError(thrown).message }
      }
      // Nobody's step failed: the next thread does it.
      if (known$().failures > failures && !look()) return
      // Behind what the steps left to promises: when that never ends it is these that are not answered.
      over(() => line.post(answer))
    },
  })
  const kernel: ActorSystem = guestKernel({
    peer,
    plugin: () => plugin?.name ?? found.id,
    introduce(def) {
      known$().add(def)
      return traitsOf(def)
    },
  })

  const contextOf = (raw: RawContext): PluginContext<never, never, unknown> => {
    const { name, actors = {}, provides = {} } = known()
    const logAt =
      (level: keyof Log) =>
      (text: string, detail?: object): void =>
        void Promise.resolve(raw.log(level, String(text), detail)).catch(() => {})
    const log: Log = {
      debug: logAt('debug'),
      info: logAt('info'),
      warn: logAt('warn'),
      error: logAt('error'),
    }
    const handles = new Map(
      Object.entries(actors).map(([key, def]) => [key, handlesOf(def, kernel, log)]),
    )
    return {
      name,
      config,
      needs: raw.needs as never,
      actors: new Proxy(kernel, {
        get: (target, key) => handles.get(key as string) ?? (Reflect.get(target, key) as unknown),
      }) as never,
      provide: Object.fromEntries(
        Object.keys(provides).map((key) => [
          key,
          (service: unknown) => void callNow(raw.provide, key, service),
        ]),
      ) as never,
      contributions: (point) => callNow(raw.contributions, point.id) as never,
      allStarted: async () => {
        await raw.allStarted()
      },
      clock: raw.clock,
      log,
      signal: raw.signal,
      defer: (undo) => void callNow(raw.defer, undo),
      onLost: (listener) => void callNow(raw.onLost, listener),
    }
  }

  mark('import', 0, 0, 0)
  try {
    plugin = await importPlugin(found as FoundPlugin)
    checkPlugin(plugin)
    steps = new GuestSteps(plugin.name, (batch, turn, message) =>
      show('step', batch, turn, message),
    )
    for (const def of Object.values(plugin.actors ?? {})) steps.add(def)
    const opened = { t: 'open', description: peer.pack(descriptionOf(plugin)) }
    mark('nothing', 0, 0, 0)
    listen((frame) => {
      // Before anything that the plugin might have changed under us.
      if ((frame as Frame).t !== 'ping') return peer.receive(frame)
      if (look(bird.steps() && bird.promises()))
        line.post({ t: 'pong', memory: memoryOf(), holds: holds() + holding() })
    })
    line.post(opened)
  } catch (thrown) {
    line.post({ t: 'open', error: peer.pack(asProvError(thrown)) })
  }
}

/** Reads, writes and lookups that this thread has begun and that are not over. */
function holds(): Count {
  return process.getActiveResourcesInfo().filter((kind) => /^(FSReq|GetAddrInfo)/.test(kind)).length
}

/** What of this thread's memory no heap limit bounds. */
function memoryOf(): number {
  const { external, arrayBuffers } = process.memoryUsage()
  return Math.max(external, arrayBuffers)
}

function descriptionOf(plugin: Plugin) {
  const refs = (table: Plugin['needs']) =>
    Object.fromEntries(
      Object.entries(table ?? {}).map(([key, { id, guarded }]) => [
        key,
        { id, ...(guarded && { guarded }) },
      ]),
    )
  return {
    name: plugin.name,
    api: plugin.api,
    describe: plugin.describe,
    needs: refs(plugin.needs),
    provides: refs(plugin.provides),
    config: plugin.config !== undefined,
    setup: plugin.setup !== undefined,
    actors: Object.fromEntries(
      Object.entries(plugin.actors ?? {}).map(([key, def]) => [key, traitsOf(def)]),
    ),
    reads: Object.keys(plugin.reads ?? {}),
    routes: Object.keys(plugin.routes ?? {}),
    contributes: (plugin.contributes ?? []).map(({ point, name, value }) => ({
      point,
      name,
      value,
    })),
    errors: Object.fromEntries(
      Object.entries(plugin.errors ?? {}).map(([code, { disposition }]) => [code, { disposition }]),
    ),
  }
}

const ownTraits = new Set(
  'type version machine durability mailbox supervision effects records migrate upcast children ~types'.split(
    ' ',
  ),
)

/** Of a definition what the kernel needs to know; whatever else is data goes along. */
function traitsOf(def: ActorDef) {
  const more = Object.entries(def).filter(([key, value]) => !ownTraits.has(key) && isData(value))
  // The kernel finds them by their types, which the plugin gives under `actors` as well.
  const children = Object.fromEntries(
    Object.entries(def.children).map(([name, { type }]) => [name, type]),
  )
  return {
    type: def.type,
    version: def.version,
    durability: def.durability,
    mailbox: dataOf(def.mailbox),
    supervision: dataOf(def.supervision),
    grouped: typeof def.supervision.group === 'function',
    effects: Object.keys(def.effects),
    records: Object.keys(def.records),
    migrate: Object.keys(def.migrate).map(Number),
    more: { ...Object.fromEntries(more), children, fingerprint: fingerprint(def.machine) },
  }
}

const dataOf = (policy: object) =>
  Object.fromEntries(Object.entries(policy).filter(([, value]) => isData(value)))

function isData(value: unknown): boolean {
  try {
    return value !== undefined && JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}
