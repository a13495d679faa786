/** What is asked at a desk and not at the socket of a workspace, whose clients have files and journal. @module */
import { digestOf } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { Answering, Wire } from '../socket/server.ts'
import type { DeskParts } from './desk.ts'
import { deskErrors } from './errors.ts'
import { speakers } from './wire.ts'

export function deskAnswers(parts: Pick<DeskParts, 'contract' | 'look' | 'answers'>): Answering {
  const { contract, look, answers } = parts
  const json = (value: unknown) => (value ?? null) as JsonValue
  let trail: Promise<JsonValue> | undefined

  async function changesOfKeys(): Promise<JsonValue> {
    const found: JsonValue[] = []
    for await (const event of contract.events()) {
      if (/^prov\.key\.(offered|confirmed|rotated)$/.test(event.type)) found.push(json(event))
    }
    return found
  }

  return {
    /** The keys of all planes. */
    hello: async () =>
      json(Object.values(speakers).map((role) => contract.keyring.service(role) ?? null)),
    /** How they were followed, for whoever knows an older one: each event proves itself. */
    async trail() {
      // The journal is read for it: once for all who ask meanwhile.
      trail ??= changesOfKeys().finally(() => (trail = undefined))
      return trail
    },
    async read({ name, args }) {
      if (typeof name !== 'string') throw deskErrors.PROV_DESK_REQUEST({ what: 'no name' })
      return json(await look(name, Object(args) as JsonObject))
    },
    next: ({ op = null, after = null }, wire) => next(answers, { op, after }, wire),
  }
}

/** The phase of an operation, as soon as it is another one than the caller knows; null if none comes. */
function next(
  { follow }: Answering,
  { op, after }: { readonly op: JsonValue; readonly after: JsonValue },
  { signal }: Wire,
): Promise<JsonValue> {
  const known = digestOf(after)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  return new Promise((resolve, reject) => {
    const say = (change: JsonValue): void => {
      if (digestOf(change) === known) return
      resolve(change)
      stop.abort()
    }
    const over = () => resolve(null)
    const fail = (thrown: unknown) => (both.aborted ? over() : reject(thrown as Error))
    follow?.({ op }, { say, signal: both }).then(over, fail)
  })
}
