/**
 * `std.record`.
 *
 * Operations that add or remove fields freeze the record first: contracts are applied, references
 * between fields no longer follow later overrides.
 *
 * @module
 */
import { merge } from '../merge.ts'
import {
  field,
  Fixed,
  freeze,
  isVisible,
  missingDefinition,
  recordOf,
  RecordValue,
  sealedField,
  type Field,
} from '../record.ts'
import {
  Contract,
  Failure,
  force,
  lazily,
  typeOf,
  type Lazy,
  type Value,
  ArrayValue,
} from '../value.ts'
import { rustPattern } from './regex.ts'
import { functions, moduleOf, native, type Call } from './native.ts'

const visible = (record: RecordValue): [string, Field][] =>
  [...record.fields].filter(([, own]) => isVisible(own))

const names = (record: RecordValue): string[] =>
  visible(record)
    .map(([name]) => name)
    .sort(byCode)

const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Does the record have the field, counting optional ones only when they are defined? */
export const hasField = (record: RecordValue, name: string): boolean => {
  const own = record.fields.get(name)
  return own !== undefined && isVisible(own)
}

/** A new record from the visible fields of another. */
export function mapFields(
  call: Call,
  record: RecordValue,
  change: (name: string, value: Lazy) => Lazy,
): RecordValue {
  const fields = new Map<string, Field>()
  for (const [name, own] of record.fields) {
    if (!isVisible(own)) {
      fields.set(name, field(own.meta, undefined))
      continue
    }
    const value = change(name, record.finalOf(name, own))
    fields.set(name, field(own.meta, new Fixed(value, call.site)))
  }
  return new RecordValue(fields, { span: call.site })
}

function without(call: Call, record: RecordValue, name: string): RecordValue {
  const frozen = freeze(record)
  const fields = new Map(frozen.fields)
  fields.delete(name)
  return new RecordValue(fields, { open: frozen.open, span: call.site, sealed: frozen.sealed })
}

function withField(call: Call, record: RecordValue, name: string, value: Lazy): RecordValue {
  const frozen = freeze(record)
  const fields = new Map(frozen.fields)
  fields.set(name, field({ span: call.site }, new Fixed(value)))
  return new RecordValue(fields, { open: frozen.open, span: call.site, sealed: frozen.sealed })
}

export function insert(
  call: Call,
  name: string,
  value: Lazy,
  record: RecordValue,
  taken: boolean,
): RecordValue {
  if (taken)
    call.refuse(0, `the record already has a field \`${name}\``, [
      'std.record.update replaces a field.',
    ])
  return withField(call, record, name, value)
}

export function remove(
  call: Call,
  name: string,
  record: RecordValue,
  present: boolean,
): RecordValue {
  if (!present && record.sealed?.fields.has(name) === true) {
    throw sealedField(record.sealed, name, call.site)
  }
  if (!present) call.refuse(0, `the record has no field \`${name}\``)
  return without(call, record, name)
}

function get(call: Call, name: string, record: RecordValue): Value {
  const found = hasField(record, name) ? record.get(name) : undefined
  if (found !== undefined) return force(found)
  return call.refuse(0, 'missing field', [`The record lacks the field \`${name}\`.`])
}

function pairs(record: RecordValue): [string, Lazy][] {
  return names(record).map((name) => [name, record.get(name) as Lazy])
}

function values(record: RecordValue): Lazy[] {
  return visible(record)
    .sort(([a], [b]) => byCode(a, b))
    .map(([name, own]) => {
      if (own.definition === undefined) throw missingDefinition(name, own, record)
      return record.finalOf(name, own)
    })
}

const text = (call: Call, array: readonly string[]): ArrayValue => new ArrayValue(array, call.site)

