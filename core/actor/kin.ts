/**
 * Parents and children inside of the kernel: what `Children` needs of it, how a child's last word
 * reaches its parent, and which of the things a step asked for go to whom.
 *
 * A child that is an actor of the kernel says its last word in the record that ends it, so it is said
 * exactly once; one that keeps nothing, like a guest, leaves its parent's promise open until then, so
 * it begins again after a crash.
 *
 * @module
 */
import type { AnyActorLogic, AnyStateMachine } from 'xstate'
import { textOf } from '../errors.ts'
import type { ErrorReport } from '../errors.ts'
import type { Address } from './address.ts'
import type { Cell, Kind } from './cell.ts'
import { Children } from './children.ts'
import type { ChildEnd } from './children.ts'
import type { ActorDef, ActorEvent } from './define.ts'
import type { Birth } from './ledger.ts'
import { Mail } from './mail.ts'
import { none } from './program/program.ts'
import type { Asked, Standing } from './program/program.ts'
import type { Realm } from './realm.ts'
import type { ActorSnapshot } from './system.ts'

/** The children of a realm's actors. */
export function childrenIn(realm: Realm): Children {
  return new Children({
    clock: realm.clock,
    logic: (parent, src) => {
      const kind = realm.find(parent)?.kind
      const own: unknown = kind?.def.children[src]
      // Of a definition that is elsewhere only the names of types came over.
      if (own !== undefined)
        return typeof own === 'string' ? realm.kinds.get(own)?.def : (own as ActorDef)
      return kind?.remote ?? (kind && logicOf(kind.def.machine, src))
    },
    deliver: (parent, event, cause) => deliver(realm, parent, event, cause),
    isOpen: (promise) => realm.ledger.outbox.has(promise),
    settle: (promise) => realm.books.settle(promise),
    lost: (from, to, event) => realm.books.letter(`${from}#${to}`, event, 'unknown', { from }),
    log: (address, line) => {
      const value = line.length === 1 ? line[0] : line
      realm.say({ kind: 'log', address, value }, realm.find(address))
    },
    failed: (address, thrown) => {
      const what = textOf(thrown)
      realm.say({ kind: 'observer.failed', address, what }, realm.find(address))
    },
    begin: (def, birth, input) => void realm.lives.bear(def, birth, input),
    end: (child, asked) => {
      const cell = realm.find(child)
      if (cell?.birth && isEarlier(cell.birth.cause, asked)) void realm.lives.stop(child)
    },
    tell: (asked, to, event) => realm.post.tell(asked, { to, event }),
    seen: (record) => realm.say({ kind: 'child', ...record }, realm.find(record.parent)),
  })
}

/** Logic by the name under which a machine knows it; inline logic is named by its place. */
export function logicOf(machine: AnyStateMachine, src: string): AnyActorLogic | undefined {
  const inline = /^xstate\.invoke\.(\d+)\.(.*)$/.exec(src)
  const known = machine.implementations.actors as Readonly<Record<string, AnyActorLogic>>
  if (!inline) return Object.hasOwn(known, src) ? known[src] : undefined
  const invoked: unknown = machine.getStateNodeById(inline[2] as string).config.invoke
  const one = (Array.isArray(invoked) ? invoked[Number(inline[1])] : invoked) as
    { readonly src?: unknown } | undefined
  return typeof one?.src === 'object' ? (one.src as AnyActorLogic) : undefined
}

/**
 * Guests may fill a mailbox once more than senders may: what others send is no reason to end a guest.
 * Ends always get in.
 */
function deliver(
  realm: Realm,
  parent: Address,
  event: ActorEvent,
  cause: string | undefined,
): Mail | undefined {
  const cell = realm.find(parent)
  const mail = new Mail(event, realm.nowMs)
  if (realm.over) return mail
  if (!cell || cell.status === 'done') {
    if (cause !== undefined) realm.books.settle(cause)
    return undefined
  }
  if (cause === undefined && cell.depth >= 2 * cell.kind.capacity) return undefined
  mail.cause = cause
  realm.post.deliver(cell, mail)
  return mail
}

/** What follows a commit. */
export interface Consequences {
  /** What is promised and written with the step. */
  readonly effects: readonly Asked[]
  /** Events for whoever listens now; promised to nobody. */
  readonly emits: readonly ActorEvent[]
}

const nothing: Consequences = { effects: none, emits: none }

