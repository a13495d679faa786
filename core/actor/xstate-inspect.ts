/**
 * The kernel's inspection in XState's words, so that tools which take XState's `inspect` callback look
 * at our actors as they look at XState's own:
 *
 *     const { inspect } = createBrowserInspector()
 *     createRuntime({ workspace, inspect: inspectAsXState(inspect) })
 *
 *     actor.up     @xstate.actor  @xstate.microstep*  @xstate.event(init)  @xstate.action*  @xstate.snapshot
 *     event        @xstate.event
 *     transition   ( @xstate.action* @xstate.microstep )*  @xstate.snapshot
 *     actor.down   @xstate.microstep  @xstate.snapshot(stopped)
 *
 * The kernel does not walk through microsteps; whoever looks does: XState's own transition is run over
 * the state before, within a scope that collects and executes nothing. Guards and assigns are pure, so
 * this tells what happened. Where it does not come to the state that was committed, nothing is told
 * but that state.
 *
 * @module
 */
import type {
  ActorRefLike,
  AnyActorScope,
  AnyMachineSnapshot,
  InspectionEvent,
  Observer,
} from 'xstate'
import type { JsonValue } from '../json.ts'
import type { Address } from './address.ts'
import { typeOf } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { messageIn } from './inspect.ts'
import type { Inspect, InspectByKind, Inspected } from './inspect.ts'

export interface XStateInspectOptions {
  /**
   * The reference to show for an actor, for tools that send to it:
   * `(address) => system.ref(address)?.asXState()`. Default: one that only shows its snapshot.
   */
  readonly refOf?: ((address: Address) => ActorRefLike | undefined) | undefined
  /** States of actors that were there before anybody looked, so that their next step is told whole. */
  readonly known?: Readonly<Record<Address, AnyMachineSnapshot>> | undefined
}

/** An actor that is looked at. */
interface Seen {
  readonly ref: ActorRefLike
  readonly rootId: Address
  last: AnyMachineSnapshot | undefined
}

/** What XState's own records differ in. */
type Told = InspectionEvent extends infer E
  ? E extends unknown
    ? Omit<E, 'rootId'>
    : never
  : never

/** An inspector, or a tap, that tells an observer of XState's `inspect` what it hears. */
export function inspectAsXState(
  observer: ((event: InspectionEvent) => void) | Pick<Observer<InspectionEvent>, 'next'>,
  options: XStateInspectOptions = {},
): Inspect {
  const next = typeof observer === 'function' ? observer : observer.next?.bind(observer)
  const seen = new Map<Address, Seen>()

  const of = (address: Address, actor?: Inspected): Seen => {
    const known = seen.get(address)
    if (known) return known
    const parent = (actor as { readonly birth?: { readonly parent: Address } } | undefined)?.birth
      ?.parent
    const fresh: Seen = {
      ref:
        options.refOf?.(address) ?? refOf(address, actor?.kind.def, () => seen.get(address)?.last),
      rootId: parent === undefined ? address : (seen.get(parent)?.rootId ?? parent),
      last: options.known?.[address],
    }
    seen.set(address, fresh)
    return fresh
  }
  const tell = ({ rootId }: Seen, told: Told): void => {
    next?.({ ...told, rootId } as InspectionEvent)
  }

  const hear: InspectByKind = {
    'actor.up': ({ address, restored }, actor, about) => {
      const it = of(address, actor)
      const event = { type: 'xstate.init', input: about?.input } as ActorEvent
      tell(it, { type: '@xstate.actor', actorRef: it.ref })
      const after = actor && snapshotOf(actor)
      const story = restored ? [] : replay(it, actor?.kind.def, after, event)
      for (const told of story) if (told.type === '@xstate.microstep') tell(it, told)
      tell(it, { type: '@xstate.event', actorRef: it.ref, sourceRef: undefined, event })
      for (const told of story) if (told.type === '@xstate.action') tell(it, told)
      if (!after) return
      it.last = after
      tell(it, { type: '@xstate.snapshot', actorRef: it.ref, event, snapshot: after })
    },
    event: ({ from, to }, actor, about) => {
      const it = of(to, actor)
      if (!about) return
      const { event, timer } = messageIn(about)
      const source = from === undefined ? (timer === undefined ? undefined : it) : of(from)
      tell(it, { type: '@xstate.event', actorRef: it.ref, sourceRef: source?.ref as never, event })
    },
    transition: ({ address }, actor, about) => {
      if (!actor || !about) return
      const it = of(address, actor)
      const after = snapshotOf(actor)
      const { event } = messageIn(about)
      for (const told of replay(it, actor.kind.def, after, event)) tell(it, told)
      it.last = after
      tell(it, { type: '@xstate.snapshot', actorRef: it.ref, event, snapshot: after })
    },
    // Who rests must not be kept in memory here.
    passivated: ({ address }) => {
      const it = seen.get(address)
      if (it) it.last = undefined
    },
    woken: ({ address }, actor) => {
      if (actor) of(address, actor).last = snapshotOf(actor)
    },
    'actor.down': ({ address, why }, actor) => {
      const it = seen.get(address)
      seen.delete(address)
      if (!it?.last || it.last.status !== 'active') return
      const event = { type: 'xstate.stop' }
      const status = why === 'failed' ? 'error' : 'stopped'
      const snapshot = { ...it.last, status } as unknown as AnyMachineSnapshot
      if (status === 'stopped') {
        for (const told of replay(it, actor?.kind.def, snapshot, event)) tell(it, told)
      }
      tell(it, { type: '@xstate.snapshot', actorRef: it.ref, event, snapshot })
    },
  }
  return (record, actor, about) => {
    const one = hear[record.kind] as Inspect | undefined
    one?.(record, actor, about as never)
  }
}

