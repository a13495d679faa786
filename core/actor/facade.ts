/**
 * An actor of the kernel in XState's own clothes: XState's `ActorRef`, so that `waitFor`, `toPromise`,
 * selectors, framework bindings, rxjs and other XState actors take it for one of their own.
 *
 * F1  What is seen is the committed state, as a machine snapshot of XState's own making. It is made
 *     when somebody looks, and stays the same object while nothing changed.
 * F2  Sending queues; nothing runs inside of the sender.
 * F3  Observers hear what XState's would hear, in its order: `next` after each event, `complete` when
 *     the actor is done or stopped, `error` when it failed.
 * F4  An observer that throws harms nobody. XState would take the process down.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type {
  AnyActorRef,
  AnyEventObject,
  AnyMachineSnapshot,
  AnyStateMachine,
  InspectionEvent,
  MachineContext,
  MachineSnapshot,
  MetaObject,
  Observer,
  StateSchema,
  StateValue,
  Subscription,
  ActorRef as XStateRef,
} from 'xstate'
import type * as XState from 'xstate'
import type { Address } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import type { ActorStatus, WatchEvent } from './system.ts'

/** XState's snapshot of a machine whose context is known, as far as XState takes it for one. */
type SnapshotOf<Context> = Context extends MachineContext
  ? MachineSnapshot<
      Context,
      AnyEventObject,
      Record<string, AnyActorRef | undefined>,
      StateValue,
      string,
      unknown,
      MetaObject,
      StateSchema
    >
  : AnyMachineSnapshot

/**
 * XState's type of an actor whose context and events are known; narrow the snapshot with the machine's
 * own type where you need more of it.
 */
export type XStateFacade<Context = unknown, Event extends ActorEvent = ActorEvent> = Omit<
  XStateRef<SnapshotOf<Context>, ActorEvent, ActorEvent>,
  'send'
> & {
  // As a method, so that whoever takes any actor takes this one.
  send(event: Event): void
}

/** What a façade needs of the kernel. */
export interface FacadePort {
  readonly address: Address
  readonly def: ActorDef
  /** How the actor stands now. `key` changes whenever `snapshot()` would give something else. */
  look(): FacadeLook
  /** Its children by name. */
  children(): ReadonlyMap<string, AnyActorRef | Address>
  send(event: ActorEvent): void
  stop(): void
  /** After each commit. */
  follow(listener: () => void): () => void
  watch(listener: (event: WatchEvent) => void): () => void
  /** What its machine emits. */
  listen(listener: (event: ActorEvent) => void): () => void
  /** XState's inspection records of this actor. */
  inspect(observer: (record: InspectionEvent) => void): () => void
  /** The actor at another address. */
  find(address: Address): XStateFacade | undefined
  all(): readonly Address[]
  /** An observer threw. */
  failed(thrown: unknown): void
}

export interface FacadeLook {
  readonly status: ActorStatus
  /** Compared one by one with `===`. */
  readonly key: readonly unknown[]
  /** Why it ended, when it failed. */
  readonly failure: unknown
  snapshot(): AnyMachineSnapshot
}

type Observers<T> = { readonly [K in keyof Observer<T>]?: Observer<T>[K] | undefined }
type AnyActorSystem = AnyActorRef['system']
type Observing<T> = Partial<Observer<T>> | ((value: T) => void)

// Whoever asks for a façade has loaded XState already.
const require = createRequire(import.meta.url)

