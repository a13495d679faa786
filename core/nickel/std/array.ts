/**
 * `std.array`.
 *
 * Folds loop instead of nesting, and results are built once instead of by repeated concatenation;
 * elements stay unevaluated wherever the function does not need them.
 *
 * @module
 */
import { equal } from '../equality.ts'
import { add, compare, divide, multiply, subtract, type Num } from '../number.ts'
import { recordOf, type RecordValue } from '../record.ts'
import {
  ArrayValue,
  Contract,
  EnumValue,
  Failure,
  force,
  lazily,
  type Lazy,
  type Value,
} from '../value.ts'
import { functions, moduleOf, orderTag, tag, type Call } from './native.ts'

const NonEmpty = (): Contract =>
  new Contract('CustomContract', 'std.array.NonEmpty', (_label, value) => {
    const known = force(value)
    if (!(known instanceof ArrayValue)) return new Failure('not an array')
    return known.items.length === 0 ? new Failure('empty array') : known
  })

function nonEmpty(call: Call, index: number): readonly Lazy[] {
  const { items } = call.array(index)
  return items.length > 0 ? items : call.refuse(index, 'empty array')
}

const later = (call: Call, run: () => Value): Lazy => lazily(call.site, run)

/** A stable order, as the caller's function decides. */
function sorted(call: Call, order: number, items: readonly Lazy[]): Lazy[] {
  const rank = call.function(order)
  return [...items].sort((a, b) => {
    const answer = rank(a, b)
    if (!(answer instanceof EnumValue))
      return call.refuse(order, "the function must answer 'Lesser, 'Equal or 'Greater")
    return answer.tag === 'Greater' ? 1 : answer.tag === 'Lesser' ? -1 : 0
  })
}

function dedupSorted(call: Call, order: number, items: readonly Lazy[]): Lazy[] {
  const rank = call.function(order)
  return items.filter((item, index) => {
    if (index === 0) return true
    const answer = rank(items[index - 1] as Lazy, item)
    return !(answer instanceof EnumValue && answer.tag === 'Equal')
  })
}

export function sliceOf(call: Call, start: number, end: number, at: number): ArrayValue {
  const from = call.index(start)
  const to = call.index(end)
  const array = call.array(at)
  if (to < from)
    call.refuse(end, 'invalid array slice indexing', [`The start ${from} is beyond the end ${to}.`])
  if (to > array.items.length) {
    call.refuse(end, 'invalid array slice indexing', [
      `Expected an end between 0 and ${array.items.length}, got ${to}.`,
    ])
  }
  return new ArrayValue(array.items.slice(from, to), call.site)
}

function groups(call: Call, key: number, at: number): Map<string, Lazy[]> {
  const keyOf = call.function(key)
  const found = new Map<string, Lazy[]>()
  for (const item of call.array(at).items) {
    const name = keyOf(item)
    if (typeof name !== 'string') return call.refuse(key, 'the function must answer a String')
    const known = found.get(name)
    if (known === undefined) found.set(name, [item])
    else known.push(item)
  }
  return found
}

function range(call: Call, start: Num, end: Num, step: Num, last: number): ArrayValue {
  if (compare(start, end) > 0)
    call.refuse(last, 'invalid range', ['The end of a range is not below its start.'])
  if (compare(step, 0) <= 0)
    call.refuse(2, 'invalid range step', ['The step of a range is positive.'])
  const count = divide(subtract(end, start), step)
  const items: Num[] = []
  for (let index = 0; compare(index, count) < 0; index++)
    items.push(add(start, multiply(index, step)))
  return new ArrayValue(items, call.site)
}

function flatten(call: Call, items: readonly Lazy[], at: number): ArrayValue {
  const all: Lazy[] = []
  for (const item of items) {
    const inner = force(item)
    if (!(inner instanceof ArrayValue)) return call.refuse(at, 'expected an array of arrays')
    for (const each of inner.items) all.push(each)
  }
  return new ArrayValue(all, call.site)
}

