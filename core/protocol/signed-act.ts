/**
 * Is a signed act that stands in the trail really that of a person, and about what the trail says? The
 * one question behind everything that people put in force for a workspace as a whole.
 *
 * @module
 */
import { ProvError } from '../errors.ts'
import { digestOf } from '../json.ts'
import type { JsonObject } from '../json.ts'
import type { ActName } from './op.ts'
import { openTokenNow } from './tokens.ts'
import type { TokenContext } from './tokens.ts'

/** What an event says that a person signed. */
export interface SaidAct {
  readonly act: ActName
  readonly subject: string
  readonly with: JsonObject
  /** Name of the person. */
  readonly by: string
  /** Default: any. */
  readonly reason?: string | undefined
}

/** Why a token is not that act, at the time of the context; undefined when it is. */
export function refusesAct(
  token: string | undefined,
  said: SaidAct,
  context: TokenContext,
): string | undefined {
  if (token === undefined) return 'nobody signed it'
  try {
    const { claims, record } = openTokenNow('act', token, context)
    if (claims.act !== said.act || claims.sub !== said.subject) return 'the act is another'
    if (digestOf(claims.with) !== digestOf(said.with)) return 'the act names something else'
    if (said.reason !== undefined && claims.reason !== said.reason) {
      return 'the act gives another reason'
    }
    if (record.kind !== 'human' || record.actor !== said.by) return 'a person must sign it'
    return undefined
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    return thrown.message
  }
}
