/** `prov keys apply`: hands a signed change of keys in; it counts when those who must have signed it. @module */
import { resolve } from 'node:path'
import { defineCommand, joinSignatures, keeperDesk, keyErrors } from 'prov'
import { actWords } from '../act-file.ts'
import type { KeysView } from '../reads/keys.ts'
import { readAct } from './read-act.ts'

export const command = defineCommand({
  pattern: 'keys apply <file>',
  describe: 'put a signed change of keys in force; refused by name while a signature is missing',
  group: 'Workspace',
  examples: [['prov keys apply act.json', 'once; the same file again is refused']],
  flags: {
    file: {
      type: 'string',
      required: true,
      describe: 'as `prov keys sign` left it',
      complete: 'files',
    },
  },
  writes: true,
  async run({ file: path }, context) {
    const act = readAct(resolve(context.cwd, path))
    const { version } = (await context.read('keys')) as KeysView
    const keys = Number(act.with['keys'])
    const refuse = (what: string) => keyErrors.PROV_KEY_SIGNATURES({ act: act.act, what })
    if (act.signatures.length === 0) throw refuse('nobody did yet')
    // Handed in all the same when it is not dry: what is refused stands in the trail.
    if (context.dryRun && keys !== version) {
      throw refuse(`it was drafted for key set ${keys}, and that is at ${version}`)
    }
    const about = { act: act.act, subject: act.subject, words: actWords(act) }
    if (context.dryRun) return { ...about, applied: false, version }
    const desk = (await context.runtime()).service(keeperDesk)
    await desk.handInAct(joinSignatures(act.signatures))
    // A rotation is bound to the key that it follows, and changes nobody's standing.
    const now = act.act.endsWith('.rotate') ? version : version + 1
    return { ...about, applied: true, version: now }
  },
  render: ({ words, applied, version }, paint) => [
    ...words,
    applied ? paint.good(`in force; the key set is at version ${version}`) : 'would be handed in',
  ],
})
