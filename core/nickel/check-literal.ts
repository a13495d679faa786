/**
 * The part of static typing that needs no inference: a literal under a `:` annotation.
 *
 * Upstream's typechecker reports `port : Number = "80"` even when the field is never read. Here the
 * same mistake is found before anything runs; whatever is not plainly a literal waits for run time.
 *
 * @module
 */
import type { Node, Type } from './ast.ts'
import { NickelError } from './error.ts'
import { withArticle } from './value.ts'

/** Throws a `type` error when the node is a literal that cannot have the type. */
export function checkLiteral(type: Type, node: Node): void {
  const kind = literalKind(node)
  if (kind === undefined) return
  const wanted = WANTED[type.kind]
  if (wanted === undefined) return
  if (wanted !== kind) {
    throw new NickelError({
      kind: 'type',
      message: 'incompatible types',
      span: node.span,
      spanText: `this is ${withArticle(kind)}`,
      contractSpan: type.span,
      contractText: `${withArticle(wanted)} is expected here`,
    })
  }
  if (type.kind === 'array' && node.kind === 'array') {
    for (const item of node.items) checkLiteral(type.of, item)
  }
}

const WANTED: Readonly<Partial<Record<Type['kind'], string>>> = {
  number: 'Number', string: 'String', bool: 'Bool', array: 'Array', record: 'Record', dict: 'Record', enum: 'Enum', arrow: 'Function',
} // prettier-ignore

const LITERAL: Readonly<Partial<Record<Node['kind'], string>>> = {
  number: 'Number', string: 'String', bool: 'Bool', array: 'Array', record: 'Record', enum: 'Enum', fun: 'Function', match: 'Function', null: 'Null',
} // prettier-ignore

const literalKind = (node: Node): string | undefined => LITERAL[node.kind]
