/**
 * Following what the planes say, over the bus: each event once checked, acknowledged after the
 * follower kept what it means. What does not bear the signature of the plane it names is thrown
 * away for ever, so nobody can move an operation by publishing.
 *
 * @module
 */
import type { Bus, Delivery } from '../bus/bus.ts'
import { asProvError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import type { Contract } from './contract.ts'
import { isSignedHere, parseAuditEvent, signedText } from './emitter.ts'
import { verifySignatureLater } from './key.ts'
import { streams } from './subjects.ts'

export interface FollowOptions {
  readonly bus: Bus
  readonly contract: Contract
  /** Durable name: the follower goes on where it stopped. */
  readonly name: string
  readonly log: Log
  readonly signal: AbortSignal
  /**
   * Resolves when the event's consequences are durable. Events come in order, and the next may come
   * before this resolves. A throw brings the event again after a second.
   */
  readonly take: (event: AuditEvent) => Promise<void> | void
  /** Told when it can follow no more, other than by the signal. Default: only the log is. */
  readonly failed?: ((thrown: unknown) => void) | undefined
}

const credits: Count = 256
/** Most signatures that are checked at once; the journal's syncs share the threads. */
const atOnce: Count = 16
const againMs: Millis = 1_000

/** Starts following; resolves once the consumer exists. Ends with the signal. */
export async function followAudit(options: FollowOptions): Promise<void> {
  const { bus, contract, name, log, signal } = options
  if (contract.followKept) return contract.followKept(options)
  const stream = streams.audit(contract.workspace)
  await bus.ensureConsumer({ stream, name })
  void (async () => {
    /** Calls of `take` that are still to come: each waits for the one before it. */
    const calls: Promise<void>[] = []
    let last = Promise.resolve()
    for await (const delivery of bus.pull(stream, name, { credits, signal })) {
      // Signatures are checked side by side: one after the other a follower could not keep up.
      const event = genuine(contract, delivery)
      // In order up to the call of `take`; what it waits for may overlap.
      last = last.then(
        () => new Promise<void>((called) => void takeOne(options, delivery, event, called)),
      )
      calls.push(last)
      if (calls.length >= atOnce) await calls.shift()
    }
  })().catch((thrown: unknown) => {
    if (signal.aborted) return
    log.error(`${name} follows no more`, asProvError(thrown).toJSON())
    options.failed?.(thrown)
  })
}

async function takeOne(
  { name, log, take }: FollowOptions,
  delivery: Delivery,
  checked: Promise<AuditEvent | undefined>,
  called: () => void,
): Promise<void> {
  try {
    const event = await checked
    if (event === undefined) {
      called()
      log.warn(`${name}: ${delivery.id} is not what a plane said`)
      return await delivery.term('not signed by the plane it names')
    }
    const kept = take(event)
    called()
    await kept
    await delivery.ack()
  } catch (thrown) {
    called()
    const { code, message } = asProvError(thrown)
    log.warn(`${name}: ${delivery.id} again later`, { code, message })
    await delivery.nak({ delayMs: againMs }).catch(() => {})
  }
}

/** The event in a message, when the plane that it names signed it. */
export async function genuine(
  contract: Pick<Contract, 'keyring' | 'workspace'>,
  { body, id }: Pick<Delivery, 'body' | 'id'>,
): Promise<AuditEvent | undefined> {
  try {
    const event = parseAuditEvent(body, id)
    const record = contract.keyring.emits(event)
    if (!record || event.workspace !== contract.workspace) return undefined
    if (isSignedHere(event, record.publicKey)) return event
    const good = await verifySignatureLater(record.publicKey, signedText(event), event.signature)
    return good ? event : undefined
  } catch {
    return undefined
  }
}
