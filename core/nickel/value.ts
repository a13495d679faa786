/**
 * What Nickel programs compute: values, and thunks that stand for values not yet asked for.
 *
 * Null, booleans, strings and small integers are JavaScript's own; everything else is one of the
 * small classes here. Classes keep the place where they were written, for error reports.
 *
 * @module
 */
import { Fraction, type Num } from './number.ts'
import { enter, finished, started } from './budget.ts'
import { NickelError } from './error.ts'
import type { Label } from './label.ts'
import type { RecordValue } from './record.ts'
import type { Span } from './source.ts'

/** Variables in scope: slot 0 is the surrounding scope, the others hold values or thunks. */
export type Env = unknown[]

/** A compiled expression. */
export interface Code {
  /** The value of the expression. */
  readonly run: (env: Env) => Value
  /** Like `run`, but may answer {@link TAIL} after leaving a call behind for the caller to make. */
  readonly tail: (env: Env) => Value | typeof TAIL
  /** The expression as something to evaluate later (or at once, where that costs nothing). */
  readonly delay: (env: Env) => Lazy
  readonly span: Span
}

export type Lazy = Value | Thunk

export type Value =
  | null
  | boolean
  | Num
  | string
  | EnumValue
  | ArrayValue
  | RecordValue
  | Fn
  | Native
  | Contract
  | Label
  | Sealed

const PENDING = 0
const RUNNING = 1
const DONE = 2

/** A computation that runs at most once, when first asked. */
export class Thunk {
  state = PENDING
  value: Value = null
  env: Env
  code: Pick<Code, 'run' | 'span'>
  /** The expression this stands for; kept after evaluation, for reports. */
  readonly span: Span

  constructor(code: Pick<Code, 'run' | 'span'>, env: Env, span: Span = code.span) {
    this.code = code
    this.env = env
    this.span = span
  }

  force(): Value {
    if (this.state === DONE) return this.value
    if (this.state === RUNNING) {
      throw new NickelError({
        kind: 'infinite-recursion',
        message: 'infinite recursion',
        span: this.span,
        spanText: 'this value depends on itself',
      })
    }
    this.state = RUNNING
    started(this)
    const value = this.code.run(this.env)
    this.value = value
    this.state = DONE
    // What was computed needs no scope any more; holding it would keep whole frames alive.
    this.env = NOTHING
    this.code = SPENT
    finished()
    return value
  }

  /** After a failure: forget that evaluation had begun, so that asking again reports the cause. */
  reset(): void {
    if (this.state === RUNNING) this.state = PENDING
  }
}

const NOTHING: Env = []
const SPENT = { run: (): Value => null, span: undefined as unknown as Span }

/** The value behind a thunk (or the value itself). */
export const force = (lazy: Lazy): Value => (lazy instanceof Thunk ? lazy.force() : lazy)

/** A thunk over a JavaScript function. `span` is what reports point at. */
export const lazily = (span: Span, run: () => Value): Thunk => new Thunk({ run, span }, NOTHING)

/** A thunk that already knows its value but remembers the expression it came from. */
export function settled(span: Span, value: Value): Thunk {
  const thunk = new Thunk(SPENT, NOTHING, span)
  thunk.value = value
  thunk.state = DONE
  return thunk
}

/** An enum tag, with an argument when it is a variant. */
export class EnumValue {
  readonly tag: string
  readonly arg: Lazy | undefined
  readonly span: Span | undefined
  constructor(tag: string, arg?: Lazy, span?: Span) {
    this.tag = tag
    this.arg = arg
    this.span = span
  }
}

export class ArrayValue {
  readonly items: readonly Lazy[]
  readonly span: Span | undefined
  constructor(items: readonly Lazy[], span?: Span) {
    this.items = items
    this.span = span
  }
}

/** A function written in Nickel, with the arguments it has received so far. */
export class Fn {
  readonly arity: number
  readonly enterBody: (env: Env, args: readonly Lazy[]) => Value | typeof TAIL
  readonly env: Env
  readonly args: readonly Lazy[]
  readonly span: Span
  constructor(
    arity: number,
    enterBody: Fn['enterBody'],
    env: Env,
    span: Span,
    args: readonly Lazy[] = [],
  ) {
    this.arity = arity
    this.enterBody = enterBody
    this.env = env
    this.span = span
    this.args = args
  }
}

/** A function written in JavaScript. */
export class Native {
  readonly name: string
  readonly arity: number
  readonly body: (args: readonly Lazy[], site: Span) => Value
  readonly args: readonly Lazy[]
  constructor(name: string, arity: number, body: Native['body'], args: readonly Lazy[] = []) {
    this.name = name
    this.arity = arity
    this.body = body
    this.args = args
  }
}

/** What a contract says about a value: the value (perhaps wrapped), or why not. */
export type Outcome = Lazy | Failure

interface FailureDetail {
  readonly blame?: Label | undefined
  readonly span?: Span | undefined
  readonly suggestion?: string | undefined
}

