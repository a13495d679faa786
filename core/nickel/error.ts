/**
 * The one error of this room.
 *
 * A failure carries what a person needs to mend it: what is wrong, where the value stands, where
 * the rule it broke stands, the path of the field, hints, and through which imports it was reached.
 * It never shows a JavaScript stack: what went wrong is in the Nickel text, not in this program.
 *
 * @module
 */
import { renderReport } from './diagnostics.ts'
import { placeOf, type Place, type Span } from './source.ts'

/** What kind of failure; stable words for programs to branch on. */
export type NickelErrorKind =
  | 'parse'
  | 'scope'
  | 'type'
  | 'contract'
  | 'merge'
  | 'missing-field'
  | 'missing-definition'
  | 'match'
  | 'import'
  | 'infinite-recursion'
  | 'export'
  | 'parametricity'
  | 'unsupported'
  | 'budget'
  | 'other'

/** A labelled stretch of source inside a report. `primary` ones are underlined with `^`. */
export interface ReportLabel {
  readonly span: Span
  readonly text: string
  readonly primary?: boolean
}

/** What a failure is made of; see {@link NickelError} for the meaning of each part. */
export interface NickelFailure {
  readonly kind: NickelErrorKind
  readonly message: string
  /** A second line under the headline: the message of a custom contract. */
  readonly detail?: string | undefined
  readonly span?: Span | undefined
  readonly spanText?: string | undefined
  readonly contractSpan?: Span | undefined
  readonly contractText?: string | undefined
  readonly labels?: readonly ReportLabel[]
  readonly path?: readonly string[]
  readonly notes?: readonly string[]
  readonly suggestion?: string | undefined
}

/** How {@link NickelError.render} prints. */
export interface RenderOptions {
  /** ANSI colours. Default: false. */
  readonly color?: boolean
}

/** Everything that can go wrong while reading, evaluating or exporting Nickel. */
export class NickelError extends Error {
  /** The kind of failure. */
  readonly kind: NickelErrorKind
  /** Path of the record field concerned; empty when no field is concerned. */
  path: readonly string[]
  /** Files through which the failing file was imported, outermost first. */
  importChain: readonly Place[] = []
  readonly #failure: NickelFailure

  constructor(failure: NickelFailure) {
    super(failure.detail === undefined ? failure.message : `${failure.message}: ${failure.detail}`)
    this.name = 'NickelError'
    this.kind = failure.kind
    this.#failure = failure
    this.path = failure.path ?? []
    // The JavaScript stack says nothing about the mistake and everything about our insides.
    this.stack = `${this.name}: ${this.message}`
  }

  /** The raw parts, for reports. Not enumerable: it holds whole source texts. */
  get failure(): NickelFailure {
    return this.#failure
  }

  /** Where the offending value (or name, or token) stands. */
  get place(): Place | undefined {
    return this.failure.span && placeOf(this.failure.span)
  }

  /** Where the contract, type or record that was broken stands. */
  get contractPlace(): Place | undefined {
    return this.failure.contractSpan && placeOf(this.failure.contractSpan)
  }

  /** Further hints, one sentence each. */
  get notes(): readonly string[] {
    return this.failure.notes ?? []
  }

  /** A name that was probably meant. */
  get suggestion(): string | undefined {
    return this.failure.suggestion
  }

  /** The report for a terminal: headline, excerpt of the source with marks, notes. */
  render(options: RenderOptions = {}): string {
    return renderReport(this, options)
  }

  /** The same as data, for tools; places count from 1. */
  toJSON(): Record<string, unknown> {
    return {
      kind: this.kind,
      message: this.message,
      place: this.place,
      contractPlace: this.contractPlace,
      path: this.path,
      notes: this.notes,
      suggestion: this.suggestion,
      importChain: this.importChain,
    }
  }
}

/** Throws a {@link NickelError}; an expression, so that it fits into conditional chains. */
export const fail = (failure: NickelFailure): never => {
  throw new NickelError(failure)
}

/** The candidate closest to a misspelt name, if one is close enough to be worth saying. */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  // A word replaced entirely is another word, not a misspelling.
  let bestCost = Math.min(Math.max(1, Math.floor(name.length / 3)) + 0.9, name.length)
  for (const candidate of candidates) {
    const lengths = Math.abs(candidate.length - name.length)
    if (candidate === name || lengths > bestCost) continue
    // At equal distance the word of the same length is the likelier one.
    const cost = editDistance(name, candidate) + Math.min(lengths, 5) / 10
    if (cost < bestCost) {
      best = candidate
      bestCost = cost
    }
  }
  return best
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(
        (last[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (last[j - 1] as number) + (same ? 0 : 1),
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] as number) + 1)
      }
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] as number
}
