/**
 * Records: lazy, recursive, overridable.
 *
 * A record keeps for each field its *definition* — code plus the scope around the literal — and
 * instantiates it against the record that is asked (`self`). Merging builds a new record from the
 * definitions of both, so recursive references see the overrides:
 *
 *     { port = 80, url = "…:%{port}" } & { port | force = 8080 }
 *        definitions ──┐                    │
 *                      └── new self ────────┴─▶ url sees 8080
 *
 * A definition that does not mention its own record has one thunk, shared by all records it is
 * merged into.
 *
 * @module
 */
import type { Priority } from './ast.ts'
import { NickelError } from './error.ts'
import type { Label } from './label.ts'
import { compare, sameNumber } from './number.ts'
import type { Span } from './source.ts'
import {
  force,
  lazily,
  settled,
  Thunk,
  type Code,
  type Env,
  type Lazy,
  type Value,
} from './value.ts'

/** How a field gets its value, apart from contracts. */
export interface Definition {
  /** Does it mention other fields of its record? */
  readonly recursive: boolean
  instantiate(self: RecordValue): Lazy
  readonly span: Span | undefined
}

/** A contract waiting on a field until the field is read. */
export interface PendingContract {
  readonly recursive: boolean
  /** The contract as seen from `self`, applied. Throws blame. */
  apply(self: RecordValue, value: Lazy, field: string): Value
  /** Two pending contracts with the same key are one. */
  readonly key: unknown
}

export interface FieldMeta {
  readonly priority?: Priority
  readonly optional?: boolean
  readonly notExported?: boolean
  readonly doc?: string
  /** Where the field is declared: named by "missing definition". */
  readonly span: Span
}

export interface Field {
  readonly meta: FieldMeta
  readonly definition: Definition | undefined
  readonly contracts: readonly PendingContract[]
  /** The value with contracts applied, as seen from the record this field belongs to. */
  final: Lazy | undefined
}

export const field = (
  meta: FieldMeta,
  definition: Definition | undefined,
  contracts: readonly PendingContract[] = NO_CONTRACTS,
): Field => ({ meta, definition, contracts, final: undefined })

const NO_CONTRACTS: readonly PendingContract[] = []

/** Fields hidden behind the type variable of a polymorphic record. */
interface SealedTail {
  readonly key: object
  readonly fields: ReadonlyMap<string, Field>
  readonly owner: RecordValue
  readonly label: Label
}

export class RecordValue {
  readonly fields: Map<string, Field>
  readonly open: boolean
  readonly span: Span | undefined
  readonly sealed: SealedTail | undefined
  #frames: Map<Literal, Env> | undefined

  constructor(
    fields: Map<string, Field>,
    options: { open?: boolean; span?: Span | undefined; sealed?: SealedTail | undefined } = {},
  ) {
    this.fields = fields
    this.open = options.open === true
    this.span = options.span
    this.sealed = options.sealed
  }

  /** The field's value with contracts applied; undefined when there is no such field. */
  get(name: string): Lazy | undefined {
    const found = this.fields.get(name)
    return found === undefined ? undefined : this.finalOf(name, found)
  }

  finalOf(name: string, own: Field): Lazy {
    return (own.final ??= this.#final(name, own))
  }

  #final(name: string, own: Field): Lazy {
    const { definition, contracts } = own
    if (definition === undefined) {
      return lazily(own.meta.span, () => {
        throw missingDefinition(name, own, this)
      })
    }
    const value = definition.instantiate(this)
    if (contracts.length === 0) return value
    const span = value instanceof Thunk ? value.span : (definition.span ?? own.meta.span)
    return lazily(span, () => {
      let checked: Lazy = value
      for (const contract of contracts) {
        const applied = contract.apply(this, checked, name)
        // Keep pointing at the expression the author wrote, not at the result of the last contract.
        checked = checked instanceof Thunk ? settled(checked.span, applied) : applied
      }
      return force(checked)
    })
  }

