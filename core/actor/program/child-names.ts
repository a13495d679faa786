/**
 * Ids of children to whom nobody gave one: `<src>-<time>`, then `<src>-<time>-1` and on, the first that
 * stands nowhere in the context or among what the step asked for. The same step gives the same ids
 * again, so the rule is for good. What was looked through once is not looked through for each child.
 *
 * @module
 */
import type { JsonObject } from '../../json.ts'
import type { Millis } from '../../units.ts'
import type { Asked } from './program.ts'

/** What a step has come to. Contexts are replaced and never changed; what is asked for only grows. */
export interface Naming {
  readonly nowMs: Millis
  readonly context: JsonObject
  readonly asked: readonly Asked[] | undefined
}

/** Numbers of one name that are taken. */
interface Taken {
  /** By what was asked for, of which the first `upTo` are looked through. */
  readonly byAsked: Set<number>
  upTo: number
  /** All below are in `byAsked`. */
  free: number
  byContext: Set<number> | undefined
}

export class ChildNames {
  readonly #names = new Map<string, Taken>()
  #context: JsonObject | undefined = undefined
  #asked: readonly Asked[] | undefined = undefined

  next(src: string, { nowMs, context, asked }: Naming): string {
    this.#look(context, asked)
    const name = `${src}-${nowMs.toString(36)}`
    let taken = this.#names.get(name)
    if (!taken) {
      taken = { byAsked: new Set(), upTo: 0, free: 0, byContext: undefined }
      this.#names.set(name, taken)
    }
    for (; taken.upTo < (asked?.length ?? 0); taken.upTo++) {
      find(name, asked?.[taken.upTo], taken.byAsked)
    }
    if (!taken.byContext) find(name, context, (taken.byContext = new Set()))
    while (taken.byAsked.has(taken.free)) taken.free++
    let number = taken.free
    while (taken.byAsked.has(number) || taken.byContext.has(number)) number++
    return number === 0 ? name : `${name}-${number}`
  }

  /** Forgets what is no longer so. */
  #look(context: JsonObject, asked: readonly Asked[] | undefined): void {
    if (asked !== this.#asked) {
      // Another step; the first thing that a step asks for makes its list.
      if (this.#asked !== undefined) this.#names.clear()
      this.#asked = asked
    }
    if (context === this.#context) return
    this.#context = context
    for (const taken of this.#names.values()) taken.byContext = undefined
  }
}

/** Adds each number under which a name stands somewhere in data: as a text of its own, or as a key. */
function find(name: string, data: unknown, numbers: Set<number>): void {
  const text = JSON.stringify([data])
  const start = JSON.stringify(name).slice(0, -1)
  for (let at = text.indexOf(start); at >= 0; at = text.indexOf(start, at + 1)) {
    const from = at + start.length
    const rest = text.slice(from, text.indexOf('"', from))
    if (rest === '') numbers.add(0)
    else if (/^-[1-9]\d*$/.test(rest)) numbers.add(Number(rest.slice(1)))
  }
}
