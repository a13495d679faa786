/**
 * What the façade of an actor sees of its kernel.
 *
 * @module
 */
import type { AnyMachineSnapshot } from 'xstate'
import { errorFrom, textOf } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import type { Address } from './address.ts'
import type { Cell } from './cell.ts'
import { facadeOf } from './facade.ts'
import type { XStateFacade } from './facade.ts'
import type { Kernel } from './kernel.ts'
import type { Realm } from './realm.ts'
import type { CrashReport } from './system.ts'
import { inspectAsXState } from './xstate-inspect.ts'
import { shown } from './program/freeze.ts'

const errors = new WeakMap<CrashReport, ProvError>()

/** The same error each time somebody asks for it. */
function errorOf(crash: CrashReport): ProvError {
  const error = errors.get(crash) ?? errorFrom(crash.error)
  errors.set(crash, error)
  return error
}

/** For `Ref.asXState`. `now` answers the cell that stands at the address, or how it ended. */
export function facadeIn(kernel: Kernel, realm: Realm, now: () => Cell): XStateFacade {
  const { address, kind } = now()
  return facadeOf({
    address,
    def: kind.def,
    look: () => {
      const cell = now()
      const { status, config, context } = cell
      const crash = status === 'stopped' ? cell.rareIfAny?.crash : undefined
      const failure = crash && errorOf(crash)
      return { status, key: [config, context, crash], failure, snapshot: () => snapshotOf(cell) }
    },
    children: () => realm.children.of(address),
    send: (event) => void kernel.send(address, event),
    stop: () => void kernel.stop(address),
    follow: (listener) => kernel.follow(now(), listener),
    watch: (listener) => kernel.watch(address, listener),
    listen: (listener) => realm.listeners.add(address, listener),
    inspect: (observer) => {
      const refOf = (other: Address) => kernel.ref(other)?.asXState()
      const known = { [address]: snapshotOf(now()) }
      return kernel.tap(address, inspectAsXState(observer, { refOf, known }))
    },
    find: (other) => kernel.ref(other)?.asXState(),
    all: () => [...realm.cells.keys(), ...realm.passive.addresses()] as Address[],
    failed: (thrown) => {
      const what = textOf(thrown)
      realm.say({ kind: 'observer.failed', address, what }, realm.find(address))
    },
  })
}

function snapshotOf(cell: Cell): AnyMachineSnapshot {
  const { program } = cell.kind
  if (program) return program.snapshot(cell)
  const { value, status, output, tags } = cell.config
  return {
    value,
    status,
    output,
    tags,
    context: shown(cell.context),
  } as unknown as AnyMachineSnapshot
}
