/**
 * An actor as a short text and back. Names of context fields are the same for many actors, so they
 * stand with the state value, which the arena keeps once; the text holds what differs:
 *
 *     state  "open"\n["count","owner"]
 *     text   12,4,[7,"eu"]            sequence, bits, values
 *
 * @module
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { Count } from '../units.ts'
import type { AlarmHandle } from './alarm.ts'
import type { Packed } from './arena.ts'
import type { Cell, Rare } from './cell.ts'
import type { ActorState, History, TimerState } from './state.ts'

/** Bits of the second number of a text. */
const isDone = 1
const isFrozen = 2
/** The context stands as its values, the names stand with the state. */
const isShaped = 4

/** With more fields than this it is a table of things rather than a shape. */
const mostFields: Count = 24

/** What a cell has in `Rare` and takes along. */
type Few = Partial<
  Pick<Rare, 'input' | 'birth' | 'restarts' | 'failures' | 'trouble' | 'rank' | 'foreign'>
>

/** What few have beside sequence and context. */
interface More {
  timers?: readonly TimerState[]
  /** Of the timers, in the alarm; only this life knows them. */
  handles?: readonly AlarmHandle[]
  output?: JsonValue
  history?: History
  /** Of behaviour that runs elsewhere; programs in this thread find their own. */
  tags?: readonly string[]
  few?: Few
}

export interface Unpacked extends Readonly<More> {
  readonly sequence: Count
  readonly done: boolean
  readonly frozen: boolean
  readonly context: JsonObject
  /** JSON text of the state value. */
  readonly valueText: string
}

/** The names that contexts had last, with their text: mostly they are the same again. */
let lastNames: readonly string[] = []
let lastText = '\n[]'

/** `handles` are those of its timers in the alarm, when it has any. */
export function pack(
  cell: Cell,
  handles: readonly AlarmHandle[] | undefined,
): Packed & { readonly state: string } {
  const { sequence, config, context, status, rareIfAny: rare } = cell
  const names = namesOf(context)
  const bits =
    (status === 'done' ? isDone : 0) |
    (Object.isFrozen(context) ? isFrozen : 0) |
    (names === undefined ? 0 : isShaped)
  const values = names === undefined ? context : Object.values(context)
  let text = `${sequence},${bits},${JSON.stringify(values)}`
  if (handles || rare || !cell.kind.program || config.output !== undefined || config.history) {
    text += `,${JSON.stringify(moreOf(cell, handles))}`
  }
  return { text, state: names === undefined ? config.text : config.text + names }
}

function moreOf(cell: Cell, handles: readonly AlarmHandle[] | undefined): More {
  const { config, timers, kind, rareIfAny: rare } = cell
  const more: More = {}
  if (handles) Object.assign(more, { timers, handles })
  if (config.output !== undefined) more.output = config.output
  if (config.history) more.history = config.history
  if (!kind.program) more.tags = [...config.tags]
  if (rare) {
    const { input, birth, restarts, failures, trouble, rank, foreign } = rare
    more.few = { input, birth, restarts, failures, trouble, rank, foreign }
  }
  return more
}

/** Text of the names of its fields; undefined when it has to stand whole. */
function namesOf(context: JsonObject): string | undefined {
  let at = 0
  let same = true
  for (const name in context) {
    if (context[name] === undefined || name === '__proto__' || at === mostFields) return undefined
    same &&= name === lastNames[at]
    at++
  }
  if (!same || at !== lastNames.length) {
    lastNames = Object.keys(context)
    lastText = `\n${JSON.stringify(lastNames)}`
  }
  return lastText
}

/** The names that were read last. */
let readText = ''
let readNames: readonly string[] = []

export function unpack({ text, state = 'null' }: Packed): Unpacked {
  const parts = JSON.parse(`[${text}]`) as readonly [Count, number, JsonObject, More?]
  const [sequence, bits, context, more] = parts
  const shaped = (bits & isShaped) !== 0
  const cut = shaped ? state.indexOf('\n') : state.length
  return {
    sequence,
    done: (bits & isDone) !== 0,
    frozen: (bits & isFrozen) !== 0,
    context: shaped ? named(state.slice(cut), context as unknown as JsonValue[]) : context,
    valueText: state.slice(0, cut),
    ...more,
  }
}

function named(text: string, values: readonly JsonValue[]): JsonObject {
  if (text !== readText) {
    readNames = JSON.parse(text) as readonly string[]
    readText = text
  }
  const context: Record<string, JsonValue> = {}
  for (let at = 0; at < values.length; at++) {
    context[readNames[at] as string] = values[at] as JsonValue
  }
  return context
}

/** The state as it is kept. */
export function stateOf(unpacked: Unpacked): ActorState {
  const { valueText, context, done, output, history, timers } = unpacked
  return {
    value: JSON.parse(valueText) as JsonValue,
    context,
    status: done ? 'done' : 'active',
    ...(output !== undefined && { output }),
    ...(history && { history }),
    ...(timers && { timers }),
  }
}
