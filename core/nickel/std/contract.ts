/**
 * `std.contract`: making contracts, combining them, and blaming by hand.
 *
 * @module
 */
import { apply, check, customContract, readOutcome } from '../contract.ts'
import { requireEqual } from '../equal-contract.ts'
import { blame, Label } from '../label.ts'
import { recordOf, RecordValue } from '../record.ts'
import { ArrayValue, call, Contract, EnumValue, Failure, Fn, force, lazily, Native, originOf, typeOf, type Lazy, type Outcome, type Value } from '../value.ts' // prettier-ignore
import { moduleOf, native, tag, type Call } from './native.ts'
import { hasField } from './record.ts'
import { compare, isInteger, isNum } from '../number.ts'

export function labelOf(call: Call, index: number): Label {
  const value = call.value(index)
  return value instanceof Label ? value : call.wrong(index, 'a Label')
}

/** An outcome as programs see it: `'Ok value` or `'Error { message, notes, blame_location }`. */
export function outcomeTag(outcome: Outcome, call: Call, label: Label): EnumValue {
  if (!(outcome instanceof Failure)) return tag('Ok', outcome)
  const parts: [string, Lazy][] = []
  if (outcome.message !== undefined) parts.push(['message', outcome.message])
  if (outcome.notes.length > 0) parts.push(['notes', new ArrayValue(outcome.notes)])
  parts.push(['blame_location', outcome.blame ?? label])
  return tag('Error', recordOf(parts, call.site))
}

const contract = (text: string, run: (label: Label, value: Lazy) => Outcome): Contract =>
  new Contract('CustomContract', text, run)

const fromPredicate = (call: Call): Value => {
  const holds = call.predicate(0)
  return contract('a predicate', (_label, value) => (holds(value) ? value : new Failure()))
}

const fromValidator = (call: Call): Value => {
  const validate = call.function(0)
  return contract('a validator', (label, value) => {
    const answer = validate(value)
    if (answer instanceof EnumValue && answer.tag === 'Ok') return value
    return readOutcome(answer, value, label.contractSpan ?? originOf(call.lazy(0)))
  })
}

function sequence(call: Call): Value {
  const { items } = call.array(0)
  return contract('std.contract.Sequence', (label, value) => {
    let checked: Lazy = value
    for (const item of items) {
      const outcome = check(item, label, checked)
      if (outcome instanceof Failure) return outcome
      checked = outcome
    }
    return checked
  })
}

function anyOf(call: Call): Value {
  const { items } = call.array(0)
  return contract('std.contract.any_of', (label, value) => {
    const inner = label.with({ message: 'any_of: a delayed check of the picked branch failed' })
    const reasons: string[] = []
    for (const item of items) {
      const outcome = check(item, inner, value)
      if (!(outcome instanceof Failure)) return outcome
      if (outcome.message !== undefined) reasons.push(outcome.message)
    }
    return new Failure(
      "any_of: value didn't match any of the contracts",
      reasons.map((reason) => `one branch: ${reason}`),
    )
  })
}

const not = (call: Call): Value =>
  contract('std.contract.not', (label, value) =>
    check(call.lazy(0), label, value) instanceof Failure
      ? value
      : new Failure('not: value matched the immediate part of the contract'),
  )

const Equal = (): Value =>
  native('std.contract.Equal', 1, (call) =>
    contract('std.contract.Equal', (label, value) => requireEqual(call.lazy(0), value, label)),
  )

function blameWith(message: string, label: Label): never {
  return blame(label.with({ message }), new Failure(message))
}

const labelModule = (): RecordValue =>
  moduleOf({
    with_message: () =>
      native('std.contract.label.with_message', 2, (c) =>
        labelOf(c, 1).with({ message: c.string(0) }),
      ),
    with_notes: () =>
      native('std.contract.label.with_notes', 2, (c) => labelOf(c, 1).with({ notes: texts(c, 0) })),
    append_note: () =>
      native('std.contract.label.append_note', 2, (c) => {
        const label = labelOf(c, 1)
        return label.with({ notes: [...(label.parts.notes ?? []), c.string(0)] })
      }),
  })

export function texts(call: Call, index: number): string[] {
  return call.array(index).items.map((item) => {
    const text = force(item)
    return typeof text === 'string'
      ? text
      : call.refuse(index, `every element must be a String, one is of type ${typeOf(text)}`)
  })
}