function fromArray(call: Call): RecordValue {
  const entries: [string, Lazy][] = []
  for (const item of call.array(0).items) {
    const pair = force(item)
    const name = pair instanceof RecordValue ? pair.get('field') : undefined
    const value = pair instanceof RecordValue ? pair.get('value') : undefined
    if (name === undefined || value === undefined)
      return call.refuse(0, 'expected an array of { field, value }')
    const key = force(name)
    if (typeof key !== 'string') return call.refuse(0, 'the `field` of a pair is a String')
    if (entries.some(([known]) => known === key))
      call.refuse(0, `the field \`${key}\` appears twice`)
    entries.push([key, value])
  }
  return recordOf(entries, call.site)
}

const FieldsMatch = (): Value =>
  native('std.record.FieldsMatch', 1, (call) => {
    const pattern = rustPattern(call.string(0), '', call)
    return new Contract('CustomContract', 'std.record.FieldsMatch', (_label, value) => {
      const known = force(value)
      if (!(known instanceof RecordValue))
        return new Failure(`expected a record, got ${typeOf(known)}`)
      const bad = names(known).filter((name) => !pattern.test(name))
      if (bad.length === 0) return known
      return new Failure(
        `invalid field name${bad.length === 1 ? '' : 's'} ${bad.map((name) => JSON.stringify(name)).join(',')}`,
      )
    })
  })

export const recordModule = (): RecordValue =>
  moduleOf({
    FieldsMatch,
    ...functions('std.record', {
      map: [2, (c) => {
        const run = c.function(0)
        return mapFields(c, c.record(1), (name, value) => lazily(c.site, () => run(name, value)))
      }],
      map_values: [2, (c) => {
        const run = c.function(0)
        return mapFields(c, c.record(1), (_name, value) => lazily(c.site, () => run(value)))
      }],
      fields: [1, (c) => text(c, names(c.record(0)))],
      fields_with_opts: [1, (c) => text(c, [...c.record(0).fields.keys()].sort(byCode))],
      values: [1, (c) => new ArrayValue(values(c.record(0)), c.site)],
      has_field: [2, (c) => hasField(c.record(1), c.string(0))],
      has_field_with_opts: [2, (c) => c.record(1).fields.has(c.string(0))],
      get: [2, (c) => get(c, c.string(0), c.record(1))],
      get_or: [3, (c) => {
        const name = c.string(0)
        const record = c.record(2)
        return force(record.fields.get(name)?.definition === undefined ? c.lazy(1) : (record.get(name) as Lazy))
      }],
      insert: [3, (c) => insert(c, c.string(0), c.lazy(1), c.record(2), hasField(c.record(2), c.string(0)))],
      insert_with_opts: [3, (c) => insert(c, c.string(0), c.lazy(1), c.record(2), c.record(2).fields.has(c.string(0)))],
      remove: [2, (c) => remove(c, c.string(0), c.record(1), hasField(c.record(1), c.string(0)))],
      remove_with_opts: [2, (c) => remove(c, c.string(0), c.record(1), c.record(1).fields.has(c.string(0)))],
      update: [3, (c) => withField(c, c.record(2), c.string(0), c.lazy(1))],
      to_array: [1, (c) => new ArrayValue(pairs(c.record(0)).map(([name, value]) => recordOf([['field', name], ['value', value]], c.site)), c.site)],
      from_array: [1, fromArray],
      is_empty: [1, (c) => visible(c.record(0)).length === 0],
      merge_all: [1, (c) => {
        let merged: Lazy = new RecordValue(new Map())
        for (const item of c.array(0).items) merged = merge(merged, item, c.site)
        return force(merged)
      }],
      filter: [2, (c) => {
        const keep = c.predicate(0)
        return recordOf(pairs(c.record(1)).filter(([name, value]) => keep(name, value)), c.site)
      }],
      apply_on: [4, (c) => {
        const name = c.string(0)
        return c.function(1)(get(c, name, c.record(2)), get(c, name, c.record(3)))
      }],
      length: [1, (c) => visible(c.record(0)).length],
      freeze: [1, (c) => freeze(c.record(0))],
    }),
  }) // prettier-ignore
