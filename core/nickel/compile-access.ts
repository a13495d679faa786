/**
 * Reading fields, and the errors of fields that are not there.
 *
 * @module
 */
import type { Node } from './ast.ts'
import { closest, NickelError } from './error.ts'
import { mistypedAt } from './operators.ts'
import { isVisible, RecordValue, sealedField } from './record.ts'
import { plainCode, type Compiler, type Scope } from './scope.ts'
import type { Span } from './source.ts'
import { force, type Code, type Lazy, type Value } from './value.ts' // prettier-ignore

export function compileAccess(
  compiler: Compiler,
  node: Node & { kind: 'access' },
  scope: Scope,
): Code {
  const target = compiler.term(node.target, scope)
  const { name, nameSpan, span } = node
  return plainCode(span, (env) => force(fieldOf(target.run(env), name, nameSpan, target.span)))
}

export function compileGet(compiler: Compiler, node: Node & { kind: 'get' }, scope: Scope): Code {
  const target = compiler.term(node.target, scope)
  const name = compiler.term(node.field, scope)
  return plainCode(node.span, (env) => {
    const text = name.run(env)
    if (typeof text !== 'string')
      throw mistypedAt('field access', 1, 'String', text, name.span, node.span)
    return force(fieldOf(target.run(env), text, name.span, target.span))
  })
}

/** The field of a record, or an error that says what there is instead. */
export function fieldOf(record: Value, name: string, nameSpan: Span, site: Span): Lazy {
  if (record instanceof RecordValue) {
    const found = record.get(name)
    if (found !== undefined) return found
    if (record.sealed?.fields.has(name) === true) throw sealedField(record.sealed, name, nameSpan)
    throw missingField(record, name, nameSpan)
  }
  throw mistypedAt('field access', 1, 'Record', record, site, nameSpan)
}

function missingField(record: RecordValue, name: string, span: Span): NickelError {
  const names = [...record.fields].filter(([, own]) => isVisible(own)).map(([known]) => known)
  const suggestion = closest(name, names)
  const few = names.length > 0 && names.length <= 12 && suggestion === undefined
  return new NickelError({
    kind: 'missing-field',
    message: `missing field \`${name}\``,
    span,
    spanText: `this requires the field \`${name}\` to exist`,
    labels:
      record.span === undefined
        ? []
        : [{ span: record.span, text: `this record lacks the field \`${name}\`` }],
    suggestion,
    notes: few ? [`The record has: ${names.join(', ')}`] : [],
  })
}
