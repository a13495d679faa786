/**
 * What binds names: functions, `let`, `match`, and the errors of values that fit no pattern.
 *
 * @module
 */
import type { Binding, Branch, Node, Pattern } from './ast.ts'
import { boundNames, plainName } from './compile-pattern.ts'
import { closest, NickelError } from './error.ts'
import { mistypedAt } from './operators.ts'
import { isVisible, RecordValue } from './record.ts'
import { FrameScope, type Compiler, type Scope } from './scope.ts'
import type { Span } from './source.ts'
import { EnumValue, Fn, force, lazily, originOf, Sealed, sealedError, type TAIL, Thunk, typeOf, withArticle, type Code, type Env, type Lazy, type Value } from './value.ts' // prettier-ignore

export function compileFunction(
  compiler: Compiler,
  params: readonly Pattern[],
  body: Node,
  span: Span,
  outer: Scope,
): Code {
  const scope = new FrameScope(outer, params.length)
  const matchers: { readonly index: number; readonly match: (value: Lazy, frame: Env) => boolean; readonly param: Pattern }[] = [] // prettier-ignore
  for (const [index, param] of params.entries()) {
    const name = plainName(param)
    // A later parameter of the same name hides an earlier one, as nested functions would.
    if (name !== undefined) scope.place(name, index + 1)
    else if (param.kind !== 'wildcard')
      matchers.push({ index, match: compiler.pattern(param, scope), param })
  }
  const code = compiler.term(body, scope)
  const enterBody =
    matchers.length === 0
      ? (env: Env, args: readonly Lazy[]): Value | typeof TAIL => code.tail([env, ...args])
      : (env: Env, args: readonly Lazy[]): Value | typeof TAIL => {
          const frame: Env = [env, ...args]
          for (const { index, match, param } of matchers) {
            if (!match(args[index] as Lazy, frame)) throw unmatched(args[index] as Lazy, param)
          }
          return code.tail(frame)
        }
  const arity = params.length
  const build = (env: Env): Value => new Fn(arity, enterBody, env, span)
  return { run: build, tail: build, delay: build, span }
}

function unmatched(value: Lazy, pattern: Pattern): NickelError {
  const known = force(value)
  if (known instanceof Sealed) return sealedError(known, pattern.span)
  const span = value instanceof Thunk ? value.span : undefined
  return new NickelError({
    kind: 'match',
    message: 'the value does not fit the pattern',
    span: span ?? pattern.span,
    spanText: `this is ${withArticle(typeOf(known))}`,
    labels: span === undefined ? [] : [{ span: pattern.span, text: 'this pattern' }],
    ...misfit(known, pattern),
  })
}

/** Which fields are missing or too many, when both sides are records. */
function misfit(value: Value, pattern: Pattern): { notes: string[]; suggestion?: string } {
  if (!(value instanceof RecordValue) || pattern.kind !== 'record') return { notes: [] }
  const wanted = pattern.fields.map(({ name }) => name)
  const present = [...value.fields].filter(([, own]) => isVisible(own)).map(([name]) => name)
  const missing = pattern.fields.filter(
    ({ name, fallback }) => fallback === undefined && !present.includes(name),
  )
  const extra =
    pattern.tail.kind === 'closed' ? present.filter((name) => !wanted.includes(name)) : []
  const notes: string[] = []
  if (missing.length > 0)
    notes.push(`The record lacks ${missing.map(({ name }) => `\`${name}\``).join(', ')}.`)
  if (extra.length > 0) {
    notes.push(
      `The pattern does not name ${extra.map((name) => `\`${name}\``).join(', ')}; \`..\` at its end accepts more.`,
    )
  }
  const suggestion = missing.find(({ name }) => closest(name, extra) !== undefined)?.name
  return suggestion === undefined ? { notes } : { notes, suggestion }
}

