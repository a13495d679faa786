/**
 * What goes over the socket: JSON, a line each, of bounded length.
 *
 *     server  {"prov":"socket","version":1,"build":"0.1.0","pid":7,"journal":"…","workspace":"…","epoch":3}
 *     client  {"do":"take","with":{…}}                   one request per connection
 *     server  {"say":…}  …                               none or more, where something is followed
 *     server  {"end":…}  or  {"error":{"code":…}}        and the connection is over
 *
 * @module
 */
import type { Socket } from 'node:net'
import { foreignJson } from '../foreign-json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { ErrorReport } from '../errors.ts'
import type { Bytes, Count } from '../units.ts'

/** Changes when an older client would misunderstand. */
export const wireVersion = 1
/** The largest token and what comes with it, twice. */
export const requestLimitBytes: Bytes = 256 * 1_024
/** An answer may be a read model of a large workspace. */
export const answerLimitBytes: Bytes = 16 * 1_024 * 1_024

/** The first line: who holds the workspace. */
export interface Hello {
  readonly prov: 'socket'
  readonly version: Count
  /** Version of the program; a client of another one stays away. */
  readonly build: string
  readonly pid: Count
  readonly workspace: string
  /** Journal id: the audience of every token. */
  readonly journal: string
  /** Writer epoch of the journal: one per life of a holder. */
  readonly epoch: Count
}

export interface Request {
  readonly do: string
  readonly with: JsonObject
}

export type Answer =
  { readonly say: JsonValue } | { readonly end: JsonValue } | { readonly error: ErrorReport }

/** Calls back with each whole line; `over` once when a line is longer than the limit. */
export function onLines(
  socket: Socket,
  limitBytes: Bytes,
  hear: { readonly line: (line: string) => void; readonly over: () => void },
): void {
  let parts: Buffer[] = []
  let bytes = 0
  let ended = false
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk
    while (!ended) {
      const at = rest.indexOf(10)
      const part = at < 0 ? rest : rest.subarray(0, at)
      bytes += part.length
      if (bytes > limitBytes) {
        ended = true
        parts = []
        return hear.over()
      }
      parts.push(part)
      if (at < 0) return
      const line = Buffer.concat(parts).toString('utf8')
      parts = []
      bytes = 0
      rest = rest.subarray(at + 1)
      hear.line(line)
    }
  })
}

/** The object that a line says; undefined for anything else. */
export function parsedLine(line: string): JsonObject | undefined {
  try {
    const value = foreignJson(line)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
