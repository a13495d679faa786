/**
 * Named points at which a test may kill the process: `PROV_CRASH_AT=claim` dies at the first CLAIM,
 * `PROV_CRASH_AT=claim:3` at the third. SIGKILL, so nothing is flushed and no handler runs: what a
 * power cut of the process leaves behind.
 *
 * @module
 */

export type CrashPoint =
  | 'submit' // op.submitted is durable
  | 'claim' // CLAIM is durable
  | 'effect.started' // the step was started on the machine
  | 'effect.done' // the step ended, RESULT is not written
  | 'undo.started' // an undo was started on the machine
  | 'undo.done' // an undo ended, its record is not written
  | 'result' // RESULT is durable
  | 'mirrored' // the ledger has the commit, the event is not acknowledged

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
