/**
 * What a plugin elsewhere reaches of the kernel. Everything that comes is data of a stranger: it is
 * looked at before the kernel sees it.
 *
 * @module
 */
import { parseAddress } from '../../actor/address.ts'
import type { Address } from '../../actor/address.ts'
import type { ActorDef, ActorEvent } from '../../actor/define.ts'
import type { ActorSnapshot, ActorSystem, Sent, WatchEvent } from '../../actor/system.ts'
import { coreErrors } from '../../errors.ts'
import type { JsonValue } from '../../json.ts'
import { pluginErrors } from '../errors.ts'
import { parseJson } from './steps.ts'

export interface HostRootOptions {
  readonly plugin: () => string
  readonly actors: () => ActorSystem
  /** Registers a type that the plugin told of after its start. */
  readonly register: (traits: unknown) => Promise<void>
}

const beside: ReadonlySet<unknown> = new Set(['replay', 'tap'])

/** Text of one event or input that crosses; the journal takes no more either. */
const longestEvent = 1_048_576

export function hostRoot({ plugin, actors, register }: HostRootOptions): object {
  let registering = Promise.resolve()
  const garbage = (what: string) => pluginErrors.PROV_PLUGIN_GARBAGE({ plugin: plugin(), what })
  const addressOf = (raw: unknown): Address => {
    if (typeof raw !== 'string') throw garbage('no address')
    const { type, id } = parseAddress(raw)
    return `${type}/${id}`
  }
  const eventOf = (raw: unknown): ActorEvent => plainOf(raw, garbage) as never
  const refOf = (raw: unknown) => {
    const address = addressOf(raw)
    const ref = actors().ref(address)
    if (!ref) throw coreErrors.PROV_INTERNAL({ what: `there is no actor ${address}` })
    return ref
  }
  return {
    /** Answers at once, as in this thread; who uses the type meanwhile waits, and hears of a refusal. */
    register(traits: unknown): void {
      registering = registering.then(() => register(traits))
      registering.catch(() => {})
    },
    async spawn(type: unknown, id: unknown, input: unknown) {
      await registering
      const def = { type: String(type) } as ActorDef
      const given = input === undefined ? undefined : plainOf(input, garbage)
      const ref = await actors().spawn(def, String(id), given)
      return ref.address
    },
    exists: (address: unknown) => actors().ref(addressOf(address)) !== undefined,
    /** Never throws, as in this thread. */
    send(address: unknown, event: unknown): Sent {
      try {
        return actors().send(String(address).slice(0, 600) as Address, eventOf(event))
      } catch {
        return { accepted: false, reason: 'invalid' }
      }
    },
    async apply(address: unknown, event: unknown, options: unknown) {
      return snapshotOf(await refOf(address).apply(eventOf(event), optionsOf(options)))
    },
    snapshot: (address: unknown) => snapshotOf(refOf(address).snapshot()),
    changes(address: unknown, listener: unknown) {
      if (typeof listener !== 'function') throw garbage('a listener that is none')
      // One at a time, the newest: a listener far away must not be a queue here.
      let newest: ActorSnapshot | undefined
      let busy = false
      const tell = async (snapshot: ActorSnapshot): Promise<void> => {
        newest = snapshot
        if (busy) return
        busy = true
        for (;;) {
          const next: ActorSnapshot | undefined = newest
          if (!next) break
          newest = undefined
          try {
            await (listener as (one: unknown) => unknown)(snapshotOf(next))
          } catch {
            // It threw there, or there is no there any more.
          }
        }
        busy = false
      }
      return refOf(address).changes((snapshot) => void tell(snapshot))
    },
    ask: askedBy((...asked) => actors().ask(...asked), garbage),
    watch(address: unknown, listener: unknown) {
      if (typeof listener !== 'function') throw garbage('a listener that is none')
      return actors().watch(addressOf(address), listener as (event: WatchEvent) => void)
    },
    list: (filter: unknown) => {
      const { type } = Object(filter) as { type?: unknown }
      return actors().list(typeof type === 'string' ? { type } : {})
    },
    deadLetters: () => actors().deadLetters(),
    resume: (address: unknown, options: unknown) =>
      actors().resume(addressOf(address), {
        skip: (Object(options) as { skip?: unknown }).skip === true,
      }),
    stop: (address: unknown) => actors().stop(addressOf(address)),
    /**
     * What the kernel has beside. By name: ending it or taking over actors of others is not a plugin's
     * to do, and what is looked at above must not come in by this door unlooked at.
     */
    more(method: unknown, args: unknown) {
      const system = actors() as unknown as Record<string, unknown>
      const found = beside.has(method) ? system[String(method)] : undefined
      if (typeof found !== 'function') {
        throw pluginErrors.PROV_PLUGIN_CANNOT_CROSS({
          plugin: plugin(),
          what: `\`${String(method)}()\` of the kernel`,
        })
      }
      return (found as (...all: readonly unknown[]) => unknown).apply(
        system,
        Array.isArray(args) ? args : [],
      )
    },
  }
}

type Ask = ActorSystem['ask']

/** A question of a plugin elsewhere: its event, and the mark in it that the address replaces. */
export function askedBy(ask: Ask, garbage: (what: string) => Error) {
  return (address: unknown, question: unknown, mark: unknown, options: unknown) => {
    if (typeof address !== 'string') throw garbage('no address')
    const event = plainOf(question, garbage)
    const made = (replyTo: Address) => marked(event, String(mark), replyTo) as never
    return ask(address as Address, made, optionsOf(options))
  }
}

function optionsOf(raw: unknown): { readonly signal?: AbortSignal; readonly timeoutMs?: number } {
  const { signal, timeoutMs } = Object(raw) as { signal?: unknown; timeoutMs?: unknown }
  return {
    ...(signal instanceof AbortSignal && { signal }),
    ...(typeof timeoutMs === 'number' && { timeoutMs }),
  }
}

function snapshotOf(snapshot: ActorSnapshot): unknown {
  return { ...snapshot, tags: [...snapshot.tags] }
}

/** Data as plain JSON, whatever it was. Throws what `garbage` makes. */
export function plainOf(raw: unknown, garbage: (what: string) => Error): JsonValue {
  let text: string | undefined
  try {
    text = JSON.stringify(raw)
  } catch {
    throw garbage('what is no JSON')
  }
  if (text === undefined) throw garbage('what is no JSON')
  if (text.length > longestEvent) throw garbage('more data than may cross at once')
  return parseJson(text)
}

function marked(value: unknown, mark: string, address: Address): unknown {
  if (value === mark) return address
  if (Array.isArray(value)) return value.map((item) => marked(item, mark, address))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, marked(item, mark, address)]),
  )
}
