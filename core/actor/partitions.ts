/**
 * Which partitions of the journal the records of an actor may go to. A journal is shared; its
 * partitions are not. What a plugin's actors write beside their steps goes to the plugin's own, by its
 * name, or to one below it: `acme`, `acme.audit`. Types that no plugin owns are the caller's own code,
 * and only the kernel's partition is closed to them.
 *
 * @module
 */
import type { JournalEntry } from '../journal/journal.ts'
import { jsonText } from '../json.ts'
import { actorErrors } from './errors.ts'

/**
 * The entries as they may be written: nothing but partition, type and body, and the text of the body
 * made here, whatever else their maker handed over. Throws PROV_ACTOR_PARTITION_FOREIGN for the first
 * one that goes elsewhere, TypeError for one that is none.
 */
export function ownEntries(
  type: string,
  owner: string | undefined,
  kernel: string,
  entries: readonly JournalEntry[],
): readonly JournalEntry[] {
  return entries.map((entry) => {
    const { partition, type: kind, body } = entry
    if (typeof partition !== 'string' || typeof kind !== 'string') {
      throw new TypeError('a record needs `partition` and `type`, both of them text')
    }
    const own = owner === undefined || partition === owner || partition.startsWith(`${owner}.`)
    if (!own || partition === kernel) {
      throw actorErrors.PROV_ACTOR_PARTITION_FOREIGN({ type, partition, own: owner ?? type })
    }
    const json = jsonText(body)
    if (json === undefined)
      throw new TypeError(`the body of record ${kind} is nothing JSON can say`)
    return { partition, type: kind, body, json }
  })
}
