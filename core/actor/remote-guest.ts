/**
 * A guest whose logic is elsewhere, with the machine that made it: it looks like any other, and what
 * it says comes over as data. When the place it runs in is lost it begins again in the next one.
 *
 * @module
 */
import type { AnyActorRef, EventObject } from 'xstate'
import type { Clock } from '../clock.ts'
import type { JsonValue } from '../json.ts'
import type { Address } from './address.ts'
import type { ActorEvent } from './define.ts'
import type { Guest } from './host.ts'
import type { RemoteChild, RemoteProgram } from './program/remote.ts'

export interface RemoteGuestOptions {
  readonly remote: RemoteProgram
  readonly parent: Address
  readonly clock: Clock
  readonly asked: RemoteChild['asked']
  readonly hear: (event: EventObject) => void
}

/** Never throws: a place that refuses it is an error of the child. */
export function remoteGuest({ remote, parent, clock, asked, hear }: RemoteGuestOptions): Guest {
  const { id } = asked
  const end = new AbortController()
  let take: ((event: ActorEvent) => void) | undefined
  let waiting: ActorEvent[] = []
  const send = (event: ActorEvent): void => {
    if (take) take(event)
    else waiting.push(event)
  }
  void (async () => {
    try {
      if (!remote.child) throw new Error('its program runs no children')
      await remote.child({
        parent,
        asked,
        clock,
        signal: end.signal,
        hear: (event) => {
          if (!end.signal.aborted) hear(event as EventObject)
        },
        mail: (listener) => {
          take = listener
          const all = waiting
          waiting = []
          for (const event of all) listener(event)
        },
      })
    } catch (error) {
      if (!end.signal.aborted) hear({ type: `xstate.error.actor.${id}`, error } as EventObject)
    }
  })()
  const snapshot = { status: 'active', output: undefined, error: undefined }
  const ref = {
    id,
    sessionId: `${parent}#${id}`,
    src: asked.src,
    send,
    getSnapshot: () => snapshot,
  }
  return { ref: ref as unknown as AnyActorRef, send, stop: () => end.abort() }
}

/** Runs a guest here for a machine whose actors are kept elsewhere. Resolves when it has ended. */
export function serveGuest(
  start: (hear: (event: EventObject) => void) => Guest,
  id: string,
  { signal, mail, hear }: Pick<RemoteChild, 'signal' | 'mail' | 'hear'>,
  said: (id: string, event: EventObject) => JsonValue,
): Promise<void> {
  return new Promise((resolve) => {
    let over = false
    let guest: Guest | undefined
    const end = (): void => {
      over = true
      guest?.stop()
      resolve()
    }
    const tell = (event: EventObject): void => {
      if (over) return
      hear(said(id, event))
      if (event.type === `xstate.done.actor.${id}` || event.type === `xstate.error.actor.${id}`)
        end()
    }
    try {
      guest = start(tell)
    } catch (error) {
      return tell({ type: `xstate.error.actor.${id}`, error } as EventObject)
    }
    if (over) return guest.stop()
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) return end()
    mail((event) => {
      if (!over) guest?.send(event)
    })
  })
}
