/**
 * The bus as plugins get it: the port itself, and what the planes say as a stream of checked events.
 *
 *     needs.bus.events('ops.audit', { name: 'acme-quota', signal })
 *
 * @module
 */
import { Observable } from 'rxjs'
import type { Bus } from '../bus/bus.ts'
import type { Log } from '../log.ts'
import type { AuditEvent } from './audit.ts'
import type { Contract } from './contract.ts'
import { followAudit } from './follow.ts'

export interface EventsOptions {
  /** Durable name, best the plugin's own: a new life goes on where the last one stopped. */
  readonly name: string
  /** Completes the stream when it aborts. */
  readonly signal?: AbortSignal | undefined
  /**
   * Resolves when what the event means is durable; only then is it acknowledged and emitted. A
   * throw brings it again after a second. Default: acknowledged at once, so a crash may lose it.
   */
  readonly take?: ((event: AuditEvent) => Promise<unknown> | void) | undefined
}

export interface EventBus extends Bus {
  /**
   * What submitter, keeper and controller signed, in order, at least once; what does not bear their
   * signature never comes. Nothing is asked of the bus before somebody subscribes.
   */
  events(topic: 'ops.audit', options: EventsOptions): Observable<AuditEvent>
}

/**
 * The same bus with the stream on top, for contract and plugins alike; it stays the owner's to close.
 * The contract is asked for when somebody subscribes: it is opened over this very bus.
 */
export function eventBus(bus: Bus, contract: () => Contract, log: Log): EventBus {
  const own: EventBus = {
    kind: bus.kind,
    ensureStream: (config, options) => bus.ensureStream(config, options),
    ensureConsumer: (config, options) => bus.ensureConsumer(config, options),
    publish: (subject, message) => bus.publish(subject, message),
    pull: (stream, consumer, options) => bus.pull(stream, consumer, options),
    keyValue: (bucket) => bus.keyValue(bucket),
    streamInfo: (name) => bus.streamInfo(name),
    ...(bus.carried && {
      carried: (subject, position) => bus.carried?.(subject, position) === true,
    }),
    close: () => bus.close(),
    events: (_topic, { name, signal, take }) =>
      new Observable<AuditEvent>((subscriber) => {
        const end = new AbortController()
        const abort = (): void => {
          end.abort()
          subscriber.complete()
        }
        if (signal?.aborted) return abort()
        signal?.addEventListener('abort', abort, { once: true })
        followAudit({
          bus: own,
          contract: contract(),
          name,
          log,
          signal: end.signal,
          failed: (thrown) => subscriber.error(thrown),
          async take(event) {
            await take?.(event)
            subscriber.next(event)
          },
        }).catch((thrown: unknown) => subscriber.error(thrown))
        return () => {
          signal?.removeEventListener('abort', abort)
          end.abort()
        }
      }),
  }
  return own
}
