/**
 * Variables and operators: what runs most often, so what has short cuts.
 *
 * @module
 */
import type { Node } from './ast.ts'
import { LAZY, mistypedAt, STRICT } from './operators.ts'
import { isConstant, plainCode, resolve, type Compiler, type Scope } from './scope.ts'
import type { Span } from './source.ts'
import { force, settled, Thunk, type Code, type Env, type Lazy, type Value } from './value.ts' // prettier-ignore

/** The meaning of `%name%`, given arguments and the place of use. */
export type Primop = (name: string) => (args: readonly Lazy[], site: Span) => Value

/** Code that only reads a slot: asking it for its thunk costs nothing. */
const VARIABLES = new WeakSet<Code>()

export function compileVariable(name: string, span: Span, scope: Scope): Code {
  const { depth, slot } = resolve(scope, name, span)
  const delay = reader(depth, slot)
  const run = (env: Env): Value => force(delay(env))
  const code: Code = { run, tail: run, delay, span }
  VARIABLES.add(code)
  return code
}

/** Reads a slot some frames out; the common distances have no loop. */
function reader(depth: number, slot: number): (env: Env) => Lazy {
  switch (depth) {
    case 0:
      return (env) => env[slot] as Lazy
    case 1:
      return (env) => (env[0] as Env)[slot] as Lazy
    case 2:
      return (env) => ((env[0] as Env)[0] as Env)[slot] as Lazy
    default:
      return (env) => {
        let frame = env
        for (let step = 0; step < depth; step++) frame = frame[0] as Env
        return frame[slot] as Lazy
      }
  }
}

export function compileOperator(
  compiler: Compiler,
  primop: Primop,
  node: Node & { kind: 'op' },
  scope: Scope,
): Code {
  const { op, span } = node
  const args = node.args.map((arg) => compiler.term(arg, scope))
  const [left, right] = args as [Code, Code]
  if (op.length > 2 && op.startsWith('%')) {
    const run = primop(op.slice(1, -1))
    return plainCode(span, (env) =>
      run(
        args.map((arg) => arg.delay(env)),
        span,
      ),
    )
  }
  if (op === '!') {
    return plainCode(span, (env) => {
      const known = left.run(env)
      if (typeof known !== 'boolean') throw mistypedAt('(!)', 1, 'Bool', known, left.span, span)
      return !known
    })
  }
  if (op === '&&' || op === '||') return compileLogic(op, left, right, span)
  const lazy = LAZY[op]
  if (lazy !== undefined)
    return plainCode(span, (env) => lazy(left.delay(env), right.delay(env), span))
  const strict = STRICT[op] as NonNullable<(typeof STRICT)[string]>
  const at = { left: left.span, right: right.span, site: span }
  const fast = FAST[op]
  if (fast === undefined) return plainCode(span, (env) => strict(left.run(env), right.run(env), at))
  const code: Code = {
    run: (env) => strict(left.run(env), right.run(env), at),
    tail: (env) => strict(left.run(env), right.run(env), at),
    // Sums of known numbers are computed at once: cheaper than a thunk, and `go (n - 1)` builds no
    // chain of waiting subtractions.
    delay: (env) => {
      const a = known(left, env)
      const b = known(right, env)
      if (typeof a === 'number' && typeof b === 'number') {
        const result = fast(a, b)
        if (Number.isSafeInteger(result)) return settled(span, result)
      }
      return new Thunk(code, env)
    },
    span,
  }
  return code
}

const FAST: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
}

/** The value of an operand if asking for it costs nothing; never evaluates. */
function known(code: Code, env: Env): unknown {
  if (isConstant(code)) return code.constant
  if (!VARIABLES.has(code)) return undefined
  const lazy = code.delay(env)
  if (!(lazy instanceof Thunk)) return lazy
  return lazy.state === 2 ? lazy.value : undefined
}

function compileLogic(op: '&&' | '||', left: Code, right: Code, span: Span): Code {
  const stop = op === '||'
  const bool = (value: Value, position: number, code: Code): boolean => {
    if (typeof value === 'boolean') return value
    throw mistypedAt(`(${op})`, position, 'Bool', value, code.span, span)
  }
  return plainCode(span, (env) => {
    if (bool(left.run(env), 1, left) === stop) return stop
    return bool(right.run(env), 2, right)
  })
}
