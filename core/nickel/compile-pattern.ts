/**
 * Patterns to matchers: a function that tries a value and fills the frame with what it binds.
 *
 * @module
 */
import type { FieldPattern, Pattern, PatternTail } from './ast.ts'
import { applyLater } from './contract.ts'
import { NickelError } from './error.ts'
import { Label } from './label.ts'
import { isNum, sameNumber } from './number.ts'
import { freeze, RecordValue, type Field } from './record.ts'
import type { Compiler, FrameScope } from './scope.ts'
import { ArrayValue, EnumValue, force, lazily, type Env, type Lazy } from './value.ts'

export type Matcher = (value: Lazy, frame: Env) => boolean

/** Is the pattern a plain name, so that nothing has to be tried? */
export const plainName = (pattern: Pattern): string | undefined =>
  pattern.kind === 'any' && pattern.alias === undefined ? pattern.name : undefined

export function compilePattern(compiler: Compiler, pattern: Pattern, scope: FrameScope): Matcher {
  const matcher = bare(compiler, pattern, scope)
  if (pattern.alias === undefined) return matcher
  const slot = scope.add(pattern.alias)
  return (value, frame) => {
    frame[slot] = value
    return matcher(value, frame)
  }
}

function bare(compiler: Compiler, pattern: Pattern, scope: FrameScope): Matcher {
  switch (pattern.kind) {
    case 'wildcard':
      return () => true
    case 'any': {
      const slot = scope.add(pattern.name)
      return (value, frame) => {
        frame[slot] = value
        return true
      }
    }
    case 'constant': {
      const wanted = pattern.value
      if (isNum(wanted)) {
        return (value) => {
          const known = force(value)
          return isNum(known) && sameNumber(known, wanted)
        }
      }
      return (value) => force(value) === wanted
    }
    case 'enum': {
      const { tag } = pattern
      const arg = pattern.arg && compiler.pattern(pattern.arg, scope)
      return (value, frame) => {
        const known = force(value)
        if (!(known instanceof EnumValue) || known.tag !== tag) return false
        if (arg === undefined || known.arg === undefined)
          return arg === undefined && known.arg === undefined
        return arg(known.arg, frame)
      }
    }
    case 'array':
      return arrayMatcher(compiler, pattern.items, pattern.tail, scope)
    case 'record':
      return recordMatcher(compiler, pattern.fields, pattern.tail, scope)
    case 'or': {
      checkSameNames(pattern.options)
      const options = pattern.options.map((option) => compiler.pattern(option, scope))
      return (value, frame) => options.some((option) => option(value, frame))
    }
  }
}

/** A default stands in for the field's value, so the field's contracts apply to it. */
function guardedFallback(
  value: Lazy,
  own: FieldPattern,
  found: Field | undefined,
  record: RecordValue,
): Lazy {
  if (found === undefined || found.contracts.length === 0) return value
  return lazily(own.span, () => {
    let checked = value
    for (const contract of found.contracts) checked = contract.apply(record, checked, own.name)
    return force(checked)
  })
}

/** The names a pattern binds. */
export function boundNames(pattern: Pattern, into: Set<string> = new Set()): Set<string> {
  if (pattern.alias !== undefined) into.add(pattern.alias)
  switch (pattern.kind) {
    case 'any':
      into.add(pattern.name)
      break
    case 'enum':
      if (pattern.arg !== undefined) boundNames(pattern.arg, into)
      break
    case 'array':
      for (const item of pattern.items) boundNames(item, into)
      if (pattern.tail.kind === 'capture') into.add(pattern.tail.name)
      break
    case 'record':
      for (const { pattern: inner } of pattern.fields) boundNames(inner, into)
      if (pattern.tail.kind === 'capture') into.add(pattern.tail.name)
      break
    case 'or':
      for (const option of pattern.options) boundNames(option, into)
      break
    case 'wildcard':
    case 'constant':
  }
  return into
}

function checkSameNames(options: readonly Pattern[]): void {
  const all = new Set(options.flatMap((option) => [...boundNames(option)]))
  for (const option of options) {
    const own = boundNames(option)
    const missing = [...all].find((name) => !own.has(name))
    if (missing !== undefined) {
      throw new NickelError({
        kind: 'scope',
        message: 'the alternatives of a pattern must bind the same names',
        span: option.span,
        spanText: `this alternative does not bind \`${missing}\``,
      })
    }
  }
}

function arrayMatcher(
  compiler: Compiler,
  items: readonly Pattern[],
  tail: PatternTail,
  scope: FrameScope,
): Matcher {
  const matchers = items.map((item) => compiler.pattern(item, scope))
  const rest = tail.kind === 'capture' ? scope.add(tail.name) : undefined
  return (value, frame) => {
    const known = force(value)
    if (!(known instanceof ArrayValue) || known.items.length < matchers.length) return false
    if (tail.kind === 'closed' && known.items.length !== matchers.length) return false
    if (!matchers.every((matcher, index) => matcher(known.items[index] as Lazy, frame)))
      return false
    if (rest !== undefined)
      frame[rest] = new ArrayValue(known.items.slice(matchers.length), known.span)
    return true
  }
}

function recordMatcher(
  compiler: Compiler,
  fields: readonly FieldPattern[],
  tail: PatternTail,
  scope: FrameScope,
): Matcher {
  const parts = fields.map((own) => fieldMatcher(compiler, own, scope))
  const names = new Set(fields.map(({ name }) => name))
  const rest = tail.kind === 'capture' ? scope.add(tail.name) : undefined
  return (value, frame) => {
    const known = force(value)
    if (!(known instanceof RecordValue)) return false
    if (tail.kind === 'closed') {
      for (const [name, own] of known.fields) {
        if (!names.has(name) && !(own.definition === undefined && own.meta.optional)) return false
      }
      if (known.sealed !== undefined) return false
    }
    if (!parts.every((part) => part(known, frame))) return false
    if (rest !== undefined) {
      const left = new Map<string, Field>(
        [...freeze(known).fields].filter(([name]) => !names.has(name)),
      )
      frame[rest] = new RecordValue(left, {
        open: known.open,
        span: known.span,
        sealed: known.sealed,
      })
    }
    return true
  }
}

function fieldMatcher(
  compiler: Compiler,
  own: FieldPattern,
  scope: FrameScope,
): (record: RecordValue, frame: Env) => boolean {
  const contracts = own.annotations.map((annotation) => ({
    code: compiler.annotation(annotation, scope),
    label: new Label({
      contractSpan: annotation.type.span,
      field: own.name,
      typed: annotation.typed,
    }),
  }))
  const fallback = own.fallback && compiler.term(own.fallback, scope)
  const matcher = compiler.pattern(own.pattern, scope)
  return (record, frame) => {
    const found = record.fields.get(own.name)
    let value: Lazy
    if (found?.definition === undefined) {
      if (fallback === undefined) return false
      value = guardedFallback(fallback.delay(frame), own, found, record)
    } else value = record.finalOf(own.name, found)
    for (const { code, label } of contracts)
      value = applyLater(code.delay(frame), label.on(value), value)
    return matcher(value, frame)
  }
}
