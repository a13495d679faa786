/**
 * Children of actors: what a machine invokes or spawns. A step asks for them as data; they begin, get
 * mail and end here, after the commit of that step and outside of its turn.
 *
 *     xstate.spawn ─▶ a definition stands under that name?  a kernel actor, kept like any other
 *                     any other logic?                      a guest: runs in XState beside the kernel
 *
 * C1  One child per name and parent. A second one under the same name ends the first.
 * C2  A guest's promise stays open until its end was handled, or until it was stopped: after a crash
 *     or a restart of its parent it begins again from its input. At least once, like an effect.
 * C3  Once stopped it says nothing more; an end that still waits in the mailbox is taken back.
 * C4  Whatever goes wrong with it is an event for its parent, `xstate.error.actor.<id>`.
 * C5  What it says is plain JSON, copied at the door.
 *
 * It is one file because what was asked, what is said and what ends all turn on one table of families.
 *
 * @module
 */
import type { AnyActorLogic, AnyActorRef, EventObject } from 'xstate'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import type { Address } from './address.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import { isActorDef } from './define.ts'
import { actorErrors } from './errors.ts'
import { Host } from './host.ts'
import type { Guest } from './host.ts'
import type { Birth, Pending } from './ledger.ts'
import type { RemoteProgram } from './program/remote.ts'
import { remoteGuest } from './remote-guest.ts'
import { NotPlain, plain, plainError, plainSnapshot } from './plain.ts'

/** Params of `xstate.spawn`. */
export interface SpawnAsked {
  readonly id: string
  /** Name under which the parent's machine, or its `children`, knows the logic. */
  readonly src: string
  readonly input?: JsonValue
  /** Also tell the parent of each snapshot. */
  readonly syncSnapshot?: boolean
  /** How siblings find it: `system.get(systemId)`. */
  readonly systemId?: string
}

/** Params of `xstate.send`. */
export interface SendAsked {
  /** A child's name. What goes elsewhere is a tell by now. */
  readonly to: string
  readonly event: ActorEvent
}

/** How a parent hears of a child's end: XState's own events, in JSON. */
export interface ChildEnd extends ActorEvent {
  readonly actorId: string
  readonly output?: JsonValue
  readonly error?: JsonValue
}

/** Where a child that is an actor of the kernel lives. */
export const childAddress = (def: ActorDef, { parent, id }: Omit<Birth, 'cause'>): Address =>
  `${def.type}/${parent.slice(parent.indexOf('/') + 1)}.${id}`

/** A delivered event that may still be taken back while it waits. */
export interface Delivered {
  dropped: boolean
}

/** What children need of the kernel. None of it runs an actor. */
export interface ChildrenPort {
  readonly clock: Clock
  /** A program that runs elsewhere stands for logic that is there. */
  logic(parent: Address, src: string): AnyActorLogic | ActorDef | RemoteProgram | undefined
  /**
   * Queues an event at the parent. One with a cause always gets in, and its step settles that
   * promise; others are refused with undefined when the parent can hold no more.
   */
  deliver(parent: Address, event: ActorEvent, cause?: string): Delivered | undefined
  /** True while nobody has settled this promise. */
  isOpen(promise: string): boolean
  settle(promise: string): void
  /** Nobody is there for this event. */
  lost(from: Address, to: string, event: ActorEvent): void
  log(parent: Address, line: readonly unknown[]): void
  /** An observer or a stop handler of a guest threw. */
  failed(parent: Address, thrown: unknown): void
  /** Starts an actor of the kernel for a parent; its first record settles the birth's cause. */
  begin(def: ActorDef, birth: Birth, input: JsonValue | undefined): void
  /** Ends that actor if it was born before the promise `asked` was made. */
  end(child: Address, asked: string): void
  /** Passes an event on as a tell under the promise `asked`, which its receiver settles. */
  tell(asked: Pending, to: Address, event: ActorEvent): void
  /** A child began or ended. */
  seen(record: ChildSeen): void
}

export interface ChildSeen {
  readonly parent: Address
  readonly id: string
  readonly src: string
  readonly phase: 'started' | 'done' | 'failed' | 'stopped'
  readonly address?: Address
}

interface Child {
  readonly promise: string
  readonly src: string
  /** Of an actor of the kernel; guests have none. */
  readonly address?: Address
  /** What waits until that actor stands there; undefined from then on. */
  waiting?: Pending[] | undefined
  guest?: Guest | undefined
  /** Nothing is heard of it any more: its end as it was delivered, or `silenced`. */
  over?: Delivered | undefined
}

interface Family {
  readonly parent: Address
  readonly children: Map<string, Child>
  host: Host | undefined
  /** Children that ended and are still listed. */
  ended: number
  /** Guests that run. */
  guests: number
}