  /** The scope in which a literal's recursive fields run when they belong to this record. */
  frame(literal: Literal): Env {
    const known = this.#frames?.get(literal)
    if (known !== undefined) return known
    const frame: Env = [literal.outer]
    this.#frames ??= new Map()
    this.#frames.set(literal, frame)
    // Registered before it is filled: fields refer to each other, and thunks do not look yet.
    for (const name of literal.names) frame.push(this.get(name))
    return frame
  }
}

/** One evaluation of a record literal: its outer scope and the fields its code refers to. */
export class Literal {
  /** Names in slot order, from slot 1. */
  readonly names: readonly string[]
  readonly outer: Env
  /** The scope for fields that mention none of the names. */
  readonly bare: Env
  constructor(names: readonly string[], outer: Env) {
    this.names = names
    this.outer = outer
    this.bare = [outer]
  }
}

/** A field written in a literal. */
export class LiteralDefinition implements Definition {
  readonly recursive: boolean
  readonly #literal: Literal
  readonly #code: Code
  #shared: Lazy | undefined
  constructor(literal: Literal, code: Code, recursive: boolean) {
    this.#literal = literal
    this.#code = code
    this.recursive = recursive
  }
  get span(): Span {
    return this.#code.span
  }
  instantiate(self: RecordValue): Lazy {
    // A thunk, never `delay`: the frame may still be filling up.
    if (this.recursive) return new Thunk(this.#code, self.frame(this.#literal))
    return (this.#shared ??= this.#code.delay(this.#literal.bare))
  }
}

/** A definition that is a value already. */
export class Fixed implements Definition {
  readonly recursive = false
  readonly value: Lazy
  readonly span: Span | undefined
  constructor(value: Lazy, span?: Span) {
    this.value = value
    this.span = span ?? (value instanceof Thunk ? value.span : undefined)
  }
  instantiate(): Lazy {
    return this.value
  }
}

/** A record of plain values, for native code. */
export function recordOf(values: Iterable<readonly [string, Lazy]>, span: Span): RecordValue {
  const fields = new Map<string, Field>()
  for (const [name, value] of values) fields.set(name, field({ span }, new Fixed(value)))
  return new RecordValue(fields, { span })
}

/** Fields that exist for readers: optional ones without a definition do not. */
export const isVisible = (own: Field): boolean =>
  own.definition !== undefined || own.meta.optional !== true

/** Applies pending contracts and cuts recursion: later overrides no longer reach into the record. */
export function freeze(record: RecordValue): RecordValue {
  const fields = new Map<string, Field>()
  for (const [name, own] of record.fields) {
    const definition = own.definition && new Fixed(record.finalOf(name, own), own.definition.span)
    fields.set(name, field(own.meta, definition, definition === undefined ? own.contracts : []))
  }
  return new RecordValue(fields, { open: record.open, span: record.span, sealed: record.sealed })
}

/** The report for touching a field that a polymorphic type hides. */
export const sealedField = (tail: SealedTail, name: string, span: Span): NickelError =>
  new NickelError({
    kind: 'parametricity',
    message: `the field \`${name}\` belongs to a polymorphic tail and cannot be used`,
    span,
    contractSpan: tail.label.contractSpan,
  })

/** Negative, zero, positive as the first priority is lower, equal, higher. */
export function comparePriorities(a: Priority | undefined, b: Priority | undefined): number {
  const rank = (x: Priority | undefined): number => (x === 'default' ? -1 : x === 'force' ? 1 : 0)
  const difference = rank(a) - rank(b)
  if (difference !== 0 || a === 'default' || a === 'force' || b === 'default' || b === 'force') {
    return difference
  }
  const [x, y] = [a ?? 0, b ?? 0]
  return sameNumber(x, y) ? 0 : compare(x, y)
}

export function missingDefinition(name: string, own: Field, record: RecordValue): NickelError {
  return new NickelError({
    kind: 'missing-definition',
    message: `missing definition for \`${name}\``,
    span: own.meta.span,
    spanText: 'required here',
    labels: record.span === undefined ? [] : [{ span: record.span, text: 'in this record' }],
    path: [name],
    notes: ['A field that may stay undefined is declared with `| optional`.'],
  })
}