/**
 * Sorts what a step asked for: what goes to an address is a tell, what is emitted is no promise, and a
 * child whose machine is done tells its parent.
 */
export function consequencesOf(
  asked: readonly Asked[],
  at: Standing,
  self: Address,
  birth: Birth | undefined,
  kind: Kind,
): Consequences {
  const done = birth !== undefined && at.config.status === 'done' && saysDone(kind)
  if (!done && asked === none) return nothing
  if (!done && isPlain(asked)) return { effects: asked, emits: none }
  const effects: Asked[] = []
  const emits: ActorEvent[] = []
  for (const one of asked) {
    if (one.name === 'xstate.emit') {
      emits.push((one.params as unknown as { readonly event: ActorEvent }).event)
    } else effects.push(one.name === 'xstate.send' ? addressed(one, self, birth) : one)
  }
  if (done) effects.push(lastWord(birth, doneEvent(birth, at)))
  return { effects, emits }
}

/** A `permanent` child begins again; one that keeps nothing says it otherwise. */
const saysDone = ({ kept, def }: Kind): boolean => kept && def.supervision.restart !== 'permanent'

function isPlain(asked: readonly Asked[]): boolean {
  for (const { name } of asked) if (name === 'xstate.send' || name === 'xstate.emit') return false
  return true
}

/** A send that leaves the family is a tell; one to a child's name stays what it is. */
function addressed(asked: Asked, self: Address, birth: Birth | undefined): Asked {
  const { to, event } = asked.params as unknown as { readonly to: string; event: never }
  const address =
    to === '#self' ? self : to === '#parent' ? birth?.parent : to.includes('/') ? to : undefined
  return address === undefined ? asked : { name: 'tell', params: { to: address, event } }
}

/** The kernel's own tell: machines cannot send events of this kind. */
const lastWord = ({ parent }: Birth, event: ChildEnd): Asked => ({
  name: 'child.ended',
  params: { to: parent, event: event as never },
})

function doneEvent({ id }: Birth, { config: { output } }: Standing): ChildEnd {
  const type = `xstate.done.actor.${id}`
  return { type, actorId: id, ...(output !== undefined && { output }) }
}

function failedEvent({ id }: Birth, report: ErrorReport): ChildEnd {
  const { code, message, detail } = report
  const error = { name: 'ProvError', code, message, detail }
  return { type: `xstate.error.actor.${id}`, actorId: id, error }
}

/** What the record that stops a failed child promises its parent. */
export const lastWords = (cell: Cell, report: ErrorReport | undefined): readonly Asked[] =>
  cell.birth && cell.kind.kept && report
    ? [lastWord(cell.birth, failedEvent(cell.birth, report))]
    : none

/** The same for a child that keeps nothing: its parent's step settles what it began from. */
export function sayLast(realm: Realm, cell: Cell, report: ErrorReport | undefined): void {
  const { birth, kind } = cell
  if (!birth || kind.kept) return
  const end = report ? failedEvent(birth, report) : doneEvent(birth, cell)
  deliver(realm, birth.parent, end, birth.cause)
}

/**
 * A parent that asked for it hears of each state of its child. These events are not kept: the next one
 * says it all, and a parent that can hold no more does without one.
 */
export function showParent(realm: Realm, cell: Cell, first: boolean): void {
  const { address, birth } = cell
  if (!birth?.sync) return
  const { parent, id } = birth
  const show = ({ status, value, context, tags }: ActorSnapshot): void => {
    if (status !== 'active') return
    const snapshot = { status, value, context, tags: [...tags] }
    deliver(realm, parent, { type: `xstate.snapshot.${id}`, snapshot } as ActorEvent, undefined)
  }
  realm.children.shown(address, realm.followers.add(address, show))
  cell.followed = true
  if (first) show(cell.snapshot() as ActorSnapshot)
}

/** True while the parent is somebody who can have children, also before its type is registered. */
export function hasParent(realm: Realm, { parent }: Birth): boolean {
  const cell = realm.find(parent)
  if (cell) return cell.status !== 'done'
  return realm.ledger.stored.get(parent)?.state?.status === 'active'
}

/** Of two promises of one actor. */
function isEarlier(one: string, other: string): boolean {
  const place = (id: string) => id.split(':').slice(-2).map(Number)
  const [sequence = 0, index = 0] = place(one)
  const [otherSequence = 0, otherIndex = 0] = place(other)
  return sequence < otherSequence || (sequence === otherSequence && index < otherIndex)
}
