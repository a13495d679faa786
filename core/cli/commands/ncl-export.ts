/**
 * `prov ncl export <file>`: a Nickel file as data. Works with and without a workspace around it.
 *
 * @module
 */
import { importOptions } from '../../config/evaluate.ts'
import { fromNickelError } from '../../config/ncl-errors.ts'
import { defineCommand } from '../command.ts'
import { nickelPlace } from '../ncl.ts'

const formats = ['json', 'yaml', 'toml', 'raw'] as const

export const command = defineCommand({
  pattern: 'ncl export <file>',
  describe: 'evaluate a Nickel file and print what it comes to',
  group: 'Tools',
  examples: [
    ['prov ncl export .ontology/state.ncl', 'as JSON'],
    ['prov ncl export .ontology/state.ncl --field name', 'one field of it'],
    ['prov ncl export config.ncl --as yaml', 'in another format'],
  ],
  flags: {
    file: { type: 'string', required: true, describe: 'path of the file', complete: 'files' },
    as: { type: 'string', choices: formats, default: 'json', describe: 'format of the text' },
    field: { type: 'string', describe: 'only this field, as a.b' },
  },
  run: async ({ file, as, field }, context) => {
    const { path, place } = nickelPlace(file, context)
    const nickel = await import('../../nickel/index.ts')
    try {
      const evaluation = nickel.evaluate(path, importOptions(place))
      const text = nickel.exportText(evaluation, as as (typeof formats)[number], { field })
      for (const warning of evaluation.warnings) context.progress(`warning: ${warning}`)
      return { file: path, format: as, text }
    } catch (thrown) {
      throw fromNickelError(thrown) ?? thrown
    }
  },
  render: ({ text }) => [text],
})
