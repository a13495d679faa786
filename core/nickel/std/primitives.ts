/**
 * The primitive operators `%name%`, in terms of the library where they mean the same.
 *
 * @module
 */
import { apply, check, customContract, FieldContract } from '../contract.ts'
import { NickelError } from '../error.ts'
import { blame } from '../label.ts'
import { mergeContract } from '../merge.ts'
import { parseNumber, toDouble } from '../number.ts'
import { field, freeze, isVisible, recordOf, RecordValue, type Field } from '../record.ts'
import {
  ArrayValue,
  call as applyFunction,
  EnumValue,
  force,
  lazily,
  Native,
  Sealed,
  typeOf,
  type Lazy,
  type Value,
} from '../value.ts'
import { sliceOf } from './array.ts'
import { labelOf, outcomeTag, texts } from './contract.ts'
import { deserialize, hash, serialize } from './formats.ts'
import { Call, tag } from './native.ts'
import { double, logarithm, power } from './number.ts'
import { hasField, insert, mapFields, remove } from './record.ts'
import * as text from './string.ts'

/** Completely evaluates data inside a value. */
export function deepForce(lazy: Lazy): Value {
  const value = force(lazy)
  if (value instanceof ArrayValue) for (const item of value.items) deepForce(item)
  else if (value instanceof RecordValue) {
    for (const [name, own] of value.fields) if (isVisible(own)) deepForce(value.finalOf(name, own))
  } else if (value instanceof EnumValue && value.arg !== undefined) deepForce(value.arg)
  return value
}

/** The tag that `std.typeof` answers. */
export const typeTag = (value: Value): string => {
  const name = typeOf(value)
  return name === 'Null' || name === 'Sealed' ? 'Other' : name
}

function splitPair(call: Call): RecordValue {
  const left = freeze(call.record(0))
  const right = freeze(call.record(1))
  const part = (from: RecordValue, other: RecordValue, both: boolean): RecordValue =>
    new RecordValue(
      new Map(
        [...from.fields].filter(([name, own]) => isVisible(own) && hasField(other, name) === both),
      ),
      { span: call.site },
    )
  return recordOf(
    [
      ['left_only', part(left, right, false)],
      ['left_center', part(left, right, true)],
      ['right_center', part(right, left, true)],
      ['right_only', part(right, left, false)],
    ],
    call.site,
  )
}

function disjoint(call: Call): RecordValue {
  const left = freeze(call.record(0))
  const right = freeze(call.record(1))
  return new RecordValue(new Map([...left.fields, ...right.fields]), {
    open: left.open || right.open,
    span: call.site,
    sealed: left.sealed ?? right.sealed,
  })
}

function recordLazyApply(call: Call): Value {
  const label = labelOf(call, 0)
  const record = call.record(1)
  return then((choose) => {
    const fields = new Map<string, Field>()
    for (const [name, own] of record.fields) {
      const contract = lazily(call.site, () => run(choose, [name], call))
      fields.set(
        name,
        field(own.meta, own.definition, [...own.contracts, new FieldContract(contract, label)]),
      )
    }
    return new RecordValue(fields, { open: record.open, span: record.span })
  })
}

const run = (fn: Lazy, args: readonly Lazy[], site: Call): Value =>
  applyFunction(force(fn), args, site.site)

/** What follows the operator's own arguments: the rest is a function of one more. */
const then = (next: (arg: Lazy) => Value): Native =>
  new Native('primitive', 1, ([arg]) => next(arg as Lazy))

/** A primitive that waits for the string to look at; anything else is refused like an argument. */
const thenText = (c: Call, next: (text: string) => Value): Native =>
  new Native('primitive', 1, (args) => next(new Call(c.name, args, c.site).string(0)))

const angle =
  (f: (x: number) => number) =>
  (c: Call): Value =>
    double(c, f(toDouble(c.number(0))))

