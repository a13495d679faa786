/**
 * The text of a step's record. It is written by hand because it is the hot path of everything that is
 * kept: what does not change between steps of one turn is text already, and only event and change
 * are made to JSON. `ledger.ts` says what the fields mean; a test holds the two together.
 *
 * @module
 */
import { journalErrors } from '../journal/errors.ts'
import type { JournalEntry } from '../journal/journal.ts'
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import type { Mail } from './mail.ts'
import type { Asked, Standing } from './program/program.ts'
import { changeBetween, contextsBetween } from './state.ts'

/** A journal entry whose body is text; whoever wants the value parses it. */
class TextEntry implements JournalEntry {
  readonly partition: string
  readonly type: string
  readonly json: string

  constructor(partition: string, type: string, json: string) {
    this.partition = partition
    this.type = type
    this.json = json
  }

  get body(): JsonValue {
    return JSON.parse(this.json) as JsonValue
  }
}

export interface StepRecord {
  readonly sequence: Count
  readonly atMs: Millis
  readonly event: ActorEvent
  readonly before: Standing
  readonly after: Standing
  readonly mail: Mail | undefined
  readonly effects: readonly Asked[]
}

/** What all steps of one turn begin with. */
export const prefixOf = ({ address, version }: Cell): string =>
  `{"address":${JSON.stringify(address)},"version":${version},"sequence":`

/** Throws PROV_JOURNAL_NOT_JSON for an event, context or params that is no JSON. */
export function steppedEntry(partition: string, prefix: string, step: StepRecord): JournalEntry {
  const { sequence, atMs, event, before, after, mail, effects } = step
  try {
    let text = `${prefix}${sequence},"atMs":${atMs},"event":${JSON.stringify(event)},"change":`
    text += changeText(before, after)
    if (mail?.cause !== undefined) text += `,"cause":${JSON.stringify(mail.cause)}`
    if (mail?.timer !== undefined) text += `,"timer":${JSON.stringify(mail.timer.id)}`
    if (effects.length > 0) text += `,"effects":${JSON.stringify(effects)}`
    return new TextEntry(partition, 'actor.stepped', `${text}}`)
  } catch (cause) {
    throw journalErrors.PROV_JOURNAL_NOT_JSON({ partition, type: 'actor.stepped' }, { cause })
  }
}

/** The common changes, a value and some keys of a context, without going through an object. */
function changeText(before: Standing, after: Standing): string {
  const from = before.config
  const to = after.config
  const plain =
    before.timers === after.timers && to.status === 'active' && to.history === from.history
  if (!plain) return JSON.stringify(changeBetween(before, after))
  const value = from === to || from.text === to.text ? '' : `"value":${to.text}`
  if (before.context === after.context) return `{${value}}`
  const { set, unset } = contextsBetween(before.context, after.context)
  let text = value
  if (set) text += `${text && ','}"set":${JSON.stringify(set)}`
  if (unset) text += `${text && ','}"unset":${JSON.stringify(unset)}`
  return `{${text}}`
}
