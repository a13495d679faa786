/**
 * The merge operator `&`, and its other face: applying a record as a contract.
 *
 * Scalars merge when they are equal, arrays when they turn out equal, records field by field. For a
 * field on both sides the higher priority wins; at equal priorities the values are merged.
 *
 * @module
 */
import { closest, NickelError } from './error.ts'
import { requireEqual } from './equal-contract.ts'
import { Label } from './label.ts'
import { Fraction, sameNumber } from './number.ts'
import {
  comparePriorities,
  field,
  RecordValue,
  type Definition,
  type Field,
  type PendingContract,
} from './record.ts'
import type { Span } from './source.ts'
import { ArrayValue, EnumValue, Failure, force, lazily, originOf, Sealed, sealedError, spanOf, type Thunk, typeOf, type Lazy, type Value } from './value.ts' // prettier-ignore

/** Merges two values; `site` is the expression that asked. Throws a `merge` error on conflict. */
export function merge(left: Lazy, right: Lazy, site: Span): Value {
  const a = force(left)
  const b = force(right)
  if (a instanceof RecordValue && b instanceof RecordValue) return mergeRecords(a, b, site, site)
  if (a === b && (a === null || typeof a === 'boolean' || typeof a === 'string' || typeof a === 'number')) return a // prettier-ignore
  if (a instanceof Fraction && b instanceof Fraction && sameNumber(a, b)) return a
  if (a instanceof EnumValue && b instanceof EnumValue && a.tag === b.tag) {
    const [x, y] = [a.arg, b.arg]
    if (x === undefined && y === undefined) return a
    if (x !== undefined && y !== undefined) {
      return new EnumValue(
        a.tag,
        lazily(site, () => merge(x, y, site)),
        a.span,
      )
    }
  }
  if (a instanceof ArrayValue && b instanceof ArrayValue) {
    const label = new Label({
      contractSpan: originOf(left) ?? a.span,
      value: right,
      message: 'cannot merge unequal arrays',
      notes: [
        'Arrays can only be merged if they are equal; give one of them a priority (`| default`, `| force`) to choose.',
      ],
    })
    return force(requireEqual(left, right, label))
  }
  if (a instanceof Sealed) throw sealedError(a, site)
  if (b instanceof Sealed) throw sealedError(b, site)
  throw conflict(left, right, site)
}

function conflict(left: Lazy, right: Lazy, site: Span): NickelError {
  const a = force(left)
  const b = force(right)
  const kinds = [typeOf(a), typeOf(b)]
  const [first] = kinds
  const notes = ['Merge operands have the same merge priority but they cannot be combined.']
  if (first === kinds[1]) {
    if (first === 'Function') notes.push('Functions can never be merged.')
    else notes.push(`Both values are of type ${String(first)} but they are not equal.`)
  } else notes.push(`One value is of type ${kinds[0]}, the other of type ${kinds[1]}.`)
  notes.push('`| default` lets a value be overridden, `| force` lets it override.')
  const leftSpan = originOf(left) ?? spanOf(a)
  const rightSpan = originOf(right) ?? spanOf(b)
  return new NickelError({
    kind: 'merge',
    message: 'values cannot be merged',
    span: leftSpan ?? site,
    spanText: 'cannot merge this expression',
    labels: [
      ...(rightSpan === undefined ? [] : [{ span: rightSpan, text: 'with this expression' }]),
      ...(leftSpan === undefined ? [] : [{ span: site, text: 'merged here' }]),
    ],
    notes,
  })
}

/** Merges two records; the result's place is `span`. */
function mergeRecords(
  a: RecordValue,
  b: RecordValue,
  site: Span,
  span: Span | undefined,
): RecordValue {
  if (a.fields.size === 0 && a.sealed === undefined && a.open === b.open) return b
  if (b.fields.size === 0 && b.sealed === undefined && a.open === b.open) return a
  const tail = a.sealed ?? b.sealed
  if (tail !== undefined) {
    throw new NickelError({
      kind: 'parametricity',
      message: 'a record with a polymorphic tail cannot be merged',
      span: site,
      contractSpan: tail.label.contractSpan,
    })
  }
  const fields = new Map<string, Field>()
  for (const [name, own] of a.fields) {
    const other = b.fields.get(name)
    fields.set(name, other === undefined ? renewed(own) : mergeFields(own, other, site))
  }
  for (const [name, own] of b.fields) {
    if (!a.fields.has(name)) fields.set(name, renewed(own))
  }
  return new RecordValue(fields, { open: a.open || b.open, span })
}

