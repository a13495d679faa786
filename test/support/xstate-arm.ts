/**
 * XState itself, stepped from outside: its own `transition` on the untouched machine, inside a scope
 * that executes nothing and writes down what would have been executed. What a program gives is
 * compared with this.
 *
 * @module
 */
import { createActor } from 'xstate'
import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode } from 'xstate'
import type { ActorEvent } from '../../core/actor/define.ts'
import type { TimerState } from '../../core/actor/state.ts'

interface Executable {
  readonly type: string
  readonly params: unknown
}

export interface XStateStep {
  readonly snapshot: AnyMachineSnapshot
  readonly timers: readonly TimerState[]
  readonly asked: readonly { readonly name: string; readonly params: unknown }[]
  readonly logs: readonly unknown[]
}

/** Whether all is active that must be: parents, one child of each compound, all regions. */
export function isWhole(nodes: readonly AnyStateNode[]): boolean {
  return nodes.every((node) => {
    const inside = Object.values(node.states).filter((child) => nodes.includes(child as never))
    const regions = Object.values(node.states).filter(({ type }) => type !== 'history')
    if (node.parent && !nodes.includes(node.parent)) return false
    return inside.length === (node.type === 'compound' ? 1 : regions.length)
  })
}

type Inner = { _nodes: AnyStateNode[] }

/** `sorted`: its active states are kept in document order between microsteps. */
export class XStateArm {
  readonly #machine: AnyStateMachine
  readonly #scope: { actionExecutor: (action: Executable) => void }
  #executed: Executable[] = []
  /** An active state was lost on the way, in this step or an earlier one. */
  lost = false

  constructor(machine: AnyStateMachine, options: { readonly sorted?: boolean } = {}) {
    this.#machine = machine
    const self = createActor(machine)
    const nothing = (): void => {}
    const { system } = self as unknown as { system: Record<string, unknown> }
    system['_sendInspectionEvent'] = (record: { type: string; snapshot?: Inner }) => {
      if (record.type !== '@xstate.microstep' || !record.snapshot) return
      const { _nodes: nodes } = record.snapshot
      if (!isWhole(nodes)) this.lost = true
      if (options.sorted) nodes.sort((a, b) => a.order - b.order)
    }
    this.#scope = {
      self,
      system,
      id: '',
      sessionId: '',
      logger: nothing,
      defer: nothing,
      emit: nothing,
      stopChild: nothing,
      actionExecutor: (action: Executable) => this.#executed.push(action),
    } as never
  }

  start(nowMs: number): XStateStep {
    this.#executed = []
    return this.#close(this.#machine.getInitialSnapshot(this.#scope as never), [], nowMs)
  }

  step(
    at: Pick<XStateStep, 'snapshot' | 'timers'>,
    event: ActorEvent,
    nowMs: number,
    timer?: string,
  ): XStateStep {
    this.#executed = []
    const snapshot = this.#machine.transition(at.snapshot, event, this.#scope as never)
    const timers = at.timers.filter(({ id }) => id !== timer)
    return this.#close(snapshot, timers, nowMs)
  }

  #close(snapshot: AnyMachineSnapshot, before: readonly TimerState[], nowMs: number): XStateStep {
    if (snapshot.status === 'error') throw snapshot.error
    let timers = [...before]
    const asked: { name: string; params: unknown }[] = []
    const logs: unknown[] = []
    const later = (id: string | undefined, event: ActorEvent, delay: number, to?: string) => {
      let number = timers.length
      while (timers.some((timer) => timer.id === `${event.type}#${number}`)) number++
      const name = id ?? `${event.type}#${number}`
      timers = timers.filter((timer) => timer.id !== name)
      timers.push({ id: name, dueMs: nowMs + delay, event, ...(to !== undefined && { to }) })
    }
    for (const { type, params } of this.#executed) {
      const given = params as Record<string, never>
      if (type === 'xstate.raise') {
        if (typeof given['delay'] === 'number')
          later(given['id'], given['event'] as never, given['delay'])
      } else if (type === 'xstate.cancel') {
        timers = timers.filter(({ id }) => id !== given['sendId'])
      } else if (type === 'xstate.log') logs.push(params)
      else if (type === 'xstate.sendTo') {
        const { event, id, delay, targetId, to } = given as Record<string, unknown>
        const target = (targetId ?? (to as { id: string }).id) as string
        if (typeof delay === 'number') later(id as string, event as ActorEvent, delay, target)
        else asked.push({ name: 'xstate.send', params: { to: target, event } })
      } else if (type === 'xstate.emit')
        asked.push({ name: type, params: { event: given['event'] } })
      else if (type === 'xstate.spawnChild') {
        const { id, src, input } = given as Record<string, unknown>
        asked.push({ name: 'xstate.spawn', params: { id, src, input } })
      } else if (type === 'xstate.stopChild') {
        if (params) asked.push({ name: 'xstate.stop', params: { id: given['id'] } })
      } else asked.push({ name: type, params: params ?? null })
    }
    if (snapshot.status === 'done') timers = []
    return { snapshot, timers, asked, logs }
  }
}
