/** Who may change whom this workspace trusts, and how often that changed: a fold of the journal. @module */
import { auditEvents, defineRead, Keyring, rootOf, ruleWords } from 'prov'
import type { KeyRule } from 'prov'

export interface KeysView {
  /** What an act about keys is signed for; 0 before anybody was enrolled. */
  readonly version: number
  /** Journal id: the audience of an act; null before there is one. */
  readonly journal: string | null
  /** Null while any one enrolled person may. */
  readonly rule: KeyRule | null
  readonly words: string
  /** Persons with a key that counts. */
  readonly persons: readonly string[]
  /** Keys of planes that are to follow their own, until they do. */
  readonly offered: readonly { readonly plane: string; readonly kid: string }[]
}

export const read = defineRead<void, KeysView>({
  name: 'keys',
  describe:
    'who may change whom this workspace trusts: a root that lies offline, or M of N persons',
  async run(_, { files, journal }) {
    const root = journal ? await rootOf(journal) : ''
    const ring = new Keyring({ journal: root, workspace: files.name })
    if (journal) for await (const event of auditEvents(journal)) ring.take(event)
    return {
      version: ring.version,
      journal: journal ? ring.journal : null,
      rule: ring.rule ?? null,
      words: ruleWords(ring.rule),
      persons: [...ring.persons()].sort(),
      offered: ['keeper', 'submitter', 'controller'].flatMap((plane) => {
        const kid = ring.offered(plane)?.kid
        return kid === undefined ? [] : [{ plane, kid }]
      }),
    }
  },
})