const silenced: Delivered = { dropped: true }
const names: ReadonlySet<string> = new Set(['xstate.spawn', 'xstate.stop', 'xstate.send'])

/** True for what `Children.perform` does. */
export const isChildrens = (name: string): boolean => names.has(name)

export class Children {
  readonly #port: ChildrenPort
  readonly #families = new Map<Address, Family>()
  readonly #shown = new Map<Address, () => void>()
  #later: (() => void)[] = []
  #halted = false

  constructor(port: ChildrenPort) {
    this.#port = port
  }

  /** Does what a commit asked for. Code of guests runs soon, in order, not inside of the caller. */
  perform(pending: Pending): void {
    if (pending.name === 'xstate.send') this.#send(pending)
    else if (this.#halted) return
    else if (pending.name === 'xstate.spawn') this.#start(pending)
    else this.#stop(pending)
  }

  /**
   * What is still owed of promises that were open when a process died or a parent restarted, in their
   * order. A child that was stopped or replaced by then must not begin again: that one is settled.
   */
  owed(open: readonly Pending[]): readonly Pending[] {
    const begun = new Map<string, string>()
    const passed = new Set<string>()
    for (const { id, from, name, params } of open) {
      if (name !== 'xstate.spawn' && name !== 'xstate.stop') continue
      const key = JSON.stringify([from, idOf(params)])
      const earlier = begun.get(key)
      if (earlier !== undefined) {
        passed.add(earlier)
        this.#port.settle(earlier)
      }
      if (name === 'xstate.spawn') begun.set(key, id)
      else begun.delete(key)
    }
    return passed.size === 0 ? open : open.filter(({ id }) => !passed.has(id))
  }

  /** A kernel actor that came back from the journal belongs to its parent. */
  adopt(address: Address, { parent, id, cause }: Birth): void {
    this.#family(parent).children.set(id, { promise: cause, src: '', address })
  }

  /** True while the parent still wants this child. */
  wants({ parent, id, cause }: Birth): boolean {
    return this.#families.get(parent)?.children.get(id)?.promise === cause
  }

  /** It stands at its address now, and takes what was sent to it meanwhile. */
  born({ parent, id, cause }: Birth): void {
    const child = this.#families.get(parent)?.children.get(id)
    if (child?.promise !== cause || child.address === undefined) return
    const waiting = child.waiting ?? []
    child.waiting = undefined
    for (const pending of waiting) this.#port.tell(pending, child.address, eventOf(pending))
  }

  /** A kernel actor could not begin. */
  unborn(birth: Birth, thrown: unknown): void {
    const family = this.#families.get(birth.parent)
    const child = family?.children.get(birth.id)
    if (!family || child?.promise !== birth.cause) return this.#port.settle(birth.cause)
    family.children.delete(birth.id)
    this.#fail(family, birth.id, { promise: birth.cause, src: child.src }, thrown)
  }

  /** A kernel actor that had a parent has ended. */
  gone(address: Address, { parent, id, cause }: Birth): void {
    this.shown(address, undefined)
    const family = this.#families.get(parent)
    const child = family?.children.get(id)
    if (family && child?.address === address && child.promise === cause) this.#forget(family, id)
  }

  /** How its parent stops hearing of its states; the one before is called. */
  shown(address: Address, stop: (() => void) | undefined): void {
    this.#shown.get(address)?.()
    if (stop) this.#shown.set(address, stop)
    else this.#shown.delete(address)
  }

  /** Guests of this actor run or are about to, so it must stay in memory. */
  has(parent: Address): boolean {
    for (const child of this.#families.get(parent)?.children.values() ?? []) {
      if (child.address === undefined && !child.over) return true
    }
    return false
  }

  /** Children by name, as XState's snapshots show them; those of the kernel by their address. */
  of(parent: Address): ReadonlyMap<string, AnyActorRef | Address> {
    const refs = new Map<string, AnyActorRef | Address>()
    for (const [id, child] of this.#families.get(parent)?.children ?? []) {
      const ref = child.guest?.ref ?? child.address
      if (ref !== undefined && !child.over) refs.set(id, ref)
    }
    return refs
  }

  /**
   * The parent ended, and so do its guests, the newest first. Returns its children that are actors
   * of the kernel, for the caller to end.
   */
  endOf(parent: Address): readonly Address[] {
    const family = this.#families.get(parent)
    if (!family) return []
    this.#families.delete(parent)
    const actors: Address[] = []
    for (const child of [...family.children.values()].reverse()) {
      if (child.address !== undefined) actors.push(child.address)
      else this.#silence(family, child)
    }
    return actors
  }

  /**
   * The parent goes back to its last state: its guests stop. Returns their promises, which the
   * caller gives to `perform` again when the parent goes on.
   */
  abort(parent: Address): readonly string[] {
    const family = this.#families.get(parent)
    if (!family) return []
    const promises: string[] = []
    for (const [id, child] of [...family.children].reverse()) {
      if (child.address !== undefined || child.over) continue
      promises.push(child.promise)
      child.over = silenced
      this.#letGo(family, child)
      this.#forget(family, id)
    }
    return promises.reverse()
  }

  /** Stops every guest now and starts none any more: what is asked from now on is owed. */
  halt(): void {
    this.#halted = true
    const families = [...this.#families.values()].reverse()
    for (const family of families) {
      for (const child of [...family.children.values()].reverse()) {
        if (child.address !== undefined) continue
        child.over ??= silenced
        child.guest?.stop()
        child.guest = undefined
      }
      family.host = undefined
      family.guests = 0
    }
  }

  // ── what was asked ─────────────────────────────────────────────────────────────────────────────

  #start({ from, id: promise, params }: Pending): void {
    const asked = params as unknown as SpawnAsked
    const { id, src, input } = asked
    const former = this.#families.get(from)
    const earlier = former?.children.get(id)
    if (earlier?.promise === promise) return
    if (former && earlier) this.#end(former, earlier, promise)
    // Not before: a family whose last child goes is let go.
    const family = this.#family(from)
    const logic = this.#port.logic(from, src)
    if (isActorDef(logic)) {
      const sync = asked.syncSnapshot === true && ({ sync: true } as const)
      const birth: Birth = { parent: from, id, cause: promise, ...sync }
      const address = childAddress(logic, birth)
      family.children.set(id, { promise, src, address, waiting: [] })
      this.#port.seen({ parent: from, id, src, phase: 'started', address })
      return this.#port.begin(logic, birth, input)
    }
    const child: Child = { promise, src }
    family.children.set(id, child)
    this.#soon(() => {
      if (!this.#halted && !child.over) this.#launch(family, child, asked, logic)
    })
  }

