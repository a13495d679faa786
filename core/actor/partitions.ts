/**
 * Which partitions of the journal the records of an actor may go to. A journal is shared; its
 * partitions are not. What a plugin's actors write beside their steps goes to the plugin's own, by its
 * name, or to one below it: `acme`, `acme.audit`. Types that no plugin owns are the caller's own code,
 * and only the kernel's partition is closed to them.
 *
 * @module
 */
import type { JournalEntry } from '../journal/journal.ts'
import { actorErrors } from './errors.ts'

/** Throws PROV_ACTOR_PARTITION_FOREIGN for the first entry that goes elsewhere. */
export function demandOwn(
  type: string,
  owner: string | undefined,
  kernel: string,
  entries: readonly JournalEntry[],
): void {
  for (const { partition } of entries) {
    const own = owner === undefined || partition === owner || partition.startsWith(`${owner}.`)
    if (own && partition !== kernel) continue
    throw actorErrors.PROV_ACTOR_PARTITION_FOREIGN({ type, partition, own: owner ?? type })
  }
}