const table: Readonly<Record<string, (call: Call) => Value>> = {
  typeof: (c) => tag(typeTag(c.value(0))),
  blame: (c) => blame(labelOf(c, 0)),
  seq: (c) => {
    c.value(0)
    return then((next) => force(next))
  },
  deep_seq: (c) => {
    deepForce(c.lazy(0))
    return then((next) => force(next))
  },
  force: (c) => deepForce(c.lazy(0)),
  to_string: (c) => text.stringOf(c, 0),
  'contract/apply': (c) => then((value) => apply(c.lazy(0), labelOf(c, 1).on(value), value)),
  'contract/check': (c) => then((value) => outcomeTag(check(c.lazy(0), labelOf(c, 1).on(value), value), c, labelOf(c, 1))),
  'contract/custom': (c) => customContract(c.lazy(0)),
  'contract/array_lazy_apply': (c) => then((contract) => {
    const label = labelOf(c, 0)
    return new ArrayValue(c.array(1).items.map((item) => lazily(c.site, () => apply(contract, label.on(item), item))))
  }),
  'contract/record_lazy_apply': recordLazyApply,
  'record/merge_contract': (c) => {
    const result = mergeContract(c.record(1), c.record(2), c.site)
    return outcomeTag(result, c, labelOf(c, 0))
  },
  'label/flip_polarity': (c) => labelOf(c, 0).flip(),
  'label/go_dom': (c) => labelOf(c, 0).step('domain'),
  'label/go_codom': (c) => labelOf(c, 0).step('codomain'),
  'label/go_array': (c) => labelOf(c, 0).step('array'),
  'label/go_dict': (c) => labelOf(c, 0).step('dict'),
  'label/go_field': (c) => labelOf(c, 1).step({ field: c.string(0) }),
  'label/polarity': (c) => tag(labelOf(c, 0).positive ? 'Positive' : 'Negative'),
  'label/push_diag': (c) => labelOf(c, 0),
  'label/with_message': (c) => labelOf(c, 1).with({ message: c.string(0) }),
  'label/with_notes': (c) => labelOf(c, 1).with({ notes: texts(c, 0) }),
  'label/append_note': (c) => labelOf(c, 1).with({ notes: [...(labelOf(c, 1).parts.notes ?? []), c.string(0)] }),
  'array/length': (c) => c.array(0).items.length,
  'array/at': (c) => {
    const item = c.array(0).items[c.index(1)]
    return item === undefined ? c.refuse(1, 'invalid array indexing') : force(item)
  },
  'array/map': (c) => then((fn) => new ArrayValue(c.array(0).items.map((item) => lazily(c.site, () => run(fn, [item], c))))),
  'array/generate': (c) => then((fn) => new ArrayValue(Array.from({ length: c.index(0) }, (_, index) => lazily(c.site, () => run(fn, [index], c))))),
  'array/slice': (c) => sliceOf(c, 0, 1, 2),
  'record/fields': (c) => new ArrayValue([...c.record(0).fields].filter(([, own]) => isVisible(own)).map(([name]) => name).sort(), c.site),
  'record/fields_with_opts': (c) => new ArrayValue([...c.record(0).fields.keys()].sort(), c.site),
  'record/values': (c) => new ArrayValue([...c.record(0).fields].filter(([, own]) => isVisible(own)).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, own]) => c.record(0).finalOf(name, own)), c.site),
  'record/has_field': (c) => hasField(c.record(1), c.string(0)),
  'record/has_field_with_opts': (c) => c.record(1).fields.has(c.string(0)),
  'record/field_is_defined': (c) => c.record(1).fields.get(c.string(0))?.definition !== undefined,
  'record/field_is_defined_with_opts': (c) => c.record(1).fields.get(c.string(0))?.definition !== undefined,
  'record/map': (c) => then((fn) => mapFields(c, c.record(0), (name, value) => lazily(c.site, () => run(fn, [name, value], c)))),
  'record/insert': (c) => then((value) => insert(c, c.string(0), value, c.record(1), hasField(c.record(1), c.string(0)))),
  'record/insert_with_opts': (c) => then((value) => insert(c, c.string(0), value, c.record(1), c.record(1).fields.has(c.string(0)))),
  'record/remove': (c) => remove(c, c.string(0), c.record(1), hasField(c.record(1), c.string(0))),
  'record/remove_with_opts': (c) => remove(c, c.string(0), c.record(1), c.record(1).fields.has(c.string(0))),
  'record/split_pair': splitPair,
  'record/disjoint_merge': disjoint,
  'record/freeze': (c) => freeze(c.record(0)),
  'enum/from_string': (c) => tag(c.string(0)),
  'enum/get_tag': (c) => tag(c.enum(0).tag),
  'enum/get_arg': (c) => force(c.enum(0).arg ?? c.refuse(0, 'the tag has no argument')),
  'enum/is_variant': (c) => {
    const value = c.value(0)
    return value instanceof EnumValue && value.arg !== undefined
  },
  'enum/make_variant': (c) => then((arg) => new EnumValue(c.string(0), arg as Lazy)),
  'enum/embed': (c) => c.value(0),
  'string/length': (c) => text.lengthOf(c.string(0)),
  'string/trim': (c) => c.string(0).trim(),
  'string/chars': (c) => new ArrayValue(text.clusters(c.string(0)), c.site),
  'string/uppercase': (c) => c.string(0).toUpperCase(),
  'string/lowercase': (c) => c.string(0).toLowerCase(),
  'string/contains': (c) => text.contains(c.string(0), c.string(1)),
  'string/split': (c) => new ArrayValue(text.split(c.string(0), c.string(1)), c.site),
  'string/substr': (c) => text.substring(c, c.index(1), c.index(2), c.string(0), [1, 2]),
  'string/replace': (c) => text.replace(c.string(0), c.string(1), c.string(2)),
  'string/replace_regex': (c) => text.replaceRegex(c, c.string(1), c.string(2), c.string(0)),
  'string/is_match': (c) => thenText(c, (it) => force(text.find(c, c.string(0), it).get('index') as Lazy) !== -1),
  'string/find': (c) => thenText(c, (it) => text.find(c, c.string(0), it)),
  'string/find_all': (c) => thenText(c, (it) => text.findAll(c, c.string(0), it)),
  pow: (c) => power(c, c.number(0), c.number(1)),
  'number/log': (c) => logarithm(c, c.number(0), c.number(1)),
  'number/sin': angle(Math.sin),
  'number/cos': angle(Math.cos),
  'number/tan': angle(Math.tan),
  'number/arcsin': angle(Math.asin),
  'number/arccos': angle(Math.acos),
  'number/arctan': angle(Math.atan),
  'number/arctan2': (c) => double(c, Math.atan2(toDouble(c.number(0)), toDouble(c.number(1)))),
  'number/from_string': (c) => parseNumber(c.string(0)) ?? c.refuse(0, 'not a number'),
  hash: (c) => hash(c, 0, 1),
  serialize: (c) => serialize(c, 0, 1),
  deserialize: (c) => deserialize(c, 0, 1),
  seal: (c) => then((value) => new Sealed(c.value(0) as object, value, labelOf(c, 1))),
} // prettier-ignore

/** The meaning of an operator; unknown meaning is an `unsupported` error when it is used. */
export const primitiveBody = (name: string): ((call: Call) => Value) =>
  table[name] ??
  ((call): never => {
    throw new NickelError({
      kind: 'unsupported',
      message: `the primitive operator %${name}% is not supported`,
      span: call.site,
    })
  })