  #launch(
    family: Family,
    child: Child,
    { id, src, input, systemId, syncSnapshot }: SpawnAsked,
    logic: AnyActorLogic | RemoteProgram | undefined,
  ): void {
    const { parent } = family
    try {
      if (!logic) throw actorErrors.PROV_ACTOR_CHILD_UNKNOWN({ address: parent, child: id, src })
      const hear = (event: EventObject): void => this.#hear(family, id, child, event)
      const guest = isRemote(logic)
        ? remoteGuest({
            remote: logic,
            parent,
            clock: this.#port.clock,
            asked: { id, src, input, systemId, syncSnapshot },
            hear,
          })
        : (family.host ??= this.#host(parent)).start({
            id,
            src,
            logic,
            systemId,
            sync: syncSnapshot,
            // It starts again from the same input: what it does to this one must not be seen.
            input: input === undefined ? undefined : structuredClone(input),
            hear,
          })
      this.#port.seen({ parent, id, src, phase: 'started' })
      // It may have ended, or been ended, while it began.
      if (child.over) guest.stop()
      else {
        child.guest = guest
        family.guests++
      }
    } catch (thrown) {
      this.#fail(family, id, child, thrown)
    }
    this.#rest(family)
  }

  #stop({ id: promise, from, params }: Pending): void {
    const family = this.#families.get(from)
    const id = idOf(params)
    const child = family?.children.get(id)
    if (family && child) {
      if (!child.over) this.#port.seen({ parent: from, id, src: child.src, phase: 'stopped' })
      this.#end(family, child, promise)
      this.#forget(family, id)
    }
    this.#port.settle(promise)
  }

  /** Ends a child because a later promise says so. */
  #end(family: Family, child: Child, asked: string): void {
    if (child.address !== undefined) return this.#port.end(child.address, asked)
    this.#silence(family, child)
  }

  #send(pending: Pending): void {
    const { from, id: promise } = pending
    const { to, event } = pending.params as unknown as SendAsked
    const child = this.#families.get(from)?.children.get(to)
    if (child?.waiting) return void child.waiting.push(pending)
    if (child?.address !== undefined) return this.#port.tell(pending, child.address, event)
    if (!child) {
      this.#port.lost(from, to, event)
      return this.#port.settle(promise)
    }
    this.#soon(() => {
      if (this.#halted) return
      if (child.guest) child.guest.send(event)
      else this.#port.lost(from, to, event)
      this.#port.settle(promise)
    })
  }

  // ── what guests say ────────────────────────────────────────────────────────────────────────────

  #hear(family: Family, id: string, child: Child, event: EventObject): void {
    if (child.over) return
    const { parent } = family
    try {
      const { type, output, error } = event as EventObject & Readonly<Record<string, unknown>>
      if (type === `xstate.error.actor.${id}`) return this.#fail(family, id, child, error)
      if (type === `xstate.done.actor.${id}`) {
        const kept = output === undefined ? {} : { output: plain(output, 'output') }
        const done: ChildEnd = { type, actorId: id, ...kept }
        return this.#over(family, id, child, done)
      }
      if (this.#port.deliver(parent, heard(id, event))) return
      throw actorErrors.PROV_ACTOR_CHILD_FLOODS({ address: parent, child: id })
    } catch (thrown) {
      const refused = thrown instanceof NotPlain
      const detail = { address: parent, child: id, what: refused ? thrown.message : '' }
      const error = refused ? actorErrors.PROV_ACTOR_CHILD_VALUE(detail) : thrown
      this.#fail(family, id, child, error)
    }
  }

  #fail(family: Family, id: string, child: Child, thrown: unknown): void {
    const type = `xstate.error.actor.${id}`
    const event: ChildEnd = { type, actorId: id, error: plainError(thrown) }
    this.#over(family, id, child, event)
  }

  /** Its end goes to the parent, whose step settles the promise. */
  #over(family: Family, id: string, child: Child, event: ChildEnd): void {
    if (child.over) return
    const { parent } = family
    const phase = 'error' in event ? 'failed' : 'done'
    this.#port.seen({ parent, id, src: child.src, phase })
    child.over = this.#port.deliver(parent, event, child.promise) ?? silenced
    this.#letGo(family, child)
    family.ended++
    this.#rest(family)
  }

  // ── ends ───────────────────────────────────────────────────────────────────────────────────────

  /** It was stopped: it says nothing more, and an end that still waits is taken back. */
  #silence(family: Family, child: Child): void {
    if (child.over && child.over !== silenced) child.over.dropped = true
    child.over = silenced
    this.#letGo(family, child)
    this.#port.settle(child.promise)
  }

  #letGo(family: Family, child: Child): void {
    const { guest } = child
    if (!guest) return
    child.guest = undefined
    family.guests--
    this.#soon(() => guest.stop())
  }

  #soon(act: () => void): void {
    if (this.#later.push(act) > 1) return
    queueMicrotask(() => {
      const all = this.#later
      this.#later = []
      for (const one of all) one()
    })
  }

  #family(parent: Address): Family {
    let family = this.#families.get(parent)
    if (!family) {
      family = { parent, children: new Map(), host: undefined, ended: 0, guests: 0 }
      this.#families.set(parent, family)
    }
    return family
  }

  #forget(family: Family, id: string): void {
    family.children.delete(id)
    this.#rest(family)
  }

  /** Lets go of what nobody needs: a host without guests, ends that were heard, an empty family. */
  #rest(family: Family): void {
    const { parent, children } = family
    if (2 * family.ended > children.size) {
      for (const [id, { over, promise }] of children) {
        if (over && !this.#port.isOpen(promise)) children.delete(id)
      }
      family.ended = 0
    }
    if (family.guests === 0) family.host = undefined
    if (children.size === 0 && this.#families.get(parent) === family) this.#families.delete(parent)
  }

  #host(name: Address): Host {
    return new Host({
      name,
      clock: this.#port.clock,
      log: (line) => this.#port.log(name, line),
      failed: (thrown) => this.#port.failed(name, thrown),
    })
  }
}

