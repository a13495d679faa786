/**
 * A small XState system of its own for the children of one parent. Each child stands behind a porch:
 * the XState actor that it takes for its parent. Whatever it says there is heard with its name on it;
 * whatever its observers, timers or stop handlers throw ends here and never as an uncaught exception
 * of the process.
 *
 *     root ─┬─ porch ── child          what the child tells its parent ──▶ hear(event)
 *           └─ porch ── child ── …     children of children are XState's own business
 *
 * Only what XState exports and documents is used: `createActor`, its options, the shape of logic, and
 * the inspection record that announces an actor.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type * as XState from 'xstate'
import type {
  AnyActorLogic,
  AnyActorRef,
  AnyActorScope,
  EventObject,
  Observer,
  Snapshot,
  Subscription,
} from 'xstate'
import type { Clock, Timer } from '../clock.ts'

/** A child that runs. */
export interface Guest {
  readonly ref: AnyActorRef
  send(event: EventObject): void
  /** Ends it and what it started. It says nothing more. Never throws. */
  stop(): void
}

export interface HostOptions {
  readonly name: string
  readonly clock: Clock
  /** Lines that children log. */
  readonly log: (line: readonly unknown[]) => void
  /** An observer or a stop handler threw: nobody else would hear of it. */
  readonly failed: (thrown: unknown) => void
}

export interface GuestOptions {
  readonly id: string
  readonly logic: AnyActorLogic
  readonly src: string
  readonly input: unknown
  readonly systemId?: string | undefined
  /** Also tell of each snapshot, as `xstate.snapshot.<id>`. */
  readonly sync?: boolean | undefined
  /** Everything that the child tells its parent, its end included. Must not throw. */
  readonly hear: (event: EventObject) => void
}

// Who hosts a machine has loaded XState already; who hosts none must not.
const require = createRequire(import.meta.url)
const xstate = (): typeof XState => require('xstate') as typeof XState

export class Host {
  readonly #options: HostOptions
  readonly #root: AnyActorRef
  #stopPorch: AnyActorScope['stopChild'] = () => {}

  constructor(options: HostOptions) {
    this.#options = options
    this.#root = xstate().createActor(
      ear(
        () => {},
        (stop) => (this.#stopPorch = stop),
      ),
      {
        id: options.name,
        clock: clockOf(options.clock),
        logger: (...line: unknown[]) => options.log(line),
        // Every actor of this system announces itself here before anybody can observe it.
        inspect: (record) => {
          if (record.type === '@xstate.actor') calm(record.actorRef as AnyActorRef, options.failed)
        },
      },
    )
    this.#root.start()
  }

  /** Starts a child. Throws what XState throws about its options; a failing logic is heard instead. */
  start({ id, logic, src, input, systemId, sync, hear }: GuestOptions): Guest {
    const { createActor } = xstate()
    let silent = false
    let stopChild: AnyActorScope['stopChild'] = () => {}
    const porch: AnyActorRef = createActor(
      ear(
        (event) => {
          if (!silent) hear(event)
          else if (event.type === `xstate.error.actor.${id}`) {
            this.#options.failed((event as EventObject & { readonly error?: unknown }).error)
          }
        },
        (stop) => (stopChild = stop),
      ),
      { id: `${this.#options.name}.${id}`, parent: this.#root },
    )
    porch.start()
    const leave = (): void => {
      silent = true
      this.#stopPorch(porch)
    }
    let ref: AnyActorRef
    try {
      const named = systemId !== undefined && { systemId }
      ref = createActor(logic, { id, src, input: input as never, parent: porch, ...named })
    } catch (thrown) {
      leave()
      throw thrown
    }
    if (sync === true) {
      ref.subscribe({
        next: (snapshot: { readonly status: string }) => {
          const seen = { type: `xstate.snapshot.${id}`, snapshot }
          if (snapshot.status === 'active' && !silent) hear(seen)
        },
        error: () => {},
      })
    }
    ref.start()
    return {
      ref,
      send: (event) => ref.send(event),
      stop: () => {
        silent = true
        stopChild(ref)
        leave()
      },
    }
  }
}

/** Logic that only listens, and may stop its children. */
function ear(
  hear: (event: EventObject) => void,
  ready: (stop: AnyActorScope['stopChild']) => void,
) {
  const logic: AnyActorLogic = {
    getInitialSnapshot: () => ({ status: 'active', output: undefined, error: undefined }),
    getPersistedSnapshot: (snapshot: Snapshot<unknown>) => snapshot,
    start: (_snapshot, scope) => ready(scope.stopChild),
    transition: (snapshot: { readonly status: string }, event: EventObject) => {
      // Its own stop, or one that a child pretends: whoever hears it knows which.
      hear(event)
      return event.type === 'xstate.stop' ? { ...snapshot, status: 'stopped' } : snapshot
    },
  }
  return logic
}

/** XState reports what an observer throws on the process; here it is caught where it is thrown. */
function calm(actor: AnyActorRef, failed: (thrown: unknown) => void): void {
  const { subscribe, on } = actor
  const safe =
    <T extends unknown[]>(act: ((...args: T) => void) | undefined) =>
    (...args: T): void => {
      try {
        act?.(...args)
      } catch (thrown) {
        failed(thrown)
      }
    }
  actor.subscribe = (
    first: Observer<unknown> | ((snapshot: unknown) => void),
    error?: (thrown: unknown) => void,
    complete?: () => void,
  ) => {
    const given = typeof first === 'object' ? first : { next: first, error, complete }
    return (subscribe as (observer: Observer<unknown>) => Subscription).call(actor, {
      next: safe(given.next?.bind(given)),
      error: safe(given.error?.bind(given)),
      complete: safe(given.complete?.bind(given)),
    })
  }
  actor.on = (type, handler) => on.call(actor, type, safe(handler))
}

function clockOf(clock: Clock): {
  setTimeout: (act: (...args: unknown[]) => void, delayMs: number) => Timer
  clearTimeout: (timer: Timer) => void
} {
  return {
    setTimeout: (act, delayMs) => clock.after(delayMs, act, { background: true }),
    clearTimeout: (timer) => timer.cancel(),
  }
}
