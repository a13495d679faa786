/**
 * A standing as XState's own snapshot, for those who speak XState.
 *
 * @module
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import type { Standing } from './program.ts'
import { rememberedOf } from './tree.ts'

export function xstateSnapshot(machine: AnyStateMachine, at: Standing): AnyMachineSnapshot {
  const { value, status, output, history } = at.config
  const snapshot = machine.restoreSnapshot(
    { value, status, output, error: undefined, context: {}, children: {} } as never,
    undefined as never,
  ) as AnyMachineSnapshot
  // Put in afterwards: restoring would write into a context that holds references to actors.
  snapshot.context = at.context
  snapshot.historyValue = rememberedOf(machine.root, history) as never
  return snapshot
}
