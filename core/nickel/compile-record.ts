/**
 * Record literals: static fields, piecewise paths, dynamic fields, `include`.
 *
 * @module
 */
import type { Annotation, FieldDecl, Metadata, Node, PathElement, RecordNode } from './ast.ts'
import { apply } from './contract.ts'
import { NickelError } from './error.ts'
import { Label } from './label.ts'
import { comparePriorities, field, Fixed, Literal, LiteralDefinition, RecordValue, type Field, type FieldMeta, type PendingContract } from './record.ts' // prettier-ignore
import { isConstant, RecordScope, resolve, type Compiler, type Scope } from './scope.ts'
import type { Span } from './source.ts'
import {
  force,
  Thunk,
  typeOf,
  withArticle,
  type Code,
  type Env,
  type Lazy,
  type Value,
} from './value.ts'

/** A field after everything written about it in one literal has been put together. */
interface Declared {
  readonly meta: Metadata
  readonly value: Node | undefined
  readonly span: Span
  readonly include?: boolean
}

interface ContractCode {
  readonly code: Code
  readonly recursive: boolean
  readonly label: Label
}

interface FieldCode {
  readonly meta: FieldMeta
  readonly code: Code | undefined
  readonly recursive: boolean
  readonly contracts: readonly ContractCode[]
}

/** A record whose fields came from a path `a.b = …`: its names are in nobody's scope. */
const piecewise = new WeakSet<RecordNode>()

export function compileRecord(compiler: Compiler, node: RecordNode, outer: Scope): Code {
  const statics = new Map<string, Declared>()
  const dynamics: { readonly name: Node; readonly declared: Declared }[] = []
  for (const decl of node.fields) {
    const [first, declared] = unfold(decl)
    if ('name' in first) {
      const known = statics.get(first.name)
      statics.set(first.name, known === undefined ? declared : together(known, declared))
    } else dynamics.push({ name: first.dynamic, declared })
  }
  for (const include of node.includes) {
    const { name, meta, span } = include
    statics.set(name, { meta, value: { kind: 'var', span, name }, span, include: true })
  }
  for (const [name, { meta, value, span }] of statics) {
    const typed = meta.annotations.find((annotation) => annotation.typed)
    if (typed === undefined || value !== undefined) continue
    throw new NickelError({
      kind: 'parse',
      message: 'statically typed field without a definition',
      span,
      spanText: `\`${name}\` has a type but no value`,
      contractSpan: typed.type.span,
      notes: ['Add a value with `= …`, or use a contract: `| Type` instead of `: Type`.'],
    })
  }
  const scope = new RecordScope(outer, piecewise.has(node) ? new Set() : new Set(statics.keys()))
  const names: string[] = []
  const codes: FieldCode[] = []
  for (const [name, declared] of statics) {
    names.push(name)
    codes.push(compileField(compiler, name, declared, scope, outer))
  }
  const computed = dynamics.map(({ name, declared }) => {
    scope.touched = false
    return {
      name: compiler.term(name, scope),
      field: compileField(compiler, undefined, declared, scope, outer),
    }
  })
  return recordCode(node, scope.slotNames(), names, codes, computed)
}

interface ComputedField {
  readonly name: Code
  readonly field: FieldCode
}

function recordCode(
  node: RecordNode,
  slots: readonly string[],
  names: readonly string[],
  codes: readonly FieldCode[],
  computed: readonly ComputedField[],
): Code {
  const { span, open } = node
  const build = (env: Env): RecordValue => {
    const literal = new Literal(slots, env)
    const fields = new Map<string, Field>()
    for (let index = 0; index < names.length; index++) {
      fields.set(names[index] as string, makeField(codes[index] as FieldCode, literal))
    }
    const record = new RecordValue(fields, { open, span })
    if (computed.length > 0) addComputed(record, computed, literal)
    return record
  }
  const code: Code = { run: build, tail: build, delay: (env) => new Thunk(code, env), span }
  return code
}

function addComputed(
  record: RecordValue,
  computed: readonly ComputedField[],
  literal: Literal,
): void {
  // Names may refer to the static fields; they are asked once, against the literal as written.
  const self = new RecordValue(new Map(record.fields), { span: record.span })
  for (const { name, field: code } of computed) {
    const text = force(name.run(self.frame(literal)))
    if (typeof text !== 'string') {
      throw new NickelError({
        kind: 'type',
        message: 'a field name must be a string',
        span: name.span,
        spanText: `this is ${withArticle(typeOf(text))}`,
      })
    }
    if (record.fields.has(text)) {
      throw new NickelError({
        kind: 'other',
        message: `the field \`${text}\` is defined twice`,
        span: code.meta.span,
      })
    }
    record.fields.set(text, fixedField(code, literal, self))
  }
}

/** A computed field is computed once: later overrides of what it refers to do not reach it. */
function fixedField(code: FieldCode, literal: Literal, self: RecordValue): Field {
  const made = makeField(code, literal)
  if (made.definition === undefined) return made
  const value = made.definition.instantiate(self)
  return field(made.meta, new Fixed(value, made.definition.span), made.contracts)
}

