/**
 * Guards as functions of the draft. A guard is called as its author wrote it, in XState's order, and
 * `and`, `or`, `not` and `stateIn` are taken apart once instead of at every event.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import type { JsonValue } from '../../json.ts'
import type { Arguments, Draft, Place } from './draft.ts'

export type Test = (draft: Draft) => boolean

type UserGuard = (args: Arguments, params: unknown) => unknown

interface BuiltInGuard {
  readonly check: (...args: never) => boolean
  readonly guards?: readonly unknown[]
  readonly stateValue?: JsonValue
}

/** The function behind a guard, for all of its forms. One that nobody gave throws when it is asked. */
export function testOf(machine: AnyStateMachine, guard: unknown): Test {
  const args: Arguments = { context: {}, event: { type: '' } }
  return compile(machine, args, guard)
}

function compile(machine: AnyStateMachine, args: Arguments, guard: unknown): Test {
  const inline = typeof guard === 'function'
  const name = typeof guard === 'string' ? guard : (guard as { readonly type: string }).type
  const found: unknown = inline
    ? guard
    : (machine.implementations.guards as Readonly<Record<string, unknown>>)[name]
  if (!found) {
    return () => {
      throw new Error(`the guard '${name}' is not given`)
    }
  }
  // One guard may be given as the name of another.
  if (typeof found !== 'function') return compile(machine, args, found)
  if ('check' in found) return builtIn(machine, args, found as unknown as BuiltInGuard)
  const decide = found as UserGuard
  const given =
    inline || typeof guard === 'string'
      ? undefined
      : (guard as { readonly params?: unknown }).params
  if (typeof given !== 'function') {
    return (draft) => {
      args.context = draft.context
      args.event = draft.event
      return Boolean(decide(args, given))
    }
  }
  return (draft) => {
    args.context = draft.context
    args.event = draft.event
    return Boolean(decide(args, (given as (args: Arguments) => unknown)(args)))
  }
}

/** True for the forms that `compile` takes apart; others are a stranger's own. */
export const isKnownGuard = (guard: object): boolean => {
  const { guards, stateValue } = guard as BuiltInGuard
  return Array.isArray(guards) || stateValue !== undefined
}

function builtIn(machine: AnyStateMachine, args: Arguments, guard: BuiltInGuard): Test {
  const { stateValue } = guard
  if (stateValue !== undefined) {
    if (typeof stateValue === 'string' && stateValue.startsWith('#')) {
      return ({ place }) => place.nodes.includes(machine.getStateNodeById(stateValue))
    }
    return ({ place }: { place: Place }) => matches(stateValue, place.value)
  }
  const tests = (guard.guards ?? []).map((one) => compile(machine, args, one))
  const [first] = tests
  const kind = (guard as unknown as { readonly name: string }).name
  if (kind === 'not') return (draft) => !(first as Test)(draft)
  if (kind === 'and') return (draft) => tests.every((test) => test(draft))
  return (draft) => tests.some((test) => test(draft))
}

/** Whether a state value lies within another one: `'a'` and `'a.b'` hold in `{ a: 'b' }`. */
export function matches(wanted: JsonValue, value: JsonValue): boolean {
  const parts = typeof wanted === 'string' ? valueOfPath(wanted) : wanted
  if (typeof value === 'string') return parts === value
  const inside = value as Readonly<Record<string, JsonValue>>
  if (typeof parts === 'string') return parts in inside
  return Object.entries(parts as Readonly<Record<string, JsonValue>>).every(
    ([key, part]) => key in inside && matches(part, inside[key] as JsonValue),
  )
}

/** `a.b` as the value `{ a: 'b' }`; a backslash keeps the dot after it from being one. */
function valueOfPath(path: string): JsonValue {
  const keys = ['']
  for (let at = 0; at < path.length; at++) {
    const char = path[at] as string
    if (char === '.') keys.push('')
    else keys[keys.length - 1] += char === '\\' ? (path[++at] ?? '') : char
  }
  return keys.reduceRight<JsonValue>(
    (value, key) => (value === undefined ? key : { [key]: value }),
    undefined as never,
  )
}
