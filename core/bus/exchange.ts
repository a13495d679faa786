/**
 * Request and answer over plain subjects of a server: nothing is kept there, and where nobody listens the
 * server says so at once. Whoever can write to an inbox can answer, so it is the one who asked who judges
 * what an answer is; what is none is passed over.
 *
 *     ask ──▶ subject ──▶ serve          who listens there
 *      ▲                    │
 *      └────── inbox ◀──────┘            of this one question
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Count, Millis } from '../units.ts'
import type { NatsBus } from './nats.ts'
import { foreign } from './nats-errors.ts'

export interface Question<T> {
  readonly subject: string
  readonly data: Uint8Array
  readonly timeoutMs: Millis
  readonly clock: Clock
  readonly signal: AbortSignal
  /** What an answer says; undefined for what is none. */
  readonly judge: (data: Uint8Array) => T | undefined | Promise<T | undefined>
}

/** No answer: nobody listens, or none came in time. `passed`: so many messages were none. */
export type Unanswered = { readonly none: 'nobody' | 'silent'; readonly passed: Count }

const noResponders = 503
/** Whoever floods an inbox is not judged for ever. */
const mostPassed: Count = 256

/** Asks once. Rejects with the signal's reason and with PROV_BUS_DENIED. */
export async function ask<T>(
  bus: NatsBus,
  { subject, data, timeoutMs, clock, signal, judge }: Question<T>,
): Promise<{ readonly answer: T } | Unanswered> {
  signal.throwIfAborted()
  const { connection, nats, inbox } = bus.client
  const reply = inbox()
  let passed: Count = 0
  let end: (() => void) | undefined
  try {
    return await new Promise((resolve, reject) => {
      const late = clock.after(timeoutMs, () => resolve({ none: 'silent', passed }))
      const abort = () => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      let turn = Promise.resolve()
      const subscription = connection.subscribe(reply, {
        callback(error, message) {
          if (error) return reject(foreign(`hear an answer about ${subject}`, error))
          if (message.headers?.code === noResponders) return resolve({ none: 'nobody', passed })
          if (passed >= mostPassed) return
          passed++
          // One after the other, as they came.
          turn = turn
            .then(async () => {
              const answer = await judge(message.data)
              if (answer !== undefined) resolve({ answer })
            })
            .catch(reject)
        },
      })
      const status = connection.status() as AsyncIterable<StatusOf> & { stop?: () => void }
      const watch = async () => {
        for await (const { permissionContext: about } of status) {
          if (about?.operation !== 'publish' || about.subject !== subject) continue
          const denied = { code: nats.ErrorCode.PermissionsViolation }
          reject(foreign(`ask ${subject}`, denied))
        }
      }
      void watch()
      end = () => {
        late.cancel()
        signal.removeEventListener('abort', abort)
        subscription.unsubscribe()
        status.stop?.()
      }
      connection.publish(subject, data, { reply })
    })
  } finally {
    end?.()
  }
}

interface StatusOf {
  readonly permissionContext?: { readonly operation: string; readonly subject: string }
}

export interface Serving {
  readonly subject: string
  /** Inboxes that are answered: nobody makes this process say something elsewhere. */
  readonly inboxes: string
  /** Must not throw. `answer` may be called once, or never. */
  readonly heard: (data: Uint8Array, answer: (data: Uint8Array) => void) => void
  /** The server does not let this role listen there. */
  readonly denied: (error: Error) => void
}

/** Listens until the answer is called. A message that is too large for the server is dropped there. */
export function serve(bus: NatsBus, { subject, inboxes, heard, denied }: Serving): () => void {
  const { connection } = bus.client
  const subscription = connection.subscribe(subject, {
    callback(error, message) {
      if (error) return denied(foreign(`listen on ${subject}`, error))
      const { reply, data } = message
      if (reply === undefined || !reply.startsWith(`${inboxes}.`)) return
      heard(data, (answer) => {
        if (!connection.isClosed()) connection.publish(reply, answer)
      })
    },
  })
  return () => {
    if (!connection.isClosed()) subscription.unsubscribe()
  }
}

/** The largest message that the server takes. */
export const largest = (bus: NatsBus): number => bus.client.connection.info?.max_payload ?? 65_536