/** XState's snapshot of how an actor stands. Behaviour that runs elsewhere has only the data of it. */
function snapshotOf({ kind, config, context, timers }: Inspected): AnyMachineSnapshot {
  const { program } = kind
  if (program) return program.snapshot({ config, context, timers })
  const { value, status, output, tags } = config
  return { value, status, output, tags, context, children: {}, error: undefined } as never
}

/** How XState goes from the last snapshot to this one, or nothing when it does not. */
function replay(
  { ref, last }: Seen,
  def: ActorDef | undefined,
  after: AnyMachineSnapshot | undefined,
  event: ActorEvent,
): readonly Told[] {
  const init = event.type === 'xstate.init'
  const machine = def?.machine
  if (!machine || !after || (!init && last?.machine === undefined)) return []
  const story: Told[] = []
  const scope = collecting(ref, story)
  try {
    const { input } = event as { readonly input?: JsonValue }
    const end = init
      ? machine.getInitialSnapshot(scope as never, input)
      : machine.transition(last as never, event, scope as never)
    const same = JSON.stringify(end.value) === JSON.stringify(after.value)
    return same && end.status === after.status ? story : []
  } catch {
    return []
  }
}

const nothing = (): void => {}

/** A scope in which nothing happens: what would have is told. */
function collecting(ref: ActorRefLike, story: Told[]): AnyActorScope {
  const clock = { setTimeout: nothing, clearTimeout: nothing }
  let booked = 0
  const system = {
    _bookId: () => `replay:${booked++}`,
    _register: (id: string) => id,
    _unregister: nothing,
    _set: nothing,
    _relay: nothing,
    _sendInspectionEvent: (told: Told) => {
      if (told.type === '@xstate.microstep') story.push({ ...told, actorRef: ref })
    },
    _snapshot: { _scheduledEvents: {} },
    _clock: clock,
    _logger: nothing,
    scheduler: { schedule: nothing, cancel: nothing, cancelAll: nothing },
    get: nothing,
    getAll: () => ({}),
    getSnapshot: () => ({ _scheduledEvents: {} }),
    inspect: () => ({ unsubscribe: nothing }),
    start: nothing,
  }
  const { sessionId } = ref
  const self = { id: sessionId, sessionId, system, send: nothing, _send: nothing, clock }
  return {
    self,
    id: sessionId,
    sessionId,
    system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: ({ type, params }: { type: string; params: unknown }) => {
      story.push({ type: '@xstate.action', actorRef: ref, action: { type, params } })
    },
  } as unknown as AnyActorScope
}

/** For tools that only look. */
function refOf(
  address: Address,
  def: ActorDef | undefined,
  last: () => AnyMachineSnapshot | undefined,
): ActorRefLike {
  return {
    id: address,
    sessionId: address,
    src: typeOf(address),
    logic: def?.machine,
    send: nothing,
    getSnapshot: () => last(),
    toJSON: () => ({ xstate$$type: 1, id: address }),
  } as unknown as ActorRefLike
}
