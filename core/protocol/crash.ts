/**
 * Named points at which a test may kill the process: `PROV_CRASH_AT=claim` dies at the first CLAIM,
 * `PROV_CRASH_AT=claim:3` at the third. SIGKILL, so nothing is flushed and no handler runs: what a
 * power cut of the process leaves behind.
 *
 * @module
 */

export type CrashPoint =
  | 'submit' // op.submitted is durable
  | 'inbox' // the keeper has the intent, its message is not acknowledged
  | 'judged' // the keeper has a verdict, nothing of it is written
  | 'approved' // op.approved and the command are durable
  | 'sent' // the bus took messages of an outbox, that is not noted
  | 'noted' // the note of an outbox is durable
  | 'heard' // what another plane said is durable, its message is not acknowledged
  | 'declared' // edits of the files are proposed, that they were seen is not noted
  | 'claim' // CLAIM is durable
  | 'effect.started' // the step was started on the machine
  | 'effect.done' // the step ended, RESULT is not written
  | 'undo.started' // an undo was started on the machine
  | 'undo.done' // an undo ended, its record is not written
  | 'result' // RESULT is durable
  | 'mirrored' // the ledger has the commit, the event is not acknowledged
  | 'left' // a step of keeping what an adopted journal left: branch, index, main
  | 'file.written' // a segment, a snapshot or an archive is written and has no name yet
  | 'file.named' // it has its name, the folder is not synced
  | 'archived' // an archive is in place, its segment is still there
  | 'plane.moved' // the journal says that a plane lives elsewhere, nothing else does
  | 'plane.written' // its bundle is on disk under another name, its keys are here
  | 'plane.dropped' // its keys are gone here, the bundle cannot be joined yet
  | 'plane.named' // the bundle is in its place, that is not noted
  | 'close' // the planes have ended, the journal is open
  | 'closed' // the journal is sealed, its lock is not given back

const [wanted, nth] = (process.env['PROV_CRASH_AT'] ?? '').split(':')
const left = { count: Number(nth ?? '1') }

let listener: ((name: CrashPoint) => void) | undefined

/** For simulated worlds, which die without taking the process along. One at a time. */
export function onCrashPoint(next: ((name: CrashPoint) => void) | undefined): void {
  listener = next
}

/** Dies here when the environment says so; otherwise two comparisons. */
export function crashPoint(name: CrashPoint): void {
  listener?.(name)
  if (name === wanted && --left.count === 0) process.kill(process.pid, 'SIGKILL')
}
