/**
 * What became of operations, told to others on the server where the planes meet. Where they meet in the
 * journal `nats-link.ts` carries it out; here the bus is the server already, and the plane that people
 * talk to says it: it hears everything and may speak for actors.
 *
 * @module
 */
import type { Bus } from '../bus/bus.ts'
import { subjectMatches } from '../bus/subjects.ts'
import type { Clock } from '../clock.ts'
import type { NatsSettings } from '../config/nats.ts'
import { ProvError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Journal } from '../journal/journal.ts'
import type { Log } from '../log.ts'
import type { Contract } from './contract.ts'
import { noticeOf } from './ecosystem.ts'
import { followedNote, followKept } from './follow-kept.ts'

export interface NoticeParts {
  readonly contract: Pick<Contract, 'follow' | 'planes'>
  readonly journal: Journal
  readonly bus: Bus
  readonly settings: Pick<NatsSettings, 'emit'>
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

const name = 'notices'

/** Starts telling, from what happens after its first life began; ends with the signal. */
export async function tellOthers(parts: NoticeParts): Promise<void> {
  const { contract, journal, bus, settings, clock, log, signal } = parts
  if (!contract.planes.includes('submitter')) return
  const note = followedNote(name)
  // Events from before are history, not news.
  if (!(await journal.snapshot(note))) {
    await journal.putSnapshot(note, { position: (await journal.head()).position, body: null })
  }
  const more = contract.follow
  const take: Parameters<typeof followKept>[0]['take'] = async (heard) => {
    const notice = noticeOf(heard)
    if (!notice || !settings.emit.some((one) => subjectMatches(one, notice.subject))) return
    const { subject, event } = notice
    try {
      await bus.publish(subject, { id: event.id, body: event as unknown as JsonObject })
    } catch (thrown) {
      // What a server refuses for good would keep back everything behind it.
      if (!ProvError.is(thrown) || !lasting.has(thrown.code)) throw thrown
      log.warn(`an event stays here: ${thrown.message}`, { code: thrown.code })
    }
  }
  await followKept({ name, log, signal, take }, { journal, clock, more })
}

const lasting: ReadonlySet<string> = new Set(['PROV_BUS_DENIED', 'PROV_BUS_TOO_LARGE'])
