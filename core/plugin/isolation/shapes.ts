/**
 * Services of the core whose methods do not all answer with promises. A plugin elsewhere gets those
 * at once as well: its thread stands still meanwhile. Services between plugins are async (D-45).
 *
 * @module
 */
import { systemClock } from '../../clock.ts'
import { answersAtOnce } from './wire.ts'

const synchronous: Readonly<Record<string, readonly string[] | 'all'>> = {
  'prov.journal': ['follow', 'assertRoom'],
  'prov.workspace': ['has', 'warnings'],
  'prov.contract': 'all',
  'prov.audit': 'all',
  'prov.keys': 'all',
  'prov.submissions': ['follow'],
}

/** The same service, marked. */
export function shaped(id: string, service: unknown): unknown {
  const names = synchronous[id]
  if (names === undefined || typeof service !== 'object' || service === null) return service
  return answersAtOnce(service, names)
}

/** A clock of the host: the machine's own is the same everywhere, another one is asked. */
export function shapedClock<T extends object>(clock: T): T {
  return (clock as unknown) === systemClock
    ? clock
    : answersAtOnce(clock, ['now', 'monotonic', 'after'])
}
