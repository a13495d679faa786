/**
 * An actor in XState's own clothes, so that `waitFor`, `toPromise` and framework bindings take it.
 * Sending queues; what is seen is always the committed state.
 *
 * @module
 */
import type { ActorRef as XStateRef, AnyMachineSnapshot, Observer } from 'xstate'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import type { Kernel } from './kernel.ts'

/** The snapshot type is XState's; narrow it with the machine's own type where you need it. */
export type XStateFacade = XStateRef<AnyMachineSnapshot, ActorEvent>

/** For `Ref.asXState`. `now` answers the cell that stands at the address. */
export function facadeOf(kernel: Kernel, now: () => Cell): XStateFacade {
  const { address } = now()
  const subscribe = (
    first: Partial<Observer<AnyMachineSnapshot>> | ((snapshot: AnyMachineSnapshot) => void),
  ): { unsubscribe(): void } => {
    const observer = typeof first === 'function' ? { next: first } : first
    const stopChanges = kernel.follow(now(), () => observer.next?.(snapshotOf(now())))
    const stopWatch = kernel.watch(address, ({ kind, crash }) => {
      if (kind !== 'done' && kind !== 'stopped' && kind !== 'failed') return
      unsubscribe()
      if (kind === 'failed') observer.error?.(crash?.error)
      else observer.complete?.()
    })
    const unsubscribe = (): void => {
      stopChanges()
      stopWatch()
    }
    if (now().status === 'done' || now().status === 'stopped') {
      unsubscribe()
      observer.complete?.()
    }
    return { unsubscribe }
  }
  const face = {
    id: address,
    sessionId: address,
    send: (event: ActorEvent) => void kernel.send(address, event),
    getSnapshot: () => snapshotOf(now()),
    getPersistedSnapshot: () => now().stored().state,
    subscribe,
    on: () => ({ unsubscribe: () => {} }),
    start: () => {},
    stop: () => void kernel.stop(address),
    [Symbol.for('observable')]: () => face,
  }
  return face as unknown as XStateFacade
}

function snapshotOf(cell: Cell): AnyMachineSnapshot {
  const { program } = cell.kind
  if (program) return program.snapshot(cell)
  const { value, status, output, tags } = cell.config
  return { value, status, output, tags, context: cell.context } as unknown as AnyMachineSnapshot
}
