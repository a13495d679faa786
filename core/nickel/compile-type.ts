/**
 * Types to contracts. A type without names of its own becomes one constant contract; one that
 * mentions terms is put together when it is evaluated.
 *
 * @module
 */
import type { Type } from './ast.ts'
import { NickelError } from './error.ts'
import { textOf, type Span } from './source.ts'
import { constantCode, isConstant, type Compiler, type Scope, type TypeContext } from './scope.ts'
import { arrayType, arrowType, boolType, dictContract, dictType, dynType, enumType, forallType, numberType, recordType, stringType, variableType, type TailContract } from './type-contracts.ts' // prettier-ignore
import { Thunk, type Code, type Contract, type Env, type Lazy, type Value } from './value.ts'

export function compileType(
  compiler: Compiler,
  type: Type,
  scope: Scope,
  context: TypeContext,
): Code {
  const { span } = type
  const inner = (part: Type): Code => compiler.type(part, scope, context)
  switch (type.kind) {
    case 'dyn':
    case 'wildcard':
      return constantCode(dynType, span)
    case 'number':
      return constantCode(numberType, span)
    case 'string':
      return constantCode(stringType, span)
    case 'bool':
      return constantCode(boolType, span)
    case 'array':
      return built(span, [inner(type.of)], ([of]) =>
        arrayType(of as Lazy, textOf(span), type.of.span),
      )
    case 'dict': {
      // A dictionary contract must not capture type variables: `forall a. {_ | a}` is an error.
      const bare = type.lazy ? { ...context, variables: new Map() } : context
      const of = compiler.type(type.of, scope, bare)
      const make = type.lazy ? dictContract : dictType
      return built(span, [of], ([part]) => make(part as Lazy, textOf(span), type.of.span))
    }
    case 'arrow': {
      const from = compiler.type(type.from, scope, { ...context, positive: !context.positive })
      const spans = { from: type.from.span, to: type.to.span }
      return built(span, [from, inner(type.to)], ([a, b]) =>
        arrowType(a as Lazy, b as Lazy, textOf(span), spans),
      )
    }
    case 'name':
      return compileName(compiler, type, scope, context)
    case 'contract':
      return compiler.term(type.term, scope)
    case 'forall':
      return compileForall(compiler, type, scope, context)
    case 'enum':
      return compileEnum(type, inner, context)
    case 'record':
      return compileRecordType(type, inner, context)
  }
}

/** A contract made of parts: at once when all parts are constants. */
function built(span: Span, parts: readonly Code[], make: (parts: Lazy[]) => Contract): Code {
  if (parts.every(isConstant))
    return constantCode(make(parts.map(({ constant }) => constant)), span)
  const run = (env: Env): Value => make(parts.map((part) => part.delay(env)))
  const code: Code = { run, tail: run, delay: (env) => new Thunk(code, env), span }
  return code
}

function compileName(
  compiler: Compiler,
  type: Type & { kind: 'name' },
  scope: Scope,
  context: TypeContext,
): Code {
  const variable = context.variables.get(type.name)
  if (variable === undefined)
    return compiler.term({ kind: 'var', span: type.span, name: type.name }, scope)
  if (variable === 'dyn') return constantCode(dynType, type.span)
  return constantCode(variableType(variable, type.name), type.span)
}

function compileForall(
  compiler: Compiler,
  type: Type & { kind: 'forall' },
  scope: Scope,
  context: TypeContext,
): Code {
  const variables = new Map(context.variables)
  const elided = context.typed && context.positive
  const keys = elided ? [] : type.names.map(() => ({}))
  for (const [index, name] of type.names.entries()) variables.set(name, keys[index] ?? 'dyn')
  const of = compiler.type(type.of, scope, { ...context, variables })
  if (elided) return of
  return built(type.span, [of], ([part]) => forallType(keys, part as Lazy, textOf(type.span)))
}

function unboundVariable(name: string, span: Span): NickelError {
  return new NickelError({
    kind: 'scope',
    message: `unbound type variable \`${name}\``,
    span,
    notes: [`Did you forget a \`forall ${name}.\` in front of the type?`],
  })
}

function compileEnum(
  type: Type & { kind: 'enum' },
  inner: (part: Type) => Code,
  context: TypeContext,
): Code {
  const { span, rows, tail } = type
  if (tail !== undefined && !context.variables.has(tail)) throw unboundVariable(tail, span)
  const withArg = rows.filter(({ arg }) => arg !== undefined)
  const parts = withArg.map(({ arg }) => inner(arg as Type))
  return built(span, parts, (args) => {
    const contracts = rows.map(({ tag, arg }) => {
      const at = withArg.findIndex((row) => row.arg === arg)
      return { tag, arg: arg === undefined ? undefined : args[at], span: arg?.span }
    })
    return enumType(contracts, tail !== undefined, textOf(span))
  })
}

function compileRecordType(
  type: Type & { kind: 'record' },
  inner: (part: Type) => Code,
  context: TypeContext,
): Code {
  const { span, rows, tail } = type
  let rest: TailContract = 'empty'
  if (tail !== undefined) {
    if (tail.name === undefined) rest = 'dyn'
    else {
      const variable = context.variables.get(tail.name)
      if (variable === undefined) throw unboundVariable(tail.name, tail.span)
      rest = variable === 'dyn' ? 'dyn' : { key: variable }
    }
  }
  return built(
    span,
    rows.map((row) => inner(row.type)),
    (contracts) =>
      recordType(
        rows.map(({ name, type: of }, index) => ({
          name,
          contract: contracts[index] as Lazy,
          span: of.span,
        })),
        rest,
        textOf(span),
      ),
  )
}
