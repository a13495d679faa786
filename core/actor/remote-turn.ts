/**
 * A turn whose steps are computed elsewhere: the messages go out with the state they meet, the steps
 * come back as data and are committed like any other. Whatever goes wrong on the way is a failed step.
 *
 * @module
 */
import { errorFrom } from '../errors.ts'
import { mailOf } from './cell.ts'
import type { Cell } from './cell.ts'
import { prefixOf, steppedEntry } from './encode.ts'
import { eventOf, Mail } from './mail.ts'
import type { Item } from './mail.ts'
import { none } from './program/program.ts'
import type { Standing } from './program/program.ts'
import type { RemoteProgram } from './program/remote.ts'
import type { Realm } from './realm.ts'
import { persisted, standingOf } from './state.ts'
import type { Due, Turn } from './turns.ts'

/** Never rejects. `left` are messages that were not reached. */
export async function remoteSteps(
  realm: Realm,
  cell: Cell,
  items: readonly Item[],
): Promise<{ readonly turn: Turn; readonly left: readonly Item[] }> {
  const { nowMs, partition } = realm
  const { address, sequence, kind } = cell
  const remote = kind.remote as RemoteProgram
  const fail = (at: number, thrown: unknown, dues: readonly Due[] = []) => ({
    turn: { dues, failure: { message: mailOf(items[at] as Item, nowMs), thrown } },
    left: items.slice(at + 1),
  })
  try {
    const messages = items.map((item) => {
      const timer = item instanceof Mail ? item.timer?.id : undefined
      return { event: eventOf(item), nowMs, ...(timer !== undefined && { timer }) }
    })
    const state = persisted(cell)
    const { steps, failure } = await remote.turn({ address, sequence, state, messages })
    const journaled = kind.def.durability === 'journal'
    const prefix = journaled ? prefixOf(cell) : ''
    const dues: Due[] = []
    let before: Standing = cell
    for (const [index, step] of steps.slice(0, items.length).entries()) {
      const item = items[index] as Item
      const mail = item instanceof Mail ? item : undefined
      const after = standingOf(step.state, step.tags)
      const own = {
        sequence: sequence + index + 1,
        atMs: nowMs,
        event: eventOf(item),
        before,
        after,
        mail,
        effects: step.asked,
      }
      const record = journaled ? [steppedEntry(partition, prefix, own)] : none
      dues.push({
        item,
        at: after,
        sequence: own.sequence,
        effects: step.asked,
        entries: [...record, ...step.beside],
        logs: step.logs,
      })
      before = after
    }
    if (failure) return fail(Math.min(dues.length, items.length - 1), errorFrom(failure), dues)
    return { turn: { dues }, left: items.slice(dues.length) }
  } catch (thrown) {
    return fail(0, thrown)
  }
}
