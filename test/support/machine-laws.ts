/**
 * The laws that every machine keeps: each declared state can be reached, an event it does not know
 * changes nothing, a snapshot that goes through JSON goes on as if it had not, and snapshots stored
 * by an earlier release still load.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, EventObject } from 'xstate'
import { initialTransition, transition } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { machineLaws } from '../../core/testing.ts'
import { repoRoot } from './root.ts'

export interface Laws {
  readonly name: string
  readonly machine: AnyStateMachine
  readonly input: unknown
  /** Enough events to see every state; `after` timers are added by themselves. */
  readonly events: readonly EventObject[]
  /** States that are passed through and never rested in. */
  readonly transient?: readonly string[]
  /** The part of the context that matters for reachability; keeps the walk finite. */
  readonly key?: (context: never) => unknown
}

const nodesOf = (node: AnyStateNode): AnyStateNode[] =>
  Object.values(node.states).flatMap((child) => [child, ...nodesOf(child)])

export function keepsTheLaws(t: Test, laws: Laws): void {
  const machine = laws.machine
  const nodes = nodesOf(machine.root)
  const timers = nodes.flatMap((node) => node.after.map((one) => ({ type: one.eventType })))
  const paths = getShortestPaths(machine, {
    input: laws.input,
    events: [...laws.events, ...timers] as never,
    limit: 5_000,
    serializeState: (state: AnyMachineSnapshot) =>
      JSON.stringify([state.value, laws.key?.(state.context as never)]),
  })

  t.test(`${laws.name}: the laws of the kernel's own kit`, async (t) => {
    await machineLaws(t, machine, {
      input: laws.input,
      events: laws.events,
      ...(laws.transient && { unreachable: laws.transient }),
    })
  })

  t.test(`${laws.name}: every declared state is reachable`, async (t) => {
    const reached = new Set<string>()
    for (const path of paths) {
      for (const node of (path.state as AnyMachineSnapshot)._nodes) reached.add(node.id)
    }
    const transient = (laws.transient ?? []).map((name) => `${machine.id}.${name}`)
    const missing = nodes.map((node) => node.id).filter((id) => !reached.has(id))
    t.same(missing.sort(), transient.sort())
  })

  t.test(`${laws.name}: an unknown event changes nothing, in any state`, async (t) => {
    for (const path of paths) {
      const before = path.state as AnyMachineSnapshot
      if (before.status !== 'active') continue
      const [after, actions] = transition(machine, before, { type: 'something.else' })
      t.same([after.value, after.context, actions], [before.value, before.context, []])
    }
  })

  t.test(`${laws.name}: a snapshot that went through JSON goes on the same way`, async (t) => {
    for (const path of paths) {
      const live = path.state as AnyMachineSnapshot
      const stored = JSON.parse(JSON.stringify(machine.getPersistedSnapshot(live))) as never
      const restored = machine.resolveState(
        machine.restoreSnapshot(stored, undefined as never) as never,
      ) as AnyMachineSnapshot
      t.same(restored.context, live.context)
      if (live.status !== 'active') continue
      for (const event of laws.events) {
        const [a] = transition(machine, live, event)
        const [b] = transition(machine, restored, event)
        t.same([b.value, b.context], [a.value, a.context])
      }
    }
  })

  t.test(`${laws.name}: a snapshot from an earlier release still loads`, async (t) => {
    const file = join(repoRoot, 'test/fixtures/machines', `${laws.name}.json`)
    if (!existsSync(file)) return t.fail(`no stored snapshot: write ${file}`)
    const stored = JSON.parse(readFileSync(file, 'utf8')) as {
      value: unknown
      context: object
      then: EventObject
      value_after: unknown
    }
    const [born] = initialTransition(machine, laws.input as never)
    const loaded = machine.resolveState({ value: stored.value, context: stored.context } as never)
    t.same(loaded.value, stored.value)
    t.same(Object.keys(stored.context).sort(), Object.keys(born.context as object).sort())
    const [after] = transition(machine, loaded as never, stored.then)
    t.same(after.value, stored.value_after)
  })
}
