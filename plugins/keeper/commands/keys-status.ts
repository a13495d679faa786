/** `prov keys status`: who may change whom this workspace trusts. @module */
import { defineCommand, fields } from 'prov'
import type { KeysView } from '../reads/keys.ts'

export const command = defineCommand({
  pattern: 'keys status',
  describe: 'who must sign a change of keys: a root that lies offline, or so many persons',
  group: 'Workspace',
  examples: [['prov keys status', 'the rule in force, and the version of the key set']],
  flags: {},
  run: async (_, { read }) => (await read('keys')) as KeysView,
  render: ({ version, rule, words, persons, offered }, paint, format) =>
    fields(
      [
        ['changes of keys', rule ? words : [words, paint.warn]],
        ['key set', `version ${version}`],
        ['root keys', rule?.roots.map(({ kid }) => kid).join(', ') || undefined],
        ['persons', persons.join(', ') || 'nobody yet: the first one vouches for themselves'],
        ...offered.map(({ plane, kid }) => [`next of ${plane}`, kid] as const),
        [
          'declare a rule',
          rule ? undefined : 'prov keys root <file>, then prov keys draft govern --root <file>.pub',
        ],
      ],
      { paint, format },
    ),
})
