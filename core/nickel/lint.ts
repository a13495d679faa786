/**
 * The declarative-only rule, for files that decide about rights: data and contracts, no functions,
 * no foreign imports.
 *
 * Works on the syntax tree, so `fun` inside a string or a comment is not a finding, and a function
 * hidden behind a field punned with `include` still is.
 *
 * @module
 */
import type { Annotation, Metadata, Node, Pattern, Type } from './ast.ts'
import { NickelError } from './error.ts'
import { parse } from './parser.ts'
import { placeOf, Source, type Place, type Span } from './source.ts'

export interface LintOptions {
  /** Imports that may appear, as they are written between the quotes. Default: none. */
  readonly allowedImports?: readonly string[] | ((path: string) => boolean)
}

export interface LintFinding extends Place {
  /** What was found. */
  readonly rule: 'function' | 'import' | 'primitive' | 'nesting' | 'parse'
  readonly message: string
}

/** Findings in a text, in the order of the text; a text that does not parse is one finding. */
export function lintDeclarative(
  text: string,
  name: string,
  options: LintOptions = {},
): LintFinding[] {
  const source = new Source(name, text)
  const findings: LintFinding[] = []
  const report: Report = (rule, span, message) => {
    findings.push({ ...placeOf(span), rule, message })
  }
  let root: Node
  try {
    root = parse(source)
  } catch (error) {
    if (!(error instanceof NickelError)) throw error
    const place = error.place ?? { file: name, line: 1, col: 1 }
    return [{ ...place, rule: 'parse', message: error.message }]
  }
  try {
    const { allowedImports: allowed = [] } = options
    const allows = typeof allowed === 'function' ? allowed : allowed.includes.bind(allowed)
    new Walk(report, (path) => allows(path)).term(root)
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown
    // What was not looked at may be anything.
    report('nesting', root.span, 'a declarative file must not nest so deeply')
  }
  return findings.sort((a, b) => a.line - b.line || a.col - b.col)
}

type Allows = (path: string) => boolean
type Report = (rule: LintFinding['rule'], span: Span, message: string) => void

class Walk {
  readonly #report: Report
  readonly #allows: Allows

  constructor(report: Report, allows: Allows) {
    this.#report = report
    this.#allows = allows
  }

  term(node: Node): void {
    switch (node.kind) {
      case 'fun':
        this.#report('function', node.span, 'a declarative file must not define functions')
        return this.term(node.body)
      case 'match':
        this.#report(
          'function',
          node.span,
          '`match` is a function; a declarative file must not use it',
        )
        for (const { guard, body } of node.branches) {
          if (guard !== undefined) this.term(guard)
          this.term(body)
        }
        return
      case 'import':
        if (!this.#allows(node.path)) {
          this.#report('import', node.span, `a declarative file must not import "${node.path}"`)
        }
        return
      case 'package':
        return this.#report(
          'import',
          node.span,
          `a declarative file must not import the package ${node.name}`,
        )
      case 'op':
        if (node.op.length > 2 && node.op.startsWith('%')) {
          this.#report('primitive', node.span, `a declarative file must not use ${node.op}`)
        }
        return node.args.forEach((arg) => this.term(arg))
      case 'string':
      case 'symbolic':
        for (const chunk of node.chunks) if (typeof chunk !== 'string') this.term(chunk.term)
        return
      case 'enum':
        if (node.arg !== undefined) this.term(node.arg)
        return
      case 'array':
        return node.items.forEach((item) => this.term(item))
      case 'record':
        for (const { path, meta, value } of node.fields) {
          for (const element of path) if ('dynamic' in element) this.term(element.dynamic)
          this.#meta(meta)
          if (value !== undefined) this.term(value)
        }
        return node.includes.forEach(({ meta }) => this.#meta(meta))
      case 'let':
        for (const { pattern, annotations, value } of node.bindings) {
          this.#pattern(pattern)
          this.#annotations(annotations)
          this.term(value)
        }
        return this.term(node.body)
      case 'if':
        this.term(node.cond)
        this.term(node.yes)
        return this.term(node.no)
      case 'app':
        this.term(node.fn)
        return node.args.forEach((arg) => this.term(arg))
      case 'access':
        return this.term(node.target)
      case 'get':
        this.term(node.target)
        return this.term(node.field)
      case 'annotated':
        this.term(node.value)
        return this.#annotations(node.annotations)
      case 'type':
        return this.#type(node.type)
      case 'null':
      case 'bool':
      case 'number':
      case 'var':
    }
  }

  #meta(meta: Metadata): void {
    this.#annotations(meta.annotations)
  }

  #annotations(annotations: readonly Annotation[]): void {
    for (const { type } of annotations) this.#type(type)
  }

  #pattern(pattern: Pattern): void {
    if (pattern.kind === 'record') {
      for (const { annotations, fallback, pattern: inner } of pattern.fields) {
        this.#annotations(annotations)
        if (fallback !== undefined) this.term(fallback)
        this.#pattern(inner)
      }
    }
  }

  #type(type: Type): void {
    switch (type.kind) {
      case 'array':
      case 'dict':
      case 'forall':
        return this.#type(type.of)
      case 'arrow':
        this.#type(type.from)
        return this.#type(type.to)
      case 'enum':
        for (const { arg } of type.rows) if (arg !== undefined) this.#type(arg)
        return
      case 'record':
        return type.rows.forEach(({ type: of }) => this.#type(of))
      case 'contract':
        return this.term(type.term)
      case 'dyn':
      case 'bool':
      case 'number':
      case 'string':
      case 'name':
      case 'wildcard':
    }
  }
}
