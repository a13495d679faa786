/**
 * The shape of Nickel programs after parsing.
 *
 * Terms and types share one grammar upstream; here they are two unions that refer to each other,
 * and the parser decides from the position which one is meant.
 *
 * @module
 */
import type { Num } from './number.ts'
import type { Span } from './source.ts'

/** A piece of a string: literal text, or an interpolated term with its re-indentation. */
export type Chunk = string | { readonly term: Node; readonly indent: number }

export type Node =
  | { readonly kind: 'null'; readonly span: Span }
  | { readonly kind: 'bool'; readonly span: Span; readonly value: boolean }
  | { readonly kind: 'number'; readonly span: Span; readonly value: Num }
  | { readonly kind: 'string'; readonly span: Span; readonly chunks: readonly Chunk[] }
  | {
      readonly kind: 'symbolic'
      readonly span: Span
      readonly prefix: string
      readonly chunks: readonly Chunk[]
    }
  | { readonly kind: 'var'; readonly span: Span; readonly name: string }
  | { readonly kind: 'enum'; readonly span: Span; readonly tag: string; readonly arg?: Node }
  | { readonly kind: 'array'; readonly span: Span; readonly items: readonly Node[] }
  | RecordNode
  | {
      readonly kind: 'fun'
      readonly span: Span
      readonly params: readonly Pattern[]
      readonly body: Node
    }
  | {
      readonly kind: 'let'
      readonly span: Span
      readonly rec: boolean
      readonly bindings: readonly Binding[]
      readonly body: Node
    }
  | {
      readonly kind: 'if'
      readonly span: Span
      readonly cond: Node
      readonly yes: Node
      readonly no: Node
    }
  | { readonly kind: 'app'; readonly span: Span; readonly fn: Node; readonly args: readonly Node[] }
  | {
      readonly kind: 'op'
      readonly span: Span
      readonly op: string
      readonly args: readonly Node[]
    }
  | {
      readonly kind: 'access'
      readonly span: Span
      readonly target: Node
      readonly name: string
      readonly nameSpan: Span
    }
  | { readonly kind: 'get'; readonly span: Span; readonly target: Node; readonly field: Node }
  | {
      readonly kind: 'annotated'
      readonly span: Span
      readonly value: Node
      readonly annotations: readonly Annotation[]
    }
  | {
      readonly kind: 'import'
      readonly span: Span
      readonly path: string
      readonly format?: string
    }
  | { readonly kind: 'package'; readonly span: Span; readonly name: string }
  | { readonly kind: 'match'; readonly span: Span; readonly branches: readonly Branch[] }
  | { readonly kind: 'type'; readonly span: Span; readonly type: Type }

export interface RecordNode {
  readonly kind: 'record'
  readonly span: Span
  readonly fields: readonly FieldDecl[]
  readonly includes: readonly Include[]
  readonly open: boolean
  /** `; r` or `; Dyn`: only record types have one. `name` is absent for `Dyn`. */
  readonly tail?: { readonly name?: string; readonly span: Span }
}

export type PathElement =
  { readonly name: string; readonly span: Span } | { readonly dynamic: Node; readonly span: Span }

export interface FieldDecl {
  readonly path: readonly PathElement[]
  readonly meta: Metadata
  readonly value?: Node
  readonly span: Span
}

export interface Include {
  readonly name: string
  readonly meta: Metadata
  readonly span: Span
}

/** One `: T` (a type, `typed`) or `| T` (a contract). */
export interface Annotation {
  readonly type: Type
  readonly typed: boolean
}

/** Merge priority: 'default' is below every number, 'force' above; a number is exact, 0 neutral. */
export type Priority = 'default' | 'force' | Num

export interface Metadata {
  readonly annotations: readonly Annotation[]
  readonly doc?: string
  readonly priority?: Priority
  readonly optional?: boolean
  readonly notExported?: boolean
}

export interface Binding {
  readonly pattern: Pattern
  readonly annotations: readonly Annotation[]
  readonly value: Node
}

export interface Branch {
  readonly pattern: Pattern
  readonly guard?: Node
  readonly body: Node
}

/** What follows the last element of a pattern: nothing, `..`, or `..rest`. */
export type PatternTail =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open' }
  | { readonly kind: 'capture'; readonly name: string }

export interface FieldPattern {
  readonly name: string
  readonly annotations: readonly Annotation[]
  readonly fallback?: Node
  readonly pattern: Pattern
  readonly span: Span
}

export type Pattern = { readonly span: Span; readonly alias?: string } & (
  | { readonly kind: 'any'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | {
      readonly kind: 'record'
      readonly fields: readonly FieldPattern[]
      readonly tail: PatternTail
    }
  | { readonly kind: 'array'; readonly items: readonly Pattern[]; readonly tail: PatternTail }
  | { readonly kind: 'enum'; readonly tag: string; readonly arg?: Pattern }
  | { readonly kind: 'constant'; readonly value: null | boolean | Num | string }
  | { readonly kind: 'or'; readonly options: readonly Pattern[] }
)

export type Type =
  | { readonly kind: 'dyn' | 'number' | 'bool' | 'string' | 'wildcard'; readonly span: Span }
  | { readonly kind: 'array'; readonly span: Span; readonly of: Type }
  | { readonly kind: 'dict'; readonly span: Span; readonly of: Type; readonly lazy: boolean }
  | { readonly kind: 'arrow'; readonly span: Span; readonly from: Type; readonly to: Type }
  | {
      readonly kind: 'forall'
      readonly span: Span
      readonly names: readonly string[]
      readonly of: Type
    }
  | {
      readonly kind: 'enum'
      readonly span: Span
      readonly rows: readonly EnumRow[]
      readonly tail?: string
    }
  | {
      readonly kind: 'record'
      readonly span: Span
      readonly rows: readonly RecordRow[]
      readonly tail?: { readonly name?: string; readonly span: Span }
    }
  /** A name in type position: a type variable when a `forall` binds it, else a contract. */
  | { readonly kind: 'name'; readonly span: Span; readonly name: string }
  | { readonly kind: 'contract'; readonly span: Span; readonly term: Node }

interface EnumRow {
  readonly tag: string
  readonly arg?: Type
}

export interface RecordRow {
  readonly name: string
  readonly type: Type
}
