/**
 * Starts the hearing of a process that holds some planes only: one durable consumer on what all
 * planes say, and the asking for what did not arrive.
 *
 * @module
 */
import type { Bus, Delivery } from '../bus/bus.ts'
import type { Clock } from '../clock.ts'
import { asProvError } from '../errors.ts'
import type { Journal } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Count, Millis } from '../units.ts'
import type { AuditEvent } from './audit.ts'
import type { Contract } from './contract.ts'
import { crashPoint } from './crash.ts'
import type { ChainEnd } from './emitter.ts'
import { genuine } from './follow.ts'
import { Gaps } from './gaps.ts'
import { Hearing } from './hearing.ts'
import type { KeptEvents } from './kept-events.ts'
import { planeEmitters } from './planes.ts'
import type { PlaneName } from './planes.ts'
import type { Talk } from './standing.ts'
import { streams } from './subjects.ts'

export interface HearOptions {
  readonly contract: Pick<Contract, 'keyring' | 'workspace' | 'store'>
  readonly planes: readonly PlaneName[]
  readonly journal: Journal
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  /** Where each chain ends in the journal, live. */
  readonly ends: ReadonlyMap<string, ChainEnd>
  readonly kept: KeptEvents
  /** How it stands about this journal, or about others'. */
  readonly talk: Talk
  /** Told a genuine event of a plane of this process that this journal does not have. */
  readonly setBack: (event: AuditEvent) => void
  readonly signal: AbortSignal
}

const credits: Count = 256
const laterMs: Millis = 5_000
const muchLaterMs: Millis = 30_000

/** Resolves once it hears; ends with the signal. */
export async function hear(options: HearOptions): Promise<void> {
  const { contract, planes, journal, bus, clock, log, ends, kept, talk, signal } = options
  const { workspace } = contract
  const own = planeEmitters(planes)
  // Of several planes in one process the controller's consumer is the one that outlives the others.
  const plane = planes.includes('controller') ? 'controller' : (planes[0] ?? 'none')
  const hearing = new Hearing({
    journal,
    log,
    own,
    ends,
    model: () => contract.store.get(),
    ready: (event) => contract.keyring.isReady(event),
    known: (emitter, n) => kept.one(emitter, n),
    setBack: options.setBack,
    retired: (kid) => contract.keyring.retired(kid),
    now: () => clock.monotonic(),
  })

  const take = async (delivery: Delivery): Promise<void> => {
    try {
      const event = await genuine(contract, delivery)
      if (!event) {
        log.warn(`${delivery.id} is not what a plane said`)
        return await delivery.term('not signed by the plane it names')
      }
      const heard = await hearing.take(event)
      if (heard === 'kept') {
        crashPoint('heard')
        await delivery.ack()
      }
      // Under an own key, and not said here: whatever follows from it was asked, once.
      else if (own.has(event.emitter)) await delivery.term('not said by this journal')
      else if (heard === 'refused' && contract.keyring.retired(event.kid)) {
        log.warn(`${delivery.id} bears a key that another one followed, and is no event of then`)
        await delivery.term('another event has its number')
      }
      // What waits here need not come again, unless this process ends before its turn.
      else {
        const delayMs = hearing.isStalled(event.emitter) ? muchLaterMs : laterMs
        await delivery.nak({ delayMs })
      }
    } catch (thrown) {
      const { code, message } = asProvError(thrown)
      if (!signal.aborted) log.warn(`${delivery.id} again later`, { code, message })
      await delivery.nak({ delayMs: laterMs }).catch(() => {})
    }
  }

  const stream = streams.audit(workspace)
  await bus.ensureConsumer({ stream, name: plane })
  void (async () => {
    for await (const delivery of bus.pull(stream, plane, { credits, signal })) void take(delivery)
  })().catch((thrown: unknown) => {
    if (!signal.aborted) log.error('other planes are not heard', asProvError(thrown).toJSON())
  })
  const gaps = new Gaps({
    workspace,
    plane,
    bus,
    clock,
    log,
    signal,
    heads: () => new Map([...own].map((emitter) => [emitter, ends.get(emitter)?.n ?? 0])),
    holes: () => hearing.holes(),
    announced: (heads) => hearing.announced(heads),
    events: (hole) => kept.read(hole),
    talk,
  })
  await gaps.start()
}
