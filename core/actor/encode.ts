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
import type { Millis } from '../units.ts'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import type { Mail } from './mail.ts'
import type { Asked, Standing } from './program/program.ts'
import { objectText, withMember } from './json-text.ts'
import { changeBetween } from './state.ts'

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

/** The steps of one turn on their way to one record. */
export class TurnRecord {
  readonly #partition: string
  readonly #head: string
  #steps = ''
  #count = 0

  constructor(partition: string, { address, version, sequence }: Cell, atMs: Millis) {
    this.#partition = partition
    this.#head = `{"address":${JSON.stringify(address)},"version":${version},"sequence":${sequence + 1},"atMs":${atMs},`
  }

  /** Throws PROV_JOURNAL_NOT_JSON for an event, context or params that is no JSON. */
  add(
    event: ActorEvent,
    before: Standing,
    after: Standing,
    mail: Mail | undefined,
    effects: readonly Asked[],
  ): void {
    try {
      const text = stepText(event, before, after, mail, effects)
      this.#steps = this.#count++ === 0 ? text : `${this.#steps}},{${text}`
    } catch (cause) {
      const type = 'actor.stepped'
      throw journalErrors.PROV_JOURNAL_NOT_JSON({ partition: this.#partition, type }, { cause })
    }
  }

  /** Only after steps were added. */
  entry(): JournalEntry {
    return this.#count === 1
      ? new TextEntry(this.#partition, 'actor.stepped', `${this.#head}${this.#steps}}`)
      : new TextEntry(this.#partition, 'actor.turned', `${this.#head}"steps":[{${this.#steps}}]}`)
  }
}

function stepText(
  event: ActorEvent,
  before: Standing,
  after: Standing,
  mail: Mail | undefined,
  effects: readonly Asked[],
): string {
  let text = `"event":${written(objectText(event), 'event')},"change":${changeText(before, after)}`
  if (mail?.cause !== undefined) text += `,"cause":${JSON.stringify(mail.cause)}`
  if (mail?.timer !== undefined) {
    text += `,"timer":${written(JSON.stringify(mail.timer.id), 'timer')}`
  }
  if (effects.length > 0) {
    text += `,"effects":${JSON.stringify(effects)}`
    if (mail?.traceparent !== undefined) {
      text += `,"traceparent":${JSON.stringify(mail.traceparent)}`
    }
  }
  return text
}

/** JSON has no text for a function, or for what says so by its `toJSON`: not a word may be made of that. */
function written(text: string | undefined, what: string): string {
  if (text === undefined) throw new TypeError(`its ${what} has no JSON text`)
  return text
}

/** The common changes, a value and some keys of a context, without going through an object. */
function changeText(before: Standing, after: Standing): string {
  const from = before.config
  const to = after.config
  const plain =
    before.timers === after.timers && to.status === 'active' && to.history === from.history
  if (!plain) return JSON.stringify(changeBetween(before, after))
  const moved = from === to || from.text === to.text ? '' : `"value":${to.text}`
  if (before.context === after.context) return `{${moved}}`
  const old = before.context
  const now = after.context
  let set = ''
  let unset = ''
  let shared = 0
  for (const key in now) {
    const value = now[key]
    const was = old[key]
    if (was !== undefined) shared++
    if (value === was) continue
    if (value === undefined) unset += `${unset && ','}${JSON.stringify(key)}`
    else set = withMember(set, key, value)
  }
  // Mostly all keys are still there; only then nobody needs to look for those that went.
  for (const key in old) if (old[key] !== undefined) shared--
  if (shared !== 0) {
    for (const key in old) {
      if (old[key] !== undefined && !Object.hasOwn(now, key))
        unset += `${unset && ','}${JSON.stringify(key)}`
    }
  }
  let text = moved
  if (set !== '') text = `${text}${text && ','}"set":{${set}}`
  if (unset !== '') text = `${text}${text && ','}"unset":[${unset}]`
  return `{${text}}`
}
