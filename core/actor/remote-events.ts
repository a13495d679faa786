/**
 * What older versions told the actors of a type whose code runs elsewhere. Delivery cannot wait for
 * another thread, so it is read beforehand, while the type is not known yet: tells that are owed, and
 * dead letters that may be sent again.
 *
 * @module
 */
import { asProvError, ProvError } from '../errors.ts'
import type { Count } from '../units.ts'
import { typeOf } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import { toldOf } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import type { RemoteProgram } from './program/remote.ts'

/** By version and event: what it means now, or why it cannot be read. */
export type RisenEvents = ReadonlyMap<string, ActorEvent | ProvError>

const keyOf = (event: unknown, version: Count): string => JSON.stringify([version, event])

/** Never rejects. */
export async function eventsElsewhere(
  ledger: Ledger,
  { type, version: now }: ActorDef,
  remote: RemoteProgram,
): Promise<RisenEvents> {
  const before = ledger.types.get(type)?.version
  const old = new Map<string, readonly [ActorEvent, Count, string]>()
  const meet = (address: string, event: unknown, version = before): void => {
    if (version === undefined || version === now || typeOf(address) !== type) return
    old.set(keyOf(event, version), [event as ActorEvent, version, address])
  }
  for (const pending of ledger.outbox.values()) {
    if (pending.name !== 'tell') continue
    const { to, event } = toldOf(pending)
    meet(String(to), event, pending.version)
  }
  for (const { address, body, version } of ledger.letters.kept) {
    if (body !== undefined) meet(address, body, version)
  }
  const risen = await Promise.all(
    Array.from(old, async ([key, [event, version, address]]) => {
      const read = remote.upcast(event, version, address).catch(asProvError)
      return [key, await read] as const
    }),
  )
  return new Map(risen)
}

/** Throws PROV_ACTOR_EVENT_UNREADABLE. */
export function risenEvent(
  risen: RisenEvents | undefined,
  event: ActorEvent,
  found: Count,
  { def: { version: known }, address }: { readonly def: ActorDef; readonly address: string },
): ActorEvent {
  if (found === known) return event
  const read = risen?.get(keyOf(event, found))
  if (read !== undefined && !ProvError.is(read)) return read
  if (read?.code === 'PROV_ACTOR_EVENT_UNREADABLE') throw read
  const what = read?.message ?? 'it came after its plugin was asked'
  throw actorErrors.PROV_ACTOR_EVENT_UNREADABLE(
    { address, event: event.type, found, known, what },
    { cause: read },
  )
}
