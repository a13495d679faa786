/**
 * What a caller is told when its event is not taken, and how a caller gives up.
 *
 * @module
 */
import type { Address } from './address.ts'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import { actorErrors } from './errors.ts'
import { nameOf } from './mail.ts'
import type { Mail, Waiter } from './mail.ts'
import type { Refusal } from './system.ts'

/** True for an event that may come from outside: timers and starts are the kernel's own. */
export function isEvent(event: unknown): event is ActorEvent {
  try {
    const type = (event as ActorEvent | null | undefined)?.type as unknown
    if (typeof type !== 'string' || type === '') return false
    // Looking at one letter first: this runs for every message there is.
    return type.charCodeAt(0) !== 120 || !type.startsWith('xstate.')
  } catch {
    return false
  }
}

/** The error of a refusal. */
export function refused(
  reason: Refusal,
  address: Address,
  cell: Cell | undefined,
  event: ActorEvent,
): Error {
  switch (reason) {
    case 'full':
      return actorErrors.PROV_ACTOR_MAILBOX_FULL({
        address,
        capacity: cell?.kind.def.mailbox.capacity ?? 0,
      })
    case 'parked':
      return actorErrors.PROV_ACTOR_PARKED({
        address,
        why: cell?.parked?.message ?? '',
        code: cell?.parked?.code ?? '',
      })
    case 'unknown':
      return actorErrors.PROV_ACTOR_UNKNOWN({ address })
    case 'invalid':
      return actorErrors.PROV_ACTOR_EVENT_INVALID({ address, event: nameOf(event) })
    case 'stopped':
      return actorErrors.PROV_ACTOR_STOPPED({ address })
  }
}

/** Whoever waited has left; what becomes of the event is not known to them. */
export const abandoned = (address: Address, event: ActorEvent): Error =>
  actorErrors.PROV_ACTOR_ABORTED({ address, event: nameOf(event) })

/** A waiter that may give up. Before its message is taken, that also takes the message back. */
export function abortable(
  message: Mail,
  signal: AbortSignal,
  address: Address,
  waiter: Waiter,
): Waiter {
  const abort = (): void => {
    message.dropped = true
    waiter.reject(abandoned(address, message.event))
  }
  signal.addEventListener('abort', abort, { once: true })
  const stop = (): void => signal.removeEventListener('abort', abort)
  return {
    resolve: (snapshot) => (stop(), waiter.resolve(snapshot)),
    reject: (error) => (stop(), waiter.reject(error)),
  }
}
