/**
 * What a full mailbox does, by the type's own choice. Timers, effect results and tells always get in:
 * they are promises that the journal already holds.
 *
 * - `reject` (default) tells the sender at once.
 * - `await` tells the sender at once and hands it a promise of room; `apply` waits by itself.
 * - `coalesce` lets a newer message take the place of a waiting one with the same key.
 * - `drop-oldest`, `drop-newest` lose one, counted as a dead letter; only for types that say `lossy`.
 *
 * @module
 */
import { asRunner } from '../running.ts'
import { flag, mailOf } from './cell.ts'
import type { Cell } from './cell.ts'
import type { ActorEvent } from './define.ts'
import { eventOf, Mail } from './mail.ts'
import type { Item, Waiter } from './mail.ts'
import type { Realm } from './realm.ts'

/** Resolves when the mailbox has room, or may have. Rejects when the signal aborts first. */
export function roomIn(cell: Cell, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    cell.flags |= flag.wanted
    ;(cell.rare.room ??= []).push(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
  })
}

/** Called after messages were taken, or the actor ended: whoever waited for room looks again. */
export function roomMade(cell: Cell): void {
  if (cell.status === 'active' && cell.depth >= cell.kind.capacity) return
  cell.flags &= ~flag.wanted
  const waiting = cell.rare.room ?? []
  cell.rare.room = undefined
  for (const resolve of waiting) resolve()
}

/** Drops the oldest message where the type allows it; false when it does not, or it must not be lost. */
export function makeRoom(realm: Realm, cell: Cell): boolean {
  const { first } = cell
  if (cell.kind.def.mailbox.overflow !== 'drop-oldest' || first === undefined) return false
  if (Mail.is(first) && (first.waiter ?? first.cause ?? first.timer) !== undefined) return false
  cell.take()
  realm.books.letter(cell.address, eventOf(first), 'dropped')
  return true
}

/** The key of an event where messages coalesce; undefined for those that stand for themselves. */
function keyOf(realm: Realm, cell: Cell, event: ActorEvent): string | undefined {
  const { key } = cell.kind.def.mailbox
  if (key === undefined) return undefined
  try {
    if (typeof key !== 'function') return keyAt(event, typeof key === 'string' ? [key] : key)
    return asRunner(cell.kind.runner, () => key(event as never))
  } catch (thrown) {
    // A key that cannot be told is no reason to lose the message.
    realm.oddity(cell, 'mailbox.key', thrown)
    return undefined
  }
}

/** Which event it is and what stands at the path: `1` and `'1'` are not the same. */
function keyAt(event: ActorEvent, path: readonly string[]): string | undefined {
  let at: unknown = event
  for (const name of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  const says = typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean'
  return says ? JSON.stringify([event.type, at]) : undefined
}

/**
 * The key of a waiting message in whose place it goes: a full mailbox has room for it. `keep` gets the
 * same one, since a function that is asked twice may say two things.
 */
export function replaced(realm: Realm, cell: Cell, event: ActorEvent): string | undefined {
  const { keys } = cell.rareIfAny ?? {}
  const key = keys && keyOf(realm, cell, event)
  return key !== undefined && keys?.has(key) === true ? key : undefined
}

/**
 * Queues where messages coalesce: in the place of the waiting one with the same key, else at the end.
 * Whoever applied the one that is replaced gets the answer of the one that replaced it.
 */
export function keep(realm: Realm, cell: Cell, item: Item, known?: string): void {
  const mail = mailOf(item, realm.nowMs)
  const special = (mail.cause ?? mail.timer) !== undefined
  const key = special ? undefined : (known ?? keyOf(realm, cell, mail.event))
  if (key === undefined) return cell.push(mail)
  const keys = (cell.rare.keys ??= new Map<string, Mail>())
  const waiting = keys.get(key)
  if (waiting === undefined) {
    mail.key = key
    keys.set(key, mail)
    return cell.push(mail)
  }
  waiting.event = mail.event
  waiting.waiter = both(waiting.waiter, mail.waiter)
}

function both(first: Waiter | undefined, second: Waiter | undefined): Waiter | undefined {
  if (!first || !second) return first ?? second
  return {
    resolve: (snapshot) => (first.resolve(snapshot), second.resolve(snapshot)),
    reject: (error) => (first.reject(error), second.reject(error)),
  }
}