/** The same field for another record: what was computed against the old one is forgotten. */
const renewed = (own: Field): Field => field(own.meta, own.definition, own.contracts)

function mergeFields(a: Field, b: Field, site: Span): Field {
  const order = comparePriorities(a.meta.priority, b.meta.priority)
  let definition: Definition | undefined
  let winner = a
  if (a.definition !== undefined && b.definition !== undefined && order === 0) {
    definition = new MergedDefinition(a.definition, b.definition, site)
  } else {
    const takeLeft = a.definition !== undefined && (b.definition === undefined || order > 0)
    winner = takeLeft || b.definition === undefined ? a : b
    definition = winner.definition
  }
  const { priority } = winner.meta
  const doc = a.meta.doc ?? b.meta.doc
  const optional = a.meta.optional === true && b.meta.optional === true
  const notExported = a.meta.notExported === true || b.meta.notExported === true
  const meta = {
    span: (a.definition === undefined && b.definition !== undefined ? b : a).meta.span,
    ...(definition === undefined || priority === undefined ? {} : { priority }),
    ...(doc === undefined ? {} : { doc }),
    ...(optional ? { optional } : {}),
    ...(notExported ? { notExported } : {}),
  }
  return field(meta, definition, combine(a.contracts, b.contracts))
}

/** Both lists, without repeating a contract that both sides carry. */
function combine(
  a: readonly PendingContract[],
  b: readonly PendingContract[],
): readonly PendingContract[] {
  if (b.length === 0) return a
  if (a.length === 0) return b
  const keys = new Set(a.map(({ key }) => key))
  return [...a, ...b.filter(({ key }) => !keys.has(key))]
}

/** The values of a field that both records define at the same priority. */
class MergedDefinition implements Definition {
  readonly recursive: boolean
  readonly span: Span | undefined
  readonly #a: Definition
  readonly #b: Definition
  readonly #site: Span
  #shared: Lazy | undefined
  constructor(a: Definition, b: Definition, site: Span) {
    this.recursive = a.recursive || b.recursive
    this.span = a.span ?? b.span
    this.#a = a
    this.#b = b
    this.#site = site
  }
  instantiate(self: RecordValue): Lazy {
    if (!this.recursive) return (this.#shared ??= this.#thunk(self))
    return this.#thunk(self)
  }
  #thunk(self: RecordValue): Thunk {
    return lazily(this.span ?? this.#site, () =>
      merge(this.#a.instantiate(self), this.#b.instantiate(self), this.#site),
    )
  }
}

/**
 * Applies a record as a contract. Fields that a closed contract does not list are an immediate
 * failure; everything else waits until a field is read.
 */
export function mergeContract(
  value: RecordValue,
  contract: RecordValue,
  site: Span,
): RecordValue | Failure {
  if (!contract.open) {
    const extra = [...value.fields.keys()].filter((name) => !contract.fields.has(name))
    if (extra.length > 0) return extraFields(extra, value, contract)
  }
  return mergeRecords(value, contract, site, value.span ?? site)
}

function extraFields(extra: readonly string[], value: RecordValue, contract: RecordValue): Failure {
  const list = extra.map((name) => `\`${name}\``).join(', ')
  const missing = [...contract.fields.keys()].filter((name) => !value.fields.has(name))
  const [first] = extra as [string]
  const suggestion = closest(first, missing)
  return new Failure(
    `extra field${extra.length === 1 ? '' : 's'} ${list}`,
    [
      ...(suggestion === undefined ? ['Have you misspelled a field?'] : []),
      'A record contract excludes fields it does not list; end it with `..` to accept more.',
    ],
    { suggestion, span: value.fields.get(first)?.meta.span },
  )
}
