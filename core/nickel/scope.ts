/**
 * Names at compile time: which scope binds a name, and at which distance.
 *
 * Every scope is one frame at run time, an array whose slot 0 is the frame around it, so that a
 * name costs a few array reads instead of a look-up. Names that nobody binds are errors before
 * anything runs.
 *
 * @module
 */
import type { Annotation, Node, Pattern, RecordNode, Type } from './ast.ts'
import { closest, NickelError } from './error.ts'
import type { Span } from './source.ts'
import { Thunk, type Code, type Env, type Lazy, type Value } from './value.ts'

/** One frame's names. */
export interface Scope {
  readonly parent: Scope | undefined
  /** The slot of a name, or undefined when this frame does not bind it. */
  slot(name: string): number | undefined
  names(): Iterable<string>
}

/** Names bound by `let`, `fun` and `match`: all known before the body is compiled. */
export class FrameScope implements Scope {
  readonly parent: Scope | undefined
  readonly #slots = new Map<string, number>()
  #size: number

  /** @param reserved - slots used without a name, after slot 0 */
  constructor(parent: Scope | undefined, reserved = 0) {
    this.parent = parent
    this.#size = 1 + reserved
  }
  slot(name: string): number | undefined {
    return this.#slots.get(name)
  }
  /** Binds a name to the next slot; a second binding of the same name shares its slot. */
  add(name: string): number {
    const known = this.#slots.get(name)
    if (known !== undefined) return known
    const slot = this.#size++
    this.#slots.set(name, slot)
    return slot
  }
  /** Binds a name to a slot that is filled already. */
  place(name: string, slot: number): void {
    this.#slots.set(name, slot)
  }
  names(): Iterable<string> {
    return this.#slots.keys()
  }
}

/** The fields of a record literal: a slot is given out when a name is first used. */
export class RecordScope implements Scope {
  readonly parent: Scope | undefined
  readonly #visible: ReadonlySet<string>
  readonly #slots = new Map<string, number>()
  /** Set when any field of this record was referred to; the compiler clears it per field. */
  touched = false

  constructor(parent: Scope | undefined, visible: ReadonlySet<string>) {
    this.parent = parent
    this.#visible = visible
  }
  slot(name: string): number | undefined {
    if (!this.#visible.has(name)) return undefined
    this.touched = true
    let slot = this.#slots.get(name)
    if (slot === undefined) {
      slot = this.#slots.size + 1
      this.#slots.set(name, slot)
    }
    return slot
  }
  names(): Iterable<string> {
    return this.#visible
  }
  /** Names in slot order. Complete only after all fields are compiled. */
  slotNames(): string[] {
    return [...this.#slots.keys()]
  }
}

/** How many frames out, and which slot there. */
interface Address {
  readonly depth: number
  readonly slot: number
}

export function resolve(scope: Scope, name: string, span: Span): Address {
  let depth = 0
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    const slot = at.slot(name)
    if (slot !== undefined) return { depth, slot }
    depth++
  }
  const known = new Set<string>()
  for (let at: Scope | undefined = scope; at !== undefined; at = at.parent) {
    for (const candidate of at.names()) known.add(candidate)
  }
  throw new NickelError({
    kind: 'scope',
    message: `unbound identifier \`${name}\``,
    span,
    spanText: 'this identifier is unbound',
    suggestion: closest(name, known),
  })
}

/** What a type variable means while a type is compiled: a seal, or `Dyn` where seals are needless. */
type TypeVariables = ReadonlyMap<string, object | 'dyn'>

export interface TypeContext {
  readonly variables: TypeVariables
  /** Under `:`; there outer `forall`s need no seals. */
  readonly typed: boolean
  readonly positive: boolean
}

/** The compiler as its parts see it. */
export interface Compiler {
  term(node: Node, scope: Scope): Code
  type(type: Type, scope: Scope, context: TypeContext): Code
  annotation(annotation: Annotation, scope: Scope): Code
  record(node: RecordNode, scope: Scope): Code
  /** A term under annotations; `name` is what it is bound to, for reports. */
  annotated(
    node: Node,
    annotations: readonly Annotation[],
    scope: Scope,
    name: string | undefined,
  ): Code
  /** Tries a value against a pattern, filling the frame; false when it does not fit. */
  pattern(pattern: Pattern, scope: FrameScope): (value: Lazy, frame: Env) => boolean
}

/** Code that is a value already. */
interface ConstantCode extends Code {
  readonly constant: Value
}

export const isConstant = (code: Code): code is ConstantCode => 'constant' in code

export function constantCode(value: Value, span: Span, lazy: Lazy = value): ConstantCode {
  const run = (): Value => value
  return { run, tail: run, delay: () => lazy, span, constant: value }
}

/** Code whose evaluation has no shortcut. */
export function plainCode(span: Span, run: (env: Env) => Value): Code {
  const code: Code = { run, tail: run, delay: (env) => new Thunk(code, env), span }
  return code
}
