/**
 * The live read model of operations: an @xstate/store store that folds audit events as they become
 * durable. CLI and daemon select from it; a reader without a runtime folds the journal with the same
 * function and needs no store.
 *
 * @module
 */
import { createStore } from '@xstate/store'
import type { AuditEvent } from './audit.ts'
import { emptyModel, foldAudit } from './fold.ts'
import type { OpsModel } from './fold.ts'

/** A part of the model that can be watched. */
export interface Selected<T> {
  get(): T
  /** Calls back when the part became another value (`Object.is`). Returns a stop. */
  subscribe(listener: (value: T) => void): () => void
}

export interface OpsStore {
  get(): OpsModel
  select<T>(selector: (model: OpsModel) => T): Selected<T>
  /** Takes one durable event. Only the contract calls it. */
  feed(event: AuditEvent): void
}

/** `start` is what a fold of the journal so far gave. */
export function opsStore(start: OpsModel = emptyModel()): OpsStore {
  const store = createStore({
    context: start,
    on: { audited: (model, { event }: { event: AuditEvent }) => foldAudit(model, event) },
  })
  return {
    get: () => store.getSnapshot().context,
    select(selector) {
      const selection = store.select(selector)
      return {
        get: () => selection.get(),
        subscribe: (listener) => {
          const subscription = selection.subscribe(listener)
          return () => subscription.unsubscribe()
        },
      }
    },
    feed: (event) => store.trigger.audited({ event }),
  }
}
