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
import { demandOwn } from './partitions.ts'
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
  const fail = (at: number, thrown: unknown) => ({
    turn: { dues, entries, gapMs, failure: { message: mailOf(items[at] as Item, nowMs), thrown } },
    left: items.slice(at + 1),
  })
  try {
    const messages = items.map((item) => {
      if (realm.tracing !== null && item instanceof Mail) traced(realm.tracing, address, item)
      const timer = item instanceof Mail ? item.timer?.id : undefined
      return { event: eventOf(item), nowMs, ...(timer !== undefined && { timer }) }
    })
    const state = persisted(cell)
    const { steps, failure } = await remote.turn({ address, sequence, state, messages })
    const journaled = kind.def.durability === 'journal'
    const record = journaled ? new TurnRecord(partition, cell, nowMs) : undefined
    let before: Standing = cell
    for (const [index, step] of steps.slice(0, items.length).entries()) {
      const item = items[index] as Item
      const mail = item instanceof Mail ? item : undefined
      const at = standingOf(step.state, step.tags)
      const after = timers ? withDelays(timers, before, at, nowMs) : at
      const { beside, logs } = step
      const { effects, emits } = consequencesOf(step.asked, after, address, cell.birth, kind)
      record?.add(eventOf(item), before, after, mail, effects)
      demandOwn(kind.def.type, kind.owner, partition, beside)
      entries.push(...beside)
      dues.push({ item, at: after, sequence: sequence + index + 1, effects, emits, logs })
      before = after
    }
    if (record && dues.length > 0) entries.push(record.entry())
    if (failure) return fail(Math.min(dues.length, items.length - 1), errorFrom(failure))
    return { turn: { dues, entries, gapMs }, left: items.slice(dues.length) }
  } catch (thrown) {
    return fail(Math.min(dues.length, items.length - 1), thrown)
  }
}
