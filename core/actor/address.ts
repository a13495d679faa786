/**
 * Names of actors: `type/id`, for example `acme.quota/eu`. A type is what `defineActor` names; an id
 * is whatever the owner calls the thing, and may hold `/` itself.
 *
 * @module
 */
import { actorErrors } from './errors.ts'

/** `type/id`. Made by `address`, parsed by `parseAddress`; a string so that it travels as data. */
export type Address = `${string}/${string}`

const typePattern = /^[a-z][a-z0-9.-]*$/

/** Throws PROV_ACTOR_ADDRESS_INVALID when the type or the id is not a name. */
export function address(type: string, id: string): Address {
  if (!typePattern.test(type) || id.length === 0 || id.length > 512) {
    throw actorErrors.PROV_ACTOR_ADDRESS_INVALID({ address: `${type}/${id}` })
  }
  // A template would make a string of strings, twice as large for as long as the actor lives.
  return [type, id].join('/') as Address
}

/** The two halves of an address. Throws PROV_ACTOR_ADDRESS_INVALID. */
export function parseAddress(text: string): { readonly type: string; readonly id: string } {
  const cut = text.indexOf('/')
  const type = text.slice(0, Math.max(cut, 0))
  const id = text.slice(cut + 1)
  address(type, id)
  return { type, id }
}

/** The type in an address, or the empty text when it is none. Never throws. */
export const typeOf = (text: string): string => text.slice(0, Math.max(0, text.indexOf('/')))