const many = (call: Call, items: readonly Lazy[]): ArrayValue => new ArrayValue(items, call.site)

const record = (call: Call, entries: readonly (readonly [string, Lazy])[]): RecordValue =>
  recordOf(entries, call.site)

export const arrayModule = (): RecordValue =>
  moduleOf({
    NonEmpty,
    ...functions('std.array', {
      first: [1, (c) => force(nonEmpty(c, 0)[0] as Lazy)],
      last: [1, (c) => force(nonEmpty(c, 0).at(-1) as Lazy)],
      drop_first: [1, (c) => many(c, nonEmpty(c, 0).slice(1))],
      drop_last: [1, (c) => many(c, nonEmpty(c, 0).slice(0, -1))],
      length: [1, (c) => c.array(0).items.length],
      map: [2, (c) => {
        const run = c.function(0)
        return many(c, c.array(1).items.map((item) => later(c, () => run(item))))
      }],
      map_with_index: [2, (c) => {
        const run = c.function(0)
        return many(c, c.array(1).items.map((item, index) => later(c, () => run(index, item))))
      }],
      at: [2, (c) => {
        const index = c.index(0)
        const { items } = c.array(1)
        if (index < items.length) return force(items[index] as Lazy)
        const note = items.length === 0 ? 'The array is empty.' : `Expected an index between 0 and ${items.length - 1}, got ${index}.`
        return c.refuse(0, 'invalid array indexing', [note])
      }],
      at_or: [3, (c) => {
        const index = c.index(0)
        const { items } = c.array(2)
        return force(index < items.length ? (items[index] as Lazy) : c.lazy(1))
      }],
      concat: [2, (c) => many(c, [...c.array(0).items, ...c.array(1).items])],
      fold_left: [3, (c) => {
        const run = c.function(0)
        let acc = c.lazy(1)
        for (const item of c.array(2).items) acc = run(acc, item)
        return force(acc)
      }],
      try_fold_left: [3, (c) => {
        const run = c.function(0)
        let acc = c.lazy(1)
        for (const item of c.array(2).items) {
          const step = run(acc, item)
          if (!(step instanceof EnumValue) || step.arg === undefined) return c.refuse(0, "the function must answer 'Ok or 'Error")
          if (step.tag === 'Error') return step
          acc = step.arg
        }
        return tag('Ok', acc)
      }],
      fold_right: [3, (c) => {
        const run = c.function(0)
        const { items } = c.array(2)
        // Lazy from the right: the function may ignore its second argument and stop the walk.
        const from = (index: number): Lazy =>
          index === items.length ? c.lazy(1) : later(c, () => run(items[index] as Lazy, from(index + 1)))
        return force(from(0))
      }],
      prepend: [2, (c) => many(c, [c.lazy(0), ...c.array(1).items])],
      append: [2, (c) => many(c, [...c.array(1).items, c.lazy(0)])],
      reverse: [1, (c) => many(c, c.array(0).items.toReversed())],
      filter: [2, (c) => {
        const keep = c.predicate(0)
        return many(c, c.array(1).items.filter((item) => keep(item)))
      }],
      filter_map: [2, (c) => {
        const run = c.function(0)
        const kept: Lazy[] = []
        for (const item of c.array(1).items) {
          const answer = run(item)
          if (!(answer instanceof EnumValue)) return c.refuse(0, "the function must answer 'Some or 'None")
          if (answer.tag === 'Some' && answer.arg !== undefined) kept.push(answer.arg)
        }
        return many(c, kept)
      }],
      flatten: [1, (c) => flatten(c, c.array(0).items, 0)],
      flat_map: [2, (c) => {
        const run = c.function(0)
        return flatten(c, c.array(1).items.map((item) => run(item)), 0)
      }],
      all: [2, (c) => {
        const holds = c.predicate(0)
        return c.array(1).items.every((item) => holds(item))
      }],
      any: [2, (c) => {
        const holds = c.predicate(0)
        return c.array(1).items.some((item) => holds(item))
      }],
      elem: [2, (c) => c.array(1).items.some((item) => equal(item, c.lazy(0), c.site))],
      partition: [2, (c) => {
        const keep = c.predicate(0)
        const right: Lazy[] = []
        const wrong: Lazy[] = []
        for (const item of c.array(1).items) (keep(item) ? right : wrong).push(item)
        return record(c, [['right', many(c, right)], ['wrong', many(c, wrong)]])
      }],
      group: [2, (c) => record(c, [...groups(c, 0, 1)].map(([name, items]) => [name, many(c, items)]))],
      generate: [2, (c) => {
        const run = c.function(0)
        return many(c, Array.from({ length: c.index(1) }, (_, index) => later(c, () => run(index))))
      }],
      replicate: [2, (c) => many(c, Array.from({ length: c.index(0) }, () => c.lazy(1)))],
      compare: [3, (c) => {
        const rank = c.function(0)
        const left = c.array(1).items
        const right = c.array(2).items
        const shared = Math.min(left.length, right.length)
        for (let index = 0; index < shared; index++) {
          const answer = rank(left[index] as Lazy, right[index] as Lazy)
          if (!(answer instanceof EnumValue && answer.tag === 'Equal')) return answer
        }
        return orderTag(left.length - right.length)
      }],
      sort: [2, (c) => many(c, sorted(c, 0, c.array(1).items))],
      sort_dedup: [2, (c) => many(c, dedupSorted(c, 0, sorted(c, 0, c.array(1).items)))],
      dedup: [1, (c) => {
        const kept: Lazy[] = []
        for (const item of c.array(0).items) {
          if (!kept.some((known) => equal(known, item, c.site))) kept.push(item)
        }
        return many(c, kept)
      }],
      dedup_sorted: [2, (c) => many(c, dedupSorted(c, 0, c.array(1).items))],
      intersperse: [2, (c) => many(c, c.array(1).items.flatMap((item, index) => (index === 0 ? [item] : [c.lazy(0), item])))],
      slice: [3, (c) => sliceOf(c, 0, 1, 2)],
      split_at: [2, (c) => {
        const index = c.index(0)
        const { items } = c.array(1)
        if (index > items.length) c.refuse(0, 'invalid array indexing', [`Expected an index between 0 and ${items.length}, got ${index}.`])
        return record(c, [['left', many(c, items.slice(0, index))], ['right', many(c, items.slice(index))]])
      }],
      range: [2, (c) => range(c, c.number(0), c.number(1), 1, 1)],
      range_step: [3, (c) => range(c, c.number(0), c.number(1), c.number(2), 1)],
      reduce_left: [2, (c) => {
        const run = c.function(0)
        const [first, ...rest] = nonEmpty(c, 1)
        return force(rest.reduce<Lazy>((acc, item) => run(acc, item), first as Lazy))
      }],
      reduce_right: [2, (c) => {
        const run = c.function(0)
        const items = nonEmpty(c, 1)
        return force(items.slice(0, -1).reduceRight<Lazy>((acc, item) => later(c, () => run(item, acc)), items.at(-1) as Lazy))
      }],
      zip_with: [3, (c) => {
        const run = c.function(0)
        const left = c.array(1).items
        const right = c.array(2).items
        const length = Math.min(left.length, right.length)
        return many(c, Array.from({ length }, (_, index) => later(c, () => run(left[index] as Lazy, right[index] as Lazy))))
      }],
      chunk: [2, (c) => {
        const keyOf = c.function(0)
        const chunks: Lazy[][] = []
        let current: Lazy | undefined
        for (const item of c.array(1).items) {
          const key = keyOf(item)
          if (current !== undefined && equal(current, key, c.site)) chunks.at(-1)?.push(item)
          else chunks.push([item])
          current = key
        }
        return many(c, chunks.map((items) => many(c, items)))
      }],
    }),
  }) // prettier-ignore
