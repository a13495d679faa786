/** `prov capabilities`: what this workspace provides and requires. @module */
import { defineCommand, section, table } from 'prov'
import type { CapabilitiesView } from '../capabilities.ts'

export const command = defineCommand({
  pattern: 'capabilities',
  describe: 'what this workspace provides and requires, and which gates hang on it',
  group: 'Topology',
  examples: [
    ['prov capabilities', 'services, APIs, storage and auth, with the gates that need them'],
  ],
  flags: {},
  run: async (_, { read }) => (await read('capabilities')) as CapabilitiesView,
  render({ provides, requires }, paint, format) {
    const look = { paint, format } as const
    if (provides.length + requires.length === 0) {
      return ['no capabilities', paint.dim('declare them in .ontology/manifest.ncl')]
    }
    return [
      ...section(
        'Provides',
        table(
          provides.map(({ id, category, there, from, gates }) => [
            there ? ['✓ there', paint.good] : ['✗ gone', paint.bad],
            category,
            [id, paint.bold],
            from,
            gates.join(', '),
          ]),
          { ...look, head: ['', 'category', 'capability', 'from', 'gates'] },
        ),
        look,
      ),
      ...section(
        'Requires',
        table(
          requires.map(({ id, category, met, impact, gates }) => [
            met ? ['✓ met', paint.good] : ['✗ missing', paint.bad],
            category,
            [id, paint.bold],
            gates.join(', '),
            met ? '' : impact,
          ]),
          { ...look, head: ['', 'category', 'capability', 'gates', 'without it'] },
        ),
        look,
      ),
      ...section(
        'Get what is missing',
        table(
          requires
            .filter(({ met, provision }) => !met && provision !== '')
            .map(({ id, provision }) => [[id, paint.bold], provision]),
          { ...look, head: ['capability', 'with'] },
        ),
        look,
      ),
    ].slice(1)
  },
})
