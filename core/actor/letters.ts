/**
 * Dead letters: messages that no actor took, with why and, where that is small enough, with what they
 * said, so that a person can send them again. A letter that is replayed leaves the list; the same
 * message comes back as a new letter when it fails again, and remembers how often it was replayed.
 *
 *     refused, failed, poison … ─▶ letter 17 ─replay▶ promise `letter/17:1:0` ─▶ handled
 *                                     ▲                                      └─▶ letter 23, 1 replay
 *                                     └── at most `replayCap` rounds ────────────────┘
 *
 * Bodies are looked at once per moment and not per letter, so a flood of refusals costs next to
 * nothing. What was meant for a volatile actor is not written to disk: of those only the type is.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import { defined } from '../optional.ts'
import type { Bytes, Count, Millis } from '../units.ts'
import type { ActorEvent } from './define.ts'
import { nameOf } from './mail.ts'
import { weigh } from './weigh.ts'

/**
 * `unknown` nobody was ever started there; `stopped` it has ended; `full` its mailbox was, and the
 * sender was told; `dropped` a lossy mailbox made room; `parked` it waits for a person; `failed` its
 * step threw; `poison` its step threw too often; `skipped` a person said so; `invalid` it is no event.
 */
export type LetterReason =
  | 'unknown'
  | 'stopped'
  | 'full'
  | 'dropped'
  | 'parked'
  | 'failed'
  | 'poison'
  | 'skipped'
  | 'invalid'

/** Why a letter has no body: too large, not plain JSON, or only ever in the memory of a process. */
export type Bodiless = 'large' | 'not-json' | 'volatile'

/** A message that no actor took. */
export interface DeadLetter {
  /** Counts up from 1 in a journal; never given twice. */
  readonly id: Count
  /** Whom it was for. */
  readonly address: string
  /** Type of the event. */
  readonly event: string
  readonly reason: LetterReason
  readonly timeMs: Millis
  /** The event itself. */
  readonly body?: ActorEvent
  readonly bodiless?: Bodiless
  /** Address of the actor that told it. */
  readonly from?: string
  /** Version of the receiver's type at that time. */
  readonly version?: Count
  /** Id of its first letter, when it was replayed before. */
  readonly of?: Count
  /** How often it was replayed before it came here again. */
  readonly replays?: Count
}

/** What `deadLetters` tells. */
export interface DeadLetters {
  /** All that there ever were. */
  readonly count: Count
  /** Those that are kept, the newest first. */
  readonly rows: readonly DeadLetter[]
  /** Those that made room for newer ones, by their reason. */
  readonly left: LettersLeft
}

export type LettersLeft = Readonly<Partial<Record<LetterReason, Count>>>

/** What is written of letters that were added: the first one has this id. */
export interface LetterRecord {
  readonly first: Count
  readonly letters: readonly DeadLetter[]
  /** What had made room by then. Absent: nothing, or an older kernel wrote it. */
  readonly left?: LettersLeft
}

/** What is known when a message is given up. */
export interface Draft {
  readonly address: string
  readonly event: unknown
  readonly reason: LetterReason
  readonly timeMs: Millis
  readonly from?: string | undefined
  readonly version?: Count | undefined
  /** Outbox id of the promise it came from: tells a replay from a first time. */
  readonly cause?: string | undefined
  /** Its receiver keeps nothing, so its body is not written either. */
  readonly volatile?: boolean | undefined
}

/** Which letters: all that are named by every field that is given. */
export interface LetterFilter {
  readonly address?: string | undefined
  /** The part of the address before the first `/`. */
  readonly type?: string | undefined
  readonly event?: string | undefined
  readonly reason?: LetterReason | undefined
}

/** Letters kept; older ones are only counted, by their reason. */
export const letterCap: Count = 1_000
/** Room for the text of all letters that are kept, at two bytes a character. */
export const lettersBytes: Bytes = 4_194_304
/** Largest body that is kept. */
export const largestBody: Bytes = 4_096
/** Longest address and name of an event that is kept, in characters; longer ones end in `…`. */
export const longestName: Count = 1_024
/** How often one message may be replayed. */
export const replayCap: Count = 3
/** Largest record of letters. */
const largestRecord: Bytes = 262_144