const isRemote = (logic: AnyActorLogic | RemoteProgram): logic is RemoteProgram => 'turn' in logic

const eventOf = ({ params }: Pending): ActorEvent => (params as unknown as SendAsked).event

const idOf = (params: JsonValue): string => String((params as { readonly id?: unknown } | null)?.id)

/** What a guest says, its end included, as data that may cross into another thread. Never throws. */
export function said(id: string, event: EventObject): JsonValue {
  try {
    const { type, output, error } = event as EventObject & Readonly<Record<string, unknown>>
    if (type === `xstate.error.actor.${id}`) return { type, error: plainError(error) }
    if (type !== `xstate.done.actor.${id}`) return heard(id, event) as unknown as JsonValue
    return output === undefined ? { type } : { type, output: plain(output, 'output') }
  } catch (thrown) {
    const what = thrown instanceof NotPlain ? thrown.message : 'an event that cannot be read'
    const { code, message } = actorErrors.PROV_ACTOR_CHILD_VALUE({ address: '', child: id, what })
    return { type: `xstate.error.actor.${id}`, error: { name: 'ProvError', code, message } }
  }
}

/** What a guest says while it runs, as an event of the kernel. Throws NotPlain. */
function heard(id: string, event: EventObject): ActorEvent {
  const type: unknown = event?.type
  if (type === `xstate.snapshot.${id}`) {
    const { snapshot } = event as EventObject & { readonly snapshot: object }
    return { type, snapshot: plainSnapshot(snapshot) } as ActorEvent
  }
  if (typeof type !== 'string' || type === '' || type.startsWith('xstate.')) {
    throw new NotPlain(`event.type is ${JSON.stringify(type)}, which is no name of an event`)
  }
  return plain(event, 'event') as unknown as ActorEvent
}
