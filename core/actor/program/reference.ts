/**
 * Actors as a machine sees them inside its context and its events: plain data, so that they survive
 * the disk. Whoever sends looks the id up.
 *
 * @module
 */
import { actorErrors } from '../errors.ts'

/** The form in which XState itself persists an actor inside a context. */
export interface Reference {
  readonly xstate$$type: 1
  /** A child's id, an address `type/id`, `#parent` or `#self`. */
  readonly id: string
}

export const referenceTo = (id: string): Reference => Object.freeze({ xstate$$type: 1, id })

/** The id behind what a machine gives as a target: an id, a reference, or the actor itself. */
export function idOf(target: unknown): string | undefined {
  if (typeof target === 'string') {
    if (target === '#_parent') return '#parent'
    if (target === '#_internal') return '#self'
    return target.startsWith('#_') ? target.slice(2) : target
  }
  const id = (target as { readonly id?: unknown } | null | undefined)?.id
  return typeof id === 'string' ? id : undefined
}

/** What `self` is during a step: a reference; acting through it would be an effect nobody sees. */
export function selfOf(type: string): Reference {
  const self = { xstate$$type: 1, id: '#self' }
  const refuse = (what: string, instead: string) => (): never => {
    throw actorErrors.PROV_ACTOR_UNSUPPORTED({ type, what, instead })
  }
  const asData = 'ask for it with `sendTo`, `emit` or a named action'
  Object.defineProperties(self, {
    sessionId: { value: '#self' },
    send: { value: refuse('`self.send` inside a step', asData) },
    getSnapshot: { value: refuse('`self.getSnapshot` inside a step', 'read `context`') },
    subscribe: { value: refuse('`self.subscribe` inside a step', asData) },
    system: { get: refuse('`self.system` inside a step', asData) },
  })
  return Object.freeze(self) as Reference
}

/** What `system` is during a step. */
export const systemOf = Object.freeze({ get: referenceTo })
