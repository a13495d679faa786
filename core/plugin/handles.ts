/**
 * A plugin's own actors by the names it gave their types: `actors.quota('eu').send(event)`. A handle
 * starts its actor at first use, so nobody writes "get it, or start it" again.
 *
 * @module
 */
import type { Address } from '../actor/address.ts'
import type { ActorDef, ActorEvent } from '../actor/define.ts'
import type { ActorRef, ActorSnapshot, ActorSystem } from '../actor/system.ts'
import { asProvError } from '../errors.ts'
import type { Log } from '../log.ts'

/** One actor of a plugin, started or not. */
export interface ActorHandle<Context = unknown, Event extends ActorEvent = ActorEvent> {
  readonly address: Address
  /** Queues an event, in the order of calls. What the actor does not take is logged. */
  send(event: Event): void
  /** Resolves once this very event's step is durable. Rejects as `ActorRef.apply`. */
  apply(event: Event, options?: { readonly signal?: AbortSignal }): Promise<ActorSnapshot<Context>>
  snapshot(): Promise<ActorSnapshot<Context>>
  ref(): Promise<ActorRef<Context, Event>>
}

/** By the key in the plugin's `actors`: id, and what its first start needs. */
export type ActorHandles<A extends Readonly<Record<string, ActorDef>>> = {
  readonly [K in keyof A]: A[K] extends ActorDef<infer C, infer E, infer I>
    ? (id: string, ...input: undefined extends I ? [input?: I] : [input: I]) => ActorHandle<C, E>
    : never
}

/** Names that the kernel itself has, so no plugin can give them to a type of actor. */
export const kernelNames: ReadonlySet<string> = new Set<keyof ActorSystem>([
  'register',
  'registerRemote',
  'swapRemote',
  'recorder',
  'spawn',
  'ref',
  'send',
  'ask',
  'watch',
  'list',
  'deadLetters',
  'replay',
  'resume',
  'stop',
  'retire',
  'halt',
  'close',
])

/** The handles of one type. */
export function handlesOf(def: ActorDef, system: ActorSystem, log: Log) {
  // Starts of one actor are one start, so sends queue behind it in the order they were made.
  const starting = new Map<string, Promise<ActorRef>>()
  return (id: string, input?: unknown): ActorHandle => {
    const address = `${def.type}/${id}` as Address
    const ref = (): Promise<ActorRef> => {
      let start = starting.get(id)
      if (!start) {
        start = system.spawn(def, id, input).finally(() => starting.delete(id))
        starting.set(id, start)
      }
      return start
    }
    return {
      address,
      ref,
      send(event) {
        ref().then(
          (actor) => {
            const sent = actor.send(event)
            if (!sent.accepted) log.warn(`${address} took no ${event.type}: ${sent.reason}`)
          },
          (thrown: unknown) => {
            const { code, message } = asProvError(thrown)
            log.warn(`${address} could not be started: ${message}`, { code })
          },
        )
      },
      apply: async (event, options) => (await ref()).apply(event, options),
      snapshot: async () => (await ref()).snapshot(),
    }
  }
}