/** An immediate failure of a contract; becomes blame unless somebody asked with `check`. */
export class Failure {
  readonly message: string | undefined
  readonly notes: readonly string[]
  /** Blame goes to this label instead of the contract's own. */
  readonly blame: Label | undefined
  /** A place inside the value that says more than the whole value. */
  readonly span: Span | undefined
  /** What was probably meant. */
  readonly suggestion: string | undefined
  constructor(message?: string, notes: readonly string[] = [], more: FailureDetail = {}) {
    this.message = message
    this.notes = notes
    this.blame = more.blame
    this.span = more.span
    this.suggestion = more.suggestion
  }
}

/** A type or a custom contract. */
export class Contract {
  readonly kind: 'Type' | 'CustomContract'
  readonly check: (label: Label, value: Lazy) => Outcome
  /** How the type is written; shown in messages. */
  readonly text: string
  constructor(kind: Contract['kind'], text: string, check: Contract['check']) {
    this.kind = kind
    this.text = text
    this.check = check
  }
}

/** A value hidden from code that must not look at it (parametric polymorphism). */
export class Sealed {
  readonly key: object
  readonly value: Lazy
  readonly label: Label
  constructor(key: object, value: Lazy, label: Label) {
    this.key = key
    this.value = value
    this.label = label
  }
}

// --- calls --------------------------------------------------------------------------------------

/** Answer of `Code.tail`: the value is that of the call left in {@link pendingCall}. */
export const TAIL: unique symbol = Symbol('tail call')

/** The call a body ended with; read at once by the loop in {@link call}. */
export const pendingCall: { fn: Value; args: readonly Lazy[]; site: Span } = {
  fn: null,
  args: [],
  site: undefined as unknown as Span,
}

/**
 * Applies a function to arguments. Calls in tail position come back here instead of nesting, so a
 * loop written as recursion needs no JavaScript stack.
 */
export function call(callee: Value, given: readonly Lazy[], site: Span): Value {
  let fn = callee
  let args = given
  let at = site
  for (;;) {
    enter()
    let result: Value | typeof TAIL
    if (fn instanceof Fn) {
      const all = fn.args.length === 0 ? args : [...fn.args, ...args]
      if (all.length < fn.arity) return new Fn(fn.arity, fn.enterBody, fn.env, fn.span, all)
      if (all.length === fn.arity) result = fn.enterBody(fn.env, all)
      else {
        const next = call(
          new Fn(fn.arity, fn.enterBody, fn.env, fn.span),
          all.slice(0, fn.arity),
          at,
        )
        args = all.slice(fn.arity)
        fn = next
        continue
      }
    } else if (fn instanceof Native) {
      const all = fn.args.length === 0 ? args : [...fn.args, ...args]
      if (all.length < fn.arity) return new Native(fn.name, fn.arity, fn.body, all)
      if (all.length === fn.arity) return fn.body(all, at)
      const next = fn.body(all.slice(0, fn.arity), at)
      args = all.slice(fn.arity)
      fn = next
      continue
    } else throw notAFunction(fn, args, at)
    if (result !== TAIL) return result
    fn = pendingCall.fn
    args = pendingCall.args
    at = pendingCall.site
  }
}

function notAFunction(value: Value, args: readonly Lazy[], site: Span): NickelError {
  if (value instanceof Sealed) throw sealedError(value, site)
  const [first] = args
  return new NickelError({
    kind: 'type',
    message: 'not a function',
    span: spanOf(value) ?? site,
    spanText: `this term is applied, but it is not a function: it is ${withArticle(typeOf(value))}`,
    labels: first instanceof Thunk ? [{ span: first.span, text: 'applied here' }] : [],
    notes: ['Is a comma missing before the argument?'],
  })
}

/** The report for code that looks at a value of a polymorphic type. */
export function sealedError(sealed: Sealed, site: Span): NickelError {
  return new NickelError({
    kind: 'parametricity',
    message: 'a polymorphic value was inspected',
    span: site,
    spanText: 'a function with a `forall` type must not look into its arguments here',
    contractSpan: sealed.label.contractSpan,
  })
}

// --- description --------------------------------------------------------------------------------

export type TypeName = 'Null' | 'Bool' | 'Number' | 'String' | 'Enum' | 'Array' | 'Record' | 'Function' | 'Type' | 'CustomContract' | 'Label' | 'Sealed' // prettier-ignore

/** The kind of a value, as messages name it. */
export function typeOf(value: Value): TypeName {
  if (value === null) return 'Null'
  switch (typeof value) {
    case 'boolean':
      return 'Bool'
    case 'number':
      return 'Number'
    case 'string':
      return 'String'
    default:
  }
  if (value instanceof Fraction) return 'Number'
  if (value instanceof EnumValue) return 'Enum'
  if (value instanceof ArrayValue) return 'Array'
  if (value instanceof Fn || value instanceof Native) return 'Function'
  if (value instanceof Contract) return value.kind
  if (value instanceof Sealed) return 'Sealed'
  return 'fields' in value ? 'Record' : 'Label'
}

export const withArticle = (name: string): string => `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`

/** Where a value was written, for the kinds that remember. */
export const spanOf = (value: Value): Span | undefined =>
  value !== null && typeof value === 'object' && 'span' in value ? value.span : undefined

/** Where something lazy was written: the expression of a thunk, else the value's own place. */
export const originOf = (lazy: Lazy): Span | undefined =>
  lazy instanceof Thunk ? lazy.span : spanOf(lazy)
