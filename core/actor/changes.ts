/**
 * States of an actor as a stream. Its own file because it is the one part of the kernel that loads
 * rxjs.
 *
 * @module
 */
import { Observable } from 'rxjs'
import type { ActorEvent } from './define.ts'
import type { ActorRef, ActorSnapshot } from './system.ts'

/**
 * The present state at once, then every committed one. Completes when the machine is done; otherwise
 * it goes on until unsubscribed, also across a restart of the actor.
 */
export function changes$<C, E extends ActorEvent>(
  ref: ActorRef<C, E>,
): Observable<ActorSnapshot<C>> {
  return new Observable((subscriber) => {
    const next = (snapshot: ActorSnapshot<C>): void => {
      subscriber.next(snapshot)
      if (snapshot.status === 'done') subscriber.complete()
    }
    const stop = ref.changes(next)
    next(ref.snapshot())
    return stop
  })
}
