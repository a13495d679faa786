/**
 * What the client and the server of NATS throw, as rows of ours.
 *
 * @module
 */
import type { NatsError } from 'nats'
import { ProvError } from '../errors.ts'
import { busErrors } from './errors.ts'

/** Server error codes by meaning. */
export const serverCodes = {
  // A stream, a consumer.
  notFound: [10_059, 10_014],
  // With another stream, or with the server's own subjects.
  subjectOverlap: [10_065, 10_052],
  filterOverlap: [10_099, 10_100],
  maxMessages: 10_077,
  wrongRevision: 10_071,
}

/** The server's own error code behind what was thrown, or undefined. */
export function serverCode(thrown: unknown): number | undefined {
  const error = ProvError.is(thrown) ? thrown.cause : thrown
  return (error as NatsError | undefined)?.api_error?.err_code
}

/** True when what was asked for is not there: a stream by name, or nobody who would answer for it. */
export function isAbsent(thrown: unknown): boolean {
  const { code } = thrown as { code?: unknown }
  return code === '503' || serverCodes.notFound.includes(serverCode(thrown) ?? 0)
}

/** Wraps what the client threw, once, where it is met. */
export function foreign(what: string, thrown: unknown): ProvError {
  if (ProvError.is(thrown)) return thrown
  const error = thrown as NatsError
  if (error.code === 'PERMISSIONS_VIOLATION' || error.code === 'AUTHORIZATION_VIOLATION') {
    return busErrors.PROV_BUS_DENIED({ what }, { cause: thrown })
  }
  if (error.code === 'CONNECTION_CLOSED' || error.code === 'CONNECTION_DRAINING') {
    return busErrors.PROV_BUS_CLOSED({ kind: 'nats' }, { cause: thrown })
  }
  const reason = error instanceof Error ? error.message : String(thrown)
  return busErrors.PROV_BUS_UNAVAILABLE({ what, reason }, { cause: thrown })
}
