/**
 * What the modules of the standard library are written with: native functions, checked arguments,
 * lazily built modules.
 *
 * Each function checks its own arguments and blames its caller, so the library needs no contracts
 * of its own and costs nothing until it is used.
 *
 * @module
 */
import { NickelError } from '../error.ts'
import { isNum, type Num } from '../number.ts'
import { field, RecordValue, type Field } from '../record.ts'
import { Source, type Span } from '../source.ts'
import { ArrayValue, call, Contract, EnumValue, Failure, Fn, force, lazily, Native, originOf, Sealed, sealedError, spanOf, typeOf, withArticle, type Lazy, type Value } from '../value.ts' // prettier-ignore

/** Where library values "stand"; never shown, because reports prefer the caller's place. */
const STD_SPAN: Span = { source: new Source('<std>', ''), start: 0, end: 0 }

/** One call: the arguments, where it stands, and how to read and refuse arguments. */
export class Call {
  readonly name: string
  readonly args: readonly Lazy[]
  readonly site: Span

  constructor(name: string, args: readonly Lazy[], site: Span) {
    this.name = name
    this.args = args
    this.site = site
  }

  lazy(index: number): Lazy {
    return this.args[index] as Lazy
  }

  value(index: number): Value {
    return force(this.args[index] as Lazy)
  }

  number(index: number): Num {
    const value = this.value(index)
    return isNum(value) ? value : this.wrong(index, 'a Number')
  }

  /** A whole number that is not negative and fits an index. */
  index(index: number): number {
    const value = this.number(index)
    if (typeof value !== 'number' || value < 0)
      return this.refuse(index, 'a natural number is needed here')
    return value
  }

  string(index: number): string {
    const value = this.value(index)
    return typeof value === 'string' ? value : this.wrong(index, 'a String')
  }

  bool(index: number): boolean {
    const value = this.value(index)
    return typeof value === 'boolean' ? value : this.wrong(index, 'a Bool')
  }

  array(index: number): ArrayValue {
    const value = this.value(index)
    return value instanceof ArrayValue ? value : this.wrong(index, 'an Array')
  }

  record(index: number): RecordValue {
    const value = this.value(index)
    return value instanceof RecordValue ? value : this.wrong(index, 'a Record')
  }

  enum(index: number): EnumValue {
    const value = this.value(index)
    return value instanceof EnumValue ? value : this.wrong(index, 'an enum')
  }

  /** One of the given tags. */
  tag(index: number, tags: readonly string[]): string {
    const { tag, arg } = this.enum(index)
    if (arg === undefined && tags.includes(tag)) return tag
    return this.refuse(
      index,
      `\`'${tag}\` is not one of ${tags.map((known) => `'${known}`).join(', ')}`,
    )
  }

  function(index: number): (...args: Lazy[]) => Value {
    const value = this.value(index)
    if (!(value instanceof Fn) && !(value instanceof Native)) return this.wrong(index, 'a Function')
    return (...args) => call(value, args, this.site)
  }

  predicate(index: number): (...args: Lazy[]) => boolean {
    const run = this.function(index)
    return (...args) => {
      const result = run(...args)
      if (typeof result === 'boolean') return result
      return this.refuse(
        index,
        `the function must answer a Bool, it answered ${withArticle(typeOf(result))}`,
      )
    }
  }

  wrong(index: number, wanted: string): never {
    const value = this.value(index)
    if (value instanceof Sealed) throw sealedError(value, this.site)
    return this.refuse(index, `expected ${wanted}, got ${withArticle(typeOf(value))}`)
  }

  /** Blames the caller for an argument. */
  refuse(index: number, detail: string, notes: readonly string[] = []): never {
    const lazy = this.args[index] as Lazy
    const ordinal = ['1st', '2nd', '3rd', '4th'][index] ?? `${index + 1}th`
    const span = originOf(lazy) ?? spanOf(force(lazy))
    throw new NickelError({
      kind: 'contract',
      message: `contract broken by the caller of \`${this.name}\``,
      detail,
      span: span ?? this.site,
      spanText: `the ${ordinal} argument of \`${this.name}\``,
      labels: span === undefined ? [] : [{ span: this.site, text: 'in this call' }],
      notes,
    })
  }
}

/** A library function of fixed arity. */
export const native = (name: string, arity: number, body: (call: Call) => Value): Native =>
  new Native(name, arity, (args, site) => body(new Call(name, args, site)))

/** A library contract that looks at the whole value at once: answers what is wrong, or nothing. */
export const validator = (text: string, problem: (value: Value) => string | undefined): Contract =>
  new Contract('CustomContract', text, (_label, value) => {
    const known = force(value)
    const message = problem(known)
    return message === undefined ? known : new Failure(message)
  })

/** A module: members are made when first asked for. */
export function moduleOf(members: Readonly<Record<string, () => Value>>): RecordValue {
  const fields = new Map<string, Field>()
  for (const [name, make] of Object.entries(members)) {
    const thunk = lazily(STD_SPAN, make)
    fields.set(
      name,
      field({ span: STD_SPAN }, { recursive: false, span: STD_SPAN, instantiate: () => thunk }),
    )
  }
  return new RecordValue(fields)
}

/** A table of native functions as module members. */
export function functions(
  prefix: string,
  table: Readonly<Record<string, readonly [number, (call: Call) => Value]>>,
): Record<string, () => Value> {
  const members: Record<string, () => Value> = {}
  for (const [name, [arity, body]] of Object.entries(table)) {
    members[name] = () => native(`${prefix}.${name}`, arity, body)
  }
  return members
}

export const tag = (name: string, arg?: Lazy): EnumValue => new EnumValue(name, arg)

/** How an ordering function's answer compares: 'Lesser, 'Equal, 'Greater. */
export const orderTag = (difference: number): EnumValue =>
  tag(difference < 0 ? 'Lesser' : difference > 0 ? 'Greater' : 'Equal')
