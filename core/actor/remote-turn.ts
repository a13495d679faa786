/**
 * A turn whose steps are computed elsewhere: the messages go out with the state they meet, the steps
 * come back as data and are committed like any other. Whatever goes wrong on the way is a failed step.
 *
 * @module
 */
import { errorFrom } from '../errors.ts'
import type { JournalEntry } from '../journal/journal.ts'
import { mailOf } from './cell.ts'
import type { Cell } from './cell.ts'
import { TurnRecord } from './encode.ts'
import { consequencesOf } from './kin.ts'
import { eventOf, Mail, traced } from './mail.ts'
import type { Item } from './mail.ts'
import { ownEntries } from './partitions.ts'
import type { Standing } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import type { Realm } from './realm.ts'
import { persisted, standingOf } from './state.ts'
import { withDelays } from './timers.ts'
import type { Due, Turn } from './turns.ts'

/** Never rejects. `left` are messages that were not reached. */
export async function remoteSteps(
  realm: Realm,
  cell: Cell,
  items: readonly Item[],
): Promise<{ readonly turn: Turn; readonly left: readonly Item[] }> {
  const { nowMs, gapMs, partition } = realm
  const { address, sequence, kind } = cell
  const remote = kind.remote as RemoteProgram
  const { timers } = kind.def
  const dues: Due[] = []
  const entries: JournalEntry[] = []
  const journaled = kind.def.durability === 'journal'
  const record = journaled ? new TurnRecord(partition, cell, nowMs) : undefined
  /** What was reached is committed, whatever came then. */
  const turned = (failed?: { readonly thrown: unknown }) => {
    const next = failed && items[dues.length]
    const failure = next && failed && { message: mailOf(next, nowMs), thrown: failed.thrown }
    if (record && dues.length > 0) entries.push(record.entry())
    return {
      turn: { dues, entries, gapMs, failure },
      left: items.slice(failure ? dues.length + 1 : dues.length),
    }
  }
  try {
    const messages = items.map((item) => {
      if (realm.tracing !== null && Mail.is(item)) traced(realm.tracing, address, item)
      const timer = Mail.is(item) ? item.timer?.id : undefined
      return { event: eventOf(item), nowMs, ...(timer !== undefined && { timer }) }
    })
    const state = persisted(cell)
    const { steps, failure } = await remote.turn({ address, sequence, state, messages })
    let before: Standing = cell
    for (const [index, step] of steps.slice(0, items.length).entries()) {
      const item = items[index] as Item
      const mail = Mail.is(item) ? item : undefined
      const at = standingOf(step.state, step.tags)
      const after = timers ? withDelays(timers, before, at, nowMs) : at
      const { effects, emits } = consequencesOf(step.asked, after, address, cell.birth, kind)
      const beside = ownEntries(kind.def.type, kind.owner, partition, step.beside)
      record?.add(eventOf(item), before, after, mail, effects)
      entries.push(...beside)
      dues.push({
        item,
        at: after,
        sequence: sequence + index + 1,
        effects,
        emits,
        logs: step.logs,
      })
      before = after
    }
    return turned(failure && { thrown: errorFrom(failure) })
  } catch (thrown) {
    return turned({ thrown })
  }
}