/** For `Ref.asXState`. */
export function facadeOf(port: FacadePort): XStateFacade {
  const { address, def } = port
  const safe =
    <A extends unknown[]>(act: ((...args: A) => void) | undefined) =>
    (...args: A): void => {
      try {
        act?.(...args)
      } catch (thrown) {
        port.failed(thrown)
      }
    }
  const observerOf = <T>(
    first: Observing<T>,
    error?: (thrown: unknown) => void,
    complete?: () => void,
  ): Required<Observer<T>> => {
    const given: Observers<T> = typeof first === 'object' ? first : { next: first, error, complete }
    return {
      next: safe(given.next?.bind(given)),
      error: safe(given.error?.bind(given)),
      complete: safe(given.complete?.bind(given)),
    }
  }
  const getSnapshot = remembering(port, (id) => port.find(id))

  const subscribe = (
    first: Observing<AnyMachineSnapshot>,
    error?: (thrown: unknown) => void,
    complete?: () => void,
  ): Subscription => {
    const observer = observerOf(first, error, complete)
    const { status, failure } = port.look()
    // Of one that was stopped, XState tells those who come later nothing.
    if (failure !== undefined) observer.error(failure)
    else if (status === 'done') observer.complete()
    if (status === 'done' || status === 'stopped') return { unsubscribe: () => {} }
    const stopChanges = port.follow(() => observer.next(getSnapshot()))
    const stopWatch = port.watch(({ kind, crash }) => {
      if (kind !== 'done' && kind !== 'stopped' && kind !== 'failed') return
      unsubscribe()
      if (kind === 'failed') observer.error(port.look().failure ?? crash?.error)
      else observer.complete()
    })
    const unsubscribe = (): void => {
      stopChanges()
      stopWatch()
    }
    return { unsubscribe }
  }

  const face = {
    id: address,
    sessionId: address,
    src: def.machine,
    get system(): AnyActorSystem {
      return systemOf(port)
    },
    send: (event: ActorEvent) => port.send(event),
    // How actors that XState itself runs hand over what they send.
    _send: (event: ActorEvent) => port.send(event),
    getSnapshot,
    getPersistedSnapshot: (options?: unknown) => persisted(def, getSnapshot(), options),
    subscribe,
    select: <S>(selector: (snapshot: AnyMachineSnapshot) => S, same = Object.is) => ({
      get: () => selector(getSnapshot()),
      subscribe: (first: Observing<S>) => {
        const observer = observerOf(first)
        let selected = selector(getSnapshot())
        return subscribe((snapshot) => {
          const next = selector(snapshot)
          if (same(selected, next)) return
          selected = next
          observer.next(next)
        })
      },
    }),
    on: (type: string, handler: (event: ActorEvent) => void): Subscription => {
      const hear = safe(handler)
      const stop = port.listen((event) => {
        if (type === '*' || event.type === type) hear(event)
      })
      return { unsubscribe: stop }
    },
    start: () => face,
    stop: () => {
      port.stop()
      return face
    },
    toJSON: () => ({ xstate$$type: 1, id: address }),
    [observableKey()]: () => face,
    // Libraries that were loaded before somebody defined the symbol look for this.
    '@@observable': () => face,
  }
  return face as unknown as XStateFacade
}

const observableKey = (): symbol =>
  (Symbol as { readonly observable?: symbol }).observable ?? Symbol.for('observable')

/** A machine that is elsewhere cannot say it itself. */
function persisted(def: ActorDef, snapshot: AnyMachineSnapshot, options: unknown): unknown {
  const machine = def.machine as AnyStateMachine | undefined
  if (machine) return machine.getPersistedSnapshot(snapshot as never, options)
  const { status, value, context, output } = snapshot
  return { status, value, context, output, error: undefined, children: {}, historyValue: {} }
}

/** XState's snapshot of how the actor stands, the same one until something changes. */
function remembering(
  port: FacadePort,
  find: (address: Address) => XStateFacade | undefined,
): () => AnyMachineSnapshot {
  let key: readonly unknown[] = []
  let known: AnyMachineSnapshot | undefined
  return () => {
    const look = port.look()
    const children = [...port.children()]
    const now = [look.status, look.failure, ...look.key, ...children.flat()]
    if (known && now.length === key.length && now.every((one, at) => one === key[at])) return known
    key = now
    const snapshot = look.snapshot()
    const refs = children.map(([id, child]): [string, unknown] => {
      return [id, typeof child === 'string' ? find(child) : child]
    })
    const ended =
      look.failure !== undefined
        ? { status: 'error', error: look.failure }
        : look.status === 'stopped' && { status: 'stopped' }
    known =
      refs.length === 0 && !ended
        ? snapshot
        : ({ ...snapshot, children: Object.fromEntries(refs), ...ended } as AnyMachineSnapshot)
    return known
  }
}

/**
 * What XState calls a system: `get` takes an address, `inspect` hears this actor. The rest is a system
 * of XState's own, so that its actors can be told things by and from the kernel's.
 */
function systemOf(port: FacadePort): AnyActorSystem {
  const { createActor, fromTransition } = require('xstate') as typeof XState
  const { system } = createActor(fromTransition((state: undefined) => state, undefined))
  return {
    ...system,
    get: (id: string) => port.find(id as Address),
    getAll: () => Object.fromEntries(port.all().map((id) => [id, port.find(id)])),
    inspect: (first: Observing<InspectionEvent>) => {
      const observer = typeof first === 'function' ? { next: first } : first
      return { unsubscribe: port.inspect((record) => observer.next?.(record)) }
    },
  } as AnyActorSystem
}
