/**
 * The boot as a timed tree: what started, how long it took, what it waited for. Kept as data, so
 * that `prov plugins --tree`, JSON and a bench read the same.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { Millis } from '../units.ts'

export interface Span {
  readonly name: string
  /** From the start of the whole boot. */
  readonly startMs: Millis
  readonly ms: Millis
  /** How it ended, when not well. */
  readonly note?: string
  readonly children: readonly Span[]
}

/** Measures nested spans; one per boot. */
export class Stopwatch {
  readonly #clock: Clock
  readonly #zero: Millis
  readonly #name: string
  readonly #start: Millis
  readonly #children: Stopwatch[] = []
  #end: Millis | undefined
  #note: string | undefined

  constructor(name: string, clock: Clock, zero: Millis = clock.monotonic()) {
    this.#name = name
    this.#clock = clock
    this.#zero = zero
    this.#start = clock.monotonic()
  }

  /** Measures `work` as a child; a throw is noted and passed on. */
  async time<T>(name: string, work: (watch: Stopwatch) => Promise<T> | T): Promise<T> {
    const child = this.child(name)
    try {
      return await work(child)
    } catch (thrown) {
      child.note((thrown as { code?: string }).code ?? 'failed')
      throw thrown
    } finally {
      child.stop()
    }
  }

  child(name: string): Stopwatch {
    const child = new Stopwatch(name, this.#clock, this.#zero)
    this.#children.push(child)
    return child
  }

  note(text: string): void {
    this.#note = text
  }

  stop(): void {
    this.#end ??= this.#clock.monotonic()
  }

  span(): Span {
    return {
      name: this.#name,
      startMs: round(this.#start - this.#zero),
      ms: round((this.#end ?? this.#clock.monotonic()) - this.#start),
      ...(this.#note !== undefined && { note: this.#note }),
      children: this.#children.map((child) => child.span()),
    }
  }
}

/** The tree as lines, times in a column at the left. */
export function spanLines(span: Span): readonly string[] {
  const lines: string[] = []
  const walk = (at: Span, lead: string, rest: string) => {
    const time = `${at.ms.toFixed(1).padStart(8)} ms`
    lines.push(`${time}  ${lead}${at.name}${at.note === undefined ? '' : `  (${at.note})`}`)
    at.children.forEach((child, index) => {
      const last = index === at.children.length - 1
      walk(child, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`)
    })
  }
  walk(span, '', '')
  return lines
}

function round(ms: Millis): Millis {
  return Math.round(ms * 10) / 10
}