function makeField(code: FieldCode, literal: Literal): Field {
  const definition = code.code && new LiteralDefinition(literal, code.code, code.recursive)
  if (code.contracts.length === 0) return field(code.meta, definition)
  return field(
    code.meta,
    definition,
    code.contracts.map((contract) => new LiteralContract(contract, literal)),
  )
}

/** A contract written on a field. */
class LiteralContract implements PendingContract {
  readonly recursive: boolean
  readonly key: unknown
  readonly #code: ContractCode
  readonly #literal: Literal
  #shared: Lazy | undefined
  constructor(code: ContractCode, literal: Literal) {
    this.#code = code
    this.#literal = literal
    this.recursive = code.recursive
    this.key = isConstant(code.code) ? code.code.constant : this
  }
  apply(self: RecordValue, value: Lazy, name: string): Value {
    const { code, label, recursive } = this.#code
    const contract = recursive
      ? code.delay(self.frame(this.#literal))
      : (this.#shared ??= code.delay(this.#literal.bare))
    return apply(contract, label.on(value, name), value)
  }
}

function compileField(
  compiler: Compiler,
  name: string | undefined,
  declared: Declared,
  scope: RecordScope,
  outer: Scope,
): FieldCode {
  const { meta, value, span } = declared
  // `: T` is a promise about the value written here; `| T` also guards values merged in later.
  const typed = value === undefined ? [] : meta.annotations.filter((each) => each.typed)
  const pending = meta.annotations.filter((each) => !typed.includes(each))
  const contracts = pending.map((annotation): ContractCode => {
    scope.touched = false
    const code = compiler.annotation(annotation, scope)
    return { code, recursive: scope.touched, label: annotationLabel(annotation, name) }
  })
  scope.touched = false
  const code =
    value &&
    (declared.include === true
      ? includeCode(value, outer)
      : typed.length === 0
        ? compiler.term(value, scope)
        : compiler.annotated(value, typed, scope, name))
  const { priority, optional, notExported, doc } = meta
  return {
    meta: {
      span,
      ...(priority === undefined ? {} : { priority }),
      ...(optional === true ? { optional } : {}),
      ...(notExported === true ? { notExported } : {}),
      ...(doc === undefined ? {} : { doc }),
    },
    code,
    recursive: scope.touched,
    contracts,
  }
}

export const annotationLabel = (annotation: Annotation, name: string | undefined): Label =>
  new Label({ contractSpan: annotation.type.span, typed: annotation.typed, function: name })

/** `include x` reads `x` around the record, although the record has a field of that name. */
function includeCode(node: Node, outer: Scope): Code {
  const { name, span } = node as Node & { kind: 'var' }
  const { depth, slot } = resolve(outer, name, span)
  const delay = (env: Env): Lazy => {
    let frame = env[0] as Env
    for (let step = 0; step < depth; step++) frame = frame[0] as Env
    return frame[slot] as Lazy
  }
  const run = (env: Env): Value => force(delay(env))
  return { run, tail: run, delay, span }
}

/** Turns `a.b.c = v` into a field `a` holding nested records. */
function unfold(decl: FieldDecl): [PathElement, Declared] {
  const [first, ...rest] = decl.path as [PathElement, ...PathElement[]]
  if (rest.length === 0) return [first, { meta: decl.meta, value: decl.value, span: decl.span }]
  const inner: RecordNode = {
    kind: 'record',
    span: decl.span,
    fields: [{ ...decl, path: rest }],
    includes: [],
    open: false,
  }
  piecewise.add(inner)
  return [first, { meta: { annotations: [] }, value: inner, span: decl.span }]
}

/** Two declarations of one field in one literal. */
function together(a: Declared, b: Declared): Declared {
  const annotations = [...a.meta.annotations, ...b.meta.annotations]
  const order = comparePriorities(a.meta.priority, b.meta.priority)
  let value = a.value ?? b.value
  let { priority } = a.value === undefined ? b.meta : a.meta
  if (a.value !== undefined && b.value !== undefined) {
    if (order === 0) value = joined(a.value, b.value)
    else {
      value = order > 0 ? a.value : b.value
      priority = order > 0 ? a.meta.priority : b.meta.priority
    }
  }
  const doc = a.meta.doc ?? b.meta.doc
  const meta: Metadata = {
    annotations,
    ...(doc === undefined ? {} : { doc }),
    ...(priority === undefined ? {} : { priority }),
    ...(a.meta.optional === true && b.meta.optional === true ? { optional: true } : {}),
    ...(a.meta.notExported === true || b.meta.notExported === true ? { notExported: true } : {}),
  }
  return { meta, value, span: a.value === undefined ? b.span : a.span }
}

/** The merge of two values of one field; pieces of paths simply become one record. */
function joined(a: Node, b: Node): Node {
  if (a.kind === 'record' && b.kind === 'record' && piecewise.has(a) && piecewise.has(b)) {
    const inner: RecordNode = { ...a, fields: [...a.fields, ...b.fields] }
    piecewise.add(inner)
    return inner
  }
  const span = { source: a.span.source, start: a.span.start, end: b.span.end }
  return { kind: 'op', span, op: '&', args: [a, b] }
}