/** A function whose result is checked by a contract that depends on the argument. */
function dependent(call: Call, domain: Lazy, codomain: (arg: Lazy) => Lazy): Value {
  return contract('std.contract.unstable.DependentFun', (label, value) => {
    const known = force(value)
    if (!(known instanceof Fn) && !(known instanceof Native))
      return new Failure('expected a function')
    return new Native('function', 1, ([given], site) => {
      const arg = lazily(site, () => apply(domain, label.on(given as Lazy), given as Lazy))
      const result = callOne(known, arg, call)
      return apply(codomain(arg), label.on(result), result)
    })
  })
}

const callOne = (fn: Value, arg: Lazy, at: Call): Value => call(fn, [arg], at.site)

/** Contracts on a function's first arguments, as upstream's unstable module offers them. */
const unstableModule = (): RecordValue =>
  moduleOf({
    DependentFun: () =>
      native('std.contract.unstable.DependentFun', 2, (c) => dependent(c, c.lazy(0), (arg) => c.function(1)(arg))),
    HasField: () =>
      native('std.contract.unstable.HasField', 1, (c) =>
        dependent(c, anything, (name) => onArgument(c, (record) => {
          const wanted = force(name)
          if (!(record instanceof RecordValue) || typeof wanted !== 'string' || hasField(record, wanted)) return undefined
          return `missing field \`${wanted}\``
        }, c.lazy(0))),
      ),
    RangeStep: () => step,
    IndexedArrayFun: () =>
      native('std.contract.unstable.IndexedArrayFun', 1, (c) => {
        const beyond = c.tag(0, ['Index', 'Split']) === 'Split' ? 1 : 0
        return dependent(c, natural, (index) => onArgument(c, (array) => {
          const at = force(index)
          if (!(array instanceof ArrayValue) || !isNum(at)) return undefined
          const last = array.items.length - 1 + beyond
          return compare(at, last) > 0 ? `invalid array indexing: expected at most ${last}` : undefined
        }, anything))
      }),
  }) // prettier-ignore

const anything = contract('Dyn', (_label, value) => value)
const natural = contract('std.number.Nat', (_label, value) => {
  const known = force(value)
  return isNum(known) && isInteger(known) && compare(known, 0) >= 0
    ? known
    : new Failure('expected a natural')
})
const step = contract('std.contract.unstable.RangeStep', (_label, value) => {
  const known = force(value)
  return isNum(known) && compare(known, 0) <= 0 ? new Failure('invalid range step') : known
})

/** A function contract that looks at the argument and hands the result to another contract. */
function onArgument(
  site: Call,
  problem: (value: Value) => string | undefined,
  codomain: Lazy,
): Contract {
  return contract('function', (label, value) => {
    const known = force(value)
    if (!(known instanceof Fn) && !(known instanceof Native))
      return new Failure('expected a function')
    return new Native('function', 1, ([given]) => {
      const message = problem(force(given as Lazy))
      if (message !== undefined)
        blame(
          label
            .step('domain')
            .flip()
            .on(given as Lazy),
          new Failure(message),
        )
      const result = callOne(known, given as Lazy, site)
      return apply(codomain, label.on(result), result)
    })
  })
}

export const contractModule = (): RecordValue =>
  moduleOf({
    Equal,
    Sequence: () => native('std.contract.Sequence', 1, sequence),
    all_of: () => native('std.contract.all_of', 1, sequence),
    any_of: () => native('std.contract.any_of', 1, anyOf),
    not: () => native('std.contract.not', 1, not),
    custom: () =>
      native('std.contract.custom', 1, (c) => (c.function(0), customContract(c.lazy(0)))),
    from_predicate: () => native('std.contract.from_predicate', 1, fromPredicate),
    from_validator: () => native('std.contract.from_validator', 1, fromValidator),
    blame: () => native('std.contract.blame', 1, (c) => blame(labelOf(c, 0))),
    blame_with_message: () =>
      native('std.contract.blame_with_message', 2, (c) => blameWith(c.string(0), labelOf(c, 1))),
    apply: () =>
      native('std.contract.apply', 3, (c) =>
        apply(c.lazy(0), labelOf(c, 1).on(c.lazy(2)), c.lazy(2)),
      ),
    check: () =>
      native('std.contract.check', 3, (c) => {
        const label = labelOf(c, 1)
        return outcomeTag(check(c.lazy(0), label.on(c.lazy(2)), c.lazy(2)), c, label)
      }),
    label: labelModule,
    unstable: unstableModule,
  })
