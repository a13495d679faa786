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
import type { OpRow, OpsModel } from './fold.ts'

/** A part of the model that can be watched. */
export interface Selected<T> {
  get(): T
  /** Calls back when the part became another value (`Object.is`). Returns a stop. */
  subscribe(listener: (value: T) => void): () => void
}

export interface OpsStore {
  get(): OpsModel
  select<T>(selector: (model: OpsModel) => T): Selected<T>
  /** Calls back whenever the row of one operation became another. Returns a stop. */
  watch(op: string, listener: (row: OpRow) => void): () => void
  /** Takes one durable event. Only the contract calls it. */
  feed(event: AuditEvent): void
}

/** `start` is what a fold of the journal so far gave. */
export function opsStore(start: OpsModel = emptyModel()): OpsStore {
  const store = createStore({
    context: start,
    on: { audited: (model, { event }: { event: AuditEvent }) => foldAudit(model, event) },
  })
  /** By operation: thousands may be waited for, and each event concerns one. */
  const watchers = new Map<string, Set<(row: OpRow) => void>>()
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
    watch(op, listener) {
      let watching = watchers.get(op)
      if (!watching) watchers.set(op, (watching = new Set()))
      const own = (row: OpRow): void => listener(row)
      watching.add(own)
      return () => {
        watching.delete(own)
        if (watching.size === 0 && watchers.get(op) === watching) watchers.delete(op)
      }
    },
    feed(event) {
      const watching = watchers.get(event.subject)
      const before = watching && store.getSnapshot().context.ops.get(event.subject)
      store.trigger.audited({ event })
      const row = watching && store.getSnapshot().context.ops.get(event.subject)
      if (!watching || !row || row === before) return
      for (const listener of watching) listener(row)
    },
  }
}