/** A letter in memory: its body may be more than what is written. */
interface Held extends DeadLetter {
  readonly volatile?: boolean
  bytes: Bytes
}

/** True for a letter that is named by every field of a filter. */
export const isMeant = (row: DeadLetter, { address, type, event, reason }: LetterFilter): boolean =>
  (address === undefined || row.address === address) &&
  (type === undefined || row.address.startsWith(`${type}/`)) &&
  (event === undefined || row.event === event) &&
  (reason === undefined || row.reason === reason)

export class Letters {
  /** In order of ids, which is order of age. */
  readonly #held = new Map<Count, Held>()
  #left: Partial<Record<LetterReason, Count>> = {}
  #bytes: Bytes = 0
  #count: Count = 0
  /** No letter before this one is held. */
  #oldest: Count = 1
  /** Letters from here on have not been looked at: their bodies are whatever was sent. */
  #unsealed: Count = 1
  /** Letters from here on have not been written. */
  #unwritten: Count = 1

  /** Letters so far; the newest one has this id. */
  get count(): Count {
    return this.#count
  }

  /** Letters that made room for newer ones, by their reason. */
  get left(): LettersLeft {
    return { ...this.#left }
  }

  /** The oldest first. */
  get rows(): readonly DeadLetter[] {
    this.#seal()
    return [...this.#held.values()].map(shown)
  }

  /** As they are written. */
  get kept(): readonly DeadLetter[] {
    this.#seal()
    return [...this.#held.values()].map(written)
  }

  /** A message is given up. True when it is the first one since the last `unwritten`. */
  add(draft: Draft): boolean {
    const { address, event, reason, timeMs, from, version, cause, volatile } = draft
    const id = ++this.#count
    const held = {
      id,
      address: cut(address),
      event: cut(nameOf(event)),
      reason,
      timeMs,
      body: event as ActorEvent,
      from: from && cut(from),
      version,
      ...lineage(cause),
      volatile,
      bytes: 0,
    }
    // Whoever has no address that can be kept cannot be sent anything again.
    const chars = address.length > longestName ? Infinity : weigh(event, largestBody)
    this.#hold(light(held as DeadLetter, chars), chars)
    return id === this.#unwritten
  }

  /** Takes over what a snapshot holds. */
  load(rows: readonly DeadLetter[], count: Count, left: LettersLeft = {}): void {
    // The first kernel gave no ids: they follow from the places.
    const first = count - rows.length + 1
    this.#count = count
    rows.forEach((row, at) => this.#hold({ ...row, id: row.id ?? first + at }))
    this.#left = { ...left }
    this.#settled()
  }

  /** Those that are known change nothing. */
  enter({ first, letters, left }: LetterRecord): void {
    const known = this.#count
    letters.forEach((row, at) => {
      const id = row.id ?? first + at
      if (id <= this.#count) return
      this.#count = id
      this.#hold({ ...row, id })
    })
    // In a flood some made room before they were written: whoever wrote this knows of them.
    if (left && this.#count > known) this.#left = { ...left }
    this.#settled()
  }

  find(id: Count): DeadLetter | undefined {
    this.#seal()
    const held = this.#held.get(id)
    return held && shown(held)
  }

  matching(filter: LetterFilter): readonly DeadLetter[] {
    return this.rows.filter((row) => isMeant(row, filter))
  }

  /** A letter is replayed: it leaves. False when it is not there. */
  take(id: Count): boolean {
    this.#bytes -= this.#held.get(id)?.bytes ?? 0
    return this.#held.delete(id)
  }

  /** What was added since the last time, in records of a bearable size. */
  unwritten(): readonly LetterRecord[] {
    this.#seal()
    const left = Object.keys(this.#left).length > 0 && { left: this.left }
    const records: (LetterRecord & { readonly letters: DeadLetter[] })[] = []
    let size = largestRecord
    for (const held of this.#newest(this.#unwritten)) {
      const letter = written(held)
      const bytes = JSON.stringify(letter).length
      if (size + bytes > largestRecord) {
        records.push({ first: letter.id, letters: [], ...left })
        size = 0
      }
      records.at(-1)?.letters.push(letter)
      size += bytes
    }
    this.#unwritten = this.#count + 1
    return records
  }

  /** `chars` of its body, where they are known. */
  #hold(letter: DeadLetter, chars = weigh(letter.body, largestBody)): void {
    const { address, event, from = '' } = letter
    const said = letter.bodiless === undefined ? Math.min(chars ?? largestBody, largestBody) : 0
    const bytes = 2 * (address.length + event.length + from.length + said)
    // Ours: a copy of what was read, or made by `add`.
    const held = letter as Held
    held.bytes = bytes
    this.#held.set(letter.id, held)
    this.#bytes += bytes
    while (this.#held.size > letterCap || this.#bytes > lettersBytes) {
      const oldest = this.#held.get(this.#oldest)
      if (oldest) this.#left[oldest.reason] = (this.#left[oldest.reason] ?? 0) + 1
      this.take(this.#oldest++)
    }
  }

  #settled(): void {
    this.#unsealed = this.#count + 1
    this.#unwritten = this.#count + 1
  }

  #seal(): void {
    if (this.#unsealed > this.#count) return
    for (const held of this.#newest(this.#unsealed)) this.#held.set(held.id, sealed(held))
    this.#unsealed = this.#count + 1
  }

  #newest(from: Count): readonly Held[] {
    const newest: Held[] = []
    for (let id = Math.max(from, this.#count - letterCap + 1); id <= this.#count; id++) {
      const held = this.#held.get(id)
      if (held) newest.push(held)
    }
    return newest
  }
}

/** A copy that nobody else can change, with a body that is worth keeping. */
function sealed(held: Held): Held {
  const { body, ...rest } = held
  if (rest.bodiless !== undefined) return defined(rest) as Held
  return defined({ ...rest, ...bounded(body) }) as Held
}

/** An event as it may be kept: whole, or not at all with the reason. */
export function bounded(event: unknown): Pick<DeadLetter, 'body' | 'bodiless'> {
  if (typeof event !== 'object' || event === null) return { bodiless: 'not-json' }
  try {
    const text = JSON.stringify(event)
    if (text === undefined) return { bodiless: 'not-json' }
    if (Buffer.byteLength(text) > largestBody) return { bodiless: 'large' }
    return { body: JSON.parse(text) as ActorEvent }
  } catch {
    return { bodiless: 'not-json' }
  }
}

/** As it is held: with the event itself, unless that is too large or nobody can tell. */
function light(letter: DeadLetter, chars: Count | undefined): DeadLetter {
  if (chars !== undefined && chars <= largestBody) return letter
  const { body, ...rest } = letter
  return chars === undefined ? { ...rest, ...bounded(body) } : { ...rest, bodiless: 'large' }
}

/** Through bytes: a slice would keep hold of the whole. */
const cut = (name: string): string =>
  name.length > longestName ? `${Buffer.from(name.slice(0, longestName)).toString()}…` : name

const shown = ({ volatile: _, bytes: _bytes, ...letter }: Held): DeadLetter => letter

function written(held: Held): DeadLetter {
  const { body, ...rest } = shown(held)
  if (!held.volatile) return body === undefined ? rest : { ...rest, body }
  return { ...rest, bodiless: rest.bodiless ?? 'volatile' }
}

/** Where a replay's promise is made: its outbox id is `letter/<first id>:<replays>:0`. */
export function replayMark(letter: DeadLetter): {
  readonly address: `letter/${number}`
  readonly sequence: Count
} {
  return { address: `letter/${letter.of ?? letter.id}`, sequence: (letter.replays ?? 0) + 1 }
}

/** What a replay promises, for the outbox. */
export function replayTell(letter: DeadLetter): JsonValue {
  const { address: to, body: event, from } = letter
  return defined({ to, event, from }) as unknown as JsonValue
}

function lineage(cause: string | undefined): Pick<DeadLetter, 'of' | 'replays'> | undefined {
  if (!cause?.startsWith('letter/')) return undefined
  const [of, replays] = cause.slice('letter/'.length).split(':').map(Number)
  return { of: of as Count, replays: replays as Count }
}