export function compileLet(compiler: Compiler, node: Node & { kind: 'let' }, outer: Scope): Code {
  const scope = new FrameScope(outer)
  const slots = node.bindings.map(({ pattern }) => boundNames(pattern))
  checkDistinct(node.bindings, slots)
  if (node.rec) for (const names of slots) for (const name of names) scope.add(name)
  const within = node.rec ? scope : outer
  const values = node.bindings.map(({ pattern, annotations, value }) =>
    annotations.length === 0
      ? compiler.term(value, within)
      : compiler.annotated(value, annotations, within, plainName(pattern)),
  )
  const matchers = node.bindings.map(({ pattern }) => ({
    match: compiler.pattern(pattern, scope),
    plain: plainName(pattern) !== undefined,
    pattern,
    slots: [...boundNames(pattern)].map((name) => scope.slot(name) as number),
  }))
  const body = compiler.term(node.body, scope)
  const bind = (env: Env): Env => {
    const frame: Env = [env]
    for (const [index, { match, plain, slots: own, pattern }] of matchers.entries()) {
      const code = values[index] as Code
      const value = node.rec ? new Thunk(code, frame) : code.delay(env)
      if (plain) frame[own[0] as number] = value
      else if (node.rec)
        for (const slot of own) frame[slot] = lazyPart(frame, slot, value, match, pattern)
      else if (!match(value, frame)) throw unmatched(value, pattern)
    }
    return frame
  }
  const code: Code = {
    run: (env) => body.run(bind(env)),
    tail: (env) => body.tail(bind(env)),
    delay: (env) => new Thunk(code, env),
    span: node.span,
  }
  return code
}

/** One name of a pattern in `let rec`: the pattern is tried when the name is asked for. */
function lazyPart(
  frame: Env,
  slot: number,
  value: Lazy,
  match: (value: Lazy, frame: Env) => boolean,
  pattern: Pattern,
): Thunk {
  return lazily(pattern.span, () => {
    const scratch: Env = [...frame]
    if (!match(value, scratch)) throw unmatched(value, pattern)
    return force(scratch[slot] as Lazy)
  })
}

function checkDistinct(bindings: readonly Binding[], names: readonly ReadonlySet<string>[]): void {
  const seen = new Set<string>()
  for (const [index, own] of names.entries()) {
    for (const name of own) {
      if (seen.has(name)) {
        const { span } = (bindings[index] as Binding).pattern
        throw new NickelError({
          kind: 'parse',
          message: `\`${name}\` is bound twice in one let block`,
          span,
        })
      }
      seen.add(name)
    }
  }
}

export function compileMatch(
  compiler: Compiler,
  branches: readonly Branch[],
  span: Span,
  outer: Scope,
): Code {
  const compiled = branches.map(({ pattern, guard, body }) => {
    const scope = new FrameScope(outer)
    const match = compiler.pattern(pattern, scope)
    return {
      match,
      guard: guard && compiler.term(guard, scope),
      body: compiler.term(body, scope),
    }
  })
  const enterBody = (env: Env, [value]: readonly Lazy[]): Value | typeof TAIL => {
    for (const { match, guard, body } of compiled) {
      const frame: Env = [env]
      if (!match(value as Lazy, frame)) continue
      if (guard !== undefined) {
        const holds = guard.run(frame)
        if (typeof holds !== 'boolean')
          throw mistypedAt('a match guard', 1, 'Bool', holds, guard.span, span)
        if (!holds) continue
      }
      return body.tail(frame)
    }
    throw noBranch(value as Lazy, span)
  }
  const build = (env: Env): Value => new Fn(1, enterBody, env, span)
  return { run: build, tail: build, delay: build, span }
}

function noBranch(value: Lazy, span: Span): NickelError {
  const origin = originOf(value)
  const known = force(value)
  if (known instanceof Sealed) return sealedError(known, span)
  const what =
    known instanceof EnumValue && known.arg === undefined
      ? `the enum tag \`'${known.tag}\``
      : `a value of type ${typeOf(known)}`
  return new NickelError({
    kind: 'match',
    message: 'unmatched pattern',
    span,
    spanText: `no branch fits ${what}`,
    labels: origin === undefined ? [] : [{ span: origin, text: 'this value' }],
    notes: ['A last branch `_ => …` takes everything else.'],
  })
}
