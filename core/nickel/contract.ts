/**
 * Applying contracts: the one place that knows everything that can act as one.
 *
 * - a type or custom contract checks and answers a value or a {@link Failure};
 * - a record is merged into the value;
 * - a plain function of a label and a value is called, and blames by itself.
 *
 * `check` answers immediate failures as data (any_of, not, … build on it); `apply` blames.
 *
 * @module
 */
import { NickelError } from './error.ts'
import { blame, Label } from './label.ts'
import { mergeContract } from './merge.ts'
import { RecordValue, type PendingContract } from './record.ts'
import type { Span } from './source.ts'
import { ArrayValue, call, Contract, EnumValue, Failure, Fn, force, lazily, Native, originOf, spanOf, type Thunk, typeOf, withArticle, type Lazy, type Outcome, type Value } from './value.ts' // prettier-ignore

/** What the contract says about the value, immediate failures as data. */
export function check(contract: Lazy, label: Label, value: Lazy): Outcome {
  const known = force(contract)
  if (known instanceof Contract) return known.check(label, value)
  if (known instanceof RecordValue) return checkRecord(known, label, value)
  const site = label.contractSpan ?? originOf(contract)
  if (known instanceof Fn || known instanceof Native) {
    return call(known, [label, value], site as Span)
  }
  throw new NickelError({
    kind: 'type',
    message: 'not a contract',
    span: site ?? spanOf(known),
    spanText: `this is ${withArticle(typeOf(known))}, which cannot be used as a contract`,
    notes: contractHints(known),
  })
}

function contractHints(value: Value): string[] {
  if (value instanceof EnumValue) return [`An enum type is written [| '${value.tag} |].`]
  if (value instanceof ArrayValue) return ['The type of arrays is written `Array Type`.']
  return ['A contract is a type, a record, or made with std.contract.custom.']
}

/** The value under the contract; throws blame for an immediate failure. */
export function apply(contract: Lazy, label: Label, value: Lazy): Value {
  const outcome = check(contract, label, value)
  return outcome instanceof Failure ? blame(label, outcome) : force(outcome)
}

function checkRecord(contract: RecordValue, label: Label, value: Lazy): Outcome {
  const known = force(value)
  if (!(known instanceof RecordValue)) {
    return new Failure(`expected a record, got ${withArticle(typeOf(known))}`)
  }
  return mergeContract(known, contract, label.contractSpan ?? (contract.span as Span))
}

/** A thunk that applies a contract when asked; keeps pointing at the original expression. */
export function applyLater(contract: Lazy, label: Label, value: Lazy): Thunk {
  const span = originOf(value) ?? label.contractSpan ?? (label.parts.valueSpan as Span)
  return lazily(span, () => apply(contract, label, value))
}

/** A contract that a dictionary or a library function puts on a field. */
export class FieldContract implements PendingContract {
  readonly recursive = false
  readonly key: unknown
  readonly #contract: Lazy
  readonly #label: Label
  constructor(contract: Lazy, label: Label) {
    this.#contract = contract
    this.#label = label
    this.key = this
  }
  apply(_self: RecordValue, value: Lazy, field: string): Value {
    return apply(this.#contract, this.#label.step({ field }).with({ value }), value)
  }
}

/** Reads what the body of a custom contract answered: `'Ok value` or `'Error { message, … }`. */
export function readOutcome(answer: Value, value: Lazy, site: Span | undefined): Outcome {
  if (answer instanceof EnumValue) {
    if (answer.tag === 'Ok') return answer.arg ?? value
    if (answer.tag === 'Error') return readFailure(answer.arg)
  }
  throw new NickelError({
    kind: 'contract',
    message: "a custom contract must return `'Ok value` or `'Error { message = … }`",
    span: site,
    spanText: `this contract returned ${withArticle(typeOf(answer))}`,
  })
}

function readFailure(arg: Lazy | undefined): Failure {
  if (arg === undefined) return new Failure()
  const record = force(arg)
  if (!(record instanceof RecordValue)) return new Failure()
  const read = (name: string): Value | undefined => {
    const own = record.fields.get(name)
    return own?.definition === undefined ? undefined : force(record.finalOf(name, own))
  }
  const message = read('message')
  const notes = read('notes')
  const location = read('blame_location')
  const texts = notes instanceof ArrayValue ? notes.items.map((item) => force(item)) : []
  return new Failure(
    typeof message === 'string' ? message : undefined,
    texts.filter((text) => typeof text === 'string'),
    { blame: location instanceof Label ? location : undefined },
  )
}

/** A contract made of a function that answers `'Ok` or `'Error`. */
export function customContract(body: Lazy): Contract {
  return new Contract('CustomContract', 'a custom contract', (label, value) => {
    const site = label.contractSpan ?? originOf(body)
    const answer = call(force(body), [label, value], site as Span)
    return readOutcome(answer, value, originOf(body) ?? site)
  })
}
