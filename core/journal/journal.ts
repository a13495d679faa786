/**
 * The journal port: an append-only log that is the truth of a workspace. Everything else (actors,
 * read models, streams) is a projection of it and may be thrown away.
 *
 * J1  `append` resolves only after the records are on disk; then they are never lost.
 * J2  One append is one frame: after any crash all of its records are there, or none.
 * J3  Positions are gapless, start at 1, and order everything.
 * J4  One writer per workspace; an older epoch can never add a record after a newer one was opened.
 * J5  Damage anywhere but in the torn tail is refused with its place: at the end of the log on
 *     opening, further back when it is read or verified. Nothing damaged is ever handed out.
 * J6  A failed sync poisons the journal: no append succeeds after it, nothing is retried.
 *
 * `prov/testing` exports `journalKit`, which every implementation runs.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'
import type { Count, Millis } from '../units.ts'

/** 1 for the first record ever; 0 stands for "before everything". */
export type Position = number

/** What a writer hands in. */
export interface JournalEntry {
  /** Who owns the record: a role such as `kernel`, `keeper`, `bus`. One journal, one partition per role. */
  readonly partition: string
  /** What happened, in the partition's own words. */
  readonly type: string
  /** Plain JSON, 1 MiB at most. */
  readonly body: JsonValue
  /** The JSON text of `body`, when its writer has it already: it is not made again. */
  readonly json?: string
}

/** What a reader gets back. */
export interface JournalRecord extends Omit<JournalEntry, 'json'> {
  readonly position: Position
  readonly epoch: Count
  /** Wall time of the append, for people; nothing is ordered by it. */
  readonly timeMs: Millis
}

/** Where the log ends: what an anchor outside the workspace remembers. */
export interface JournalHead {
  readonly journal: string
  readonly epoch: Count
  readonly position: Position
  /** Number of the last batch. Absent where there are none to count. */
  readonly batch?: Count
  /** Head of the hash chain over batches, 64 hex digits. */
  readonly hash: string
}

export interface ReadOptions {
  /** First position wanted. Default 1. */
  readonly from?: Position | undefined
  /** Only this partition. Default all. */
  readonly partition?: string | undefined
}

/** Reading needs no lock; a reader never sees a torn frame. */
export interface JournalReader {
  /** Random id of this journal, the audience of every token made for it. */
  readonly id: string
  /** Ids that this history had, oldest first; the last one is `id`. More than one after an adoption. */
  readonly lineage: readonly string[]
  /** Folder that it is in; absent for one in memory. */
  readonly dir?: string | undefined
  /** Durable records in order of position, as far as the log reached when the iteration met its end. */
  read(options?: ReadOptions): AsyncIterable<JournalRecord>
  head(): Promise<JournalHead>
  /** Newest snapshot with that name, or undefined. */
  snapshot(name: string): Promise<Snapshot | undefined>
  close(): Promise<void>
}

/** State plus the position that it stands for: replay goes on behind it. */
export interface Snapshot {
  readonly position: Position
  readonly body: JsonValue
}

export interface Journal extends JournalReader {
  readonly epoch: Count
  /**
   * True when the writer of that epoch was replaced alive and may be alive still: it writes nothing
   * more, but what it asked of others may be on its way. Absent: nobody is ever replaced alive.
   */
  readonly mayLive?: ((epoch: Count) => boolean) | undefined
  /** False once a newer writer has it: looks at the lock, writes nothing. Absent: nobody is ever replaced. */
  isHeld?(): boolean
  /**
   * Appends all entries as one frame and resolves with the position of the first one once they are
   * durable. Calls made while a sync is running share the next one (group commit). Order of calls
   * is order of positions. Throws PROV_JOURNAL_POISONED, PROV_JOURNAL_CLOSED, PROV_JOURNAL_FENCED,
   * PROV_JOURNAL_TOO_LARGE.
   */
  append(entries: readonly JournalEntry[]): Promise<Position>
  /** Calls back after records became durable, in order, before `append` resolves. Returns a stop. */
  follow(listener: (records: readonly JournalRecord[]) => void): () => void
  /** Keeps a snapshot by temporary file and rename; older ones with the name may go. */
  putSnapshot(name: string, snapshot: Snapshot): Promise<void>
  /**
   * Remembers, outside the workspace, how far the log has come; resolves when everything that was
   * durable at the call is remembered. Calls made meanwhile share the next write. Await it between a
   * record that allows an effect and the effect: an older copy of this journal is then refused.
   * Without an anchor it resolves at once. Throws PROV_JOURNAL_UNUSABLE.
   */
  anchor(): Promise<void>
  /**
   * Asked before something new begins. Throws PROV_JOURNAL_LOW while the disk has no room beyond the
   * reserve, which is for the ends of what is under way.
   */
  assertRoom(): void
  /**
   * Aborts when nothing is taken any more, whatever the disk says later; the reason says why. Whoever
   * works on it should end: the next one opens it clean. Absent: told by `append` only.
   */
  readonly over?: AbortSignal | undefined
  /** Waits for what is under way, then releases the lock. Idempotent. */
  close(): Promise<void>
}
