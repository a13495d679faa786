/**
 * `prov ncl key <file>`: the documented cache key of a Nickel file, for tools that share a cache.
 *
 * @module
 */
import { importPaths } from '../../config/evaluate.ts'
import { fromNickelError } from '../../config/ncl-errors.ts'
import { defineCommand } from '../command.ts'
import { nickelPlace } from '../ncl.ts'

export const command = defineCommand({
  pattern: 'ncl key <file>',
  describe: 'the cache key of a Nickel file: SHA-256 over content, import paths and format',
  group: 'Tools',
  examples: [['prov ncl key .ontology/state.ncl', 'key of its JSON export']],
  flags: {
    file: { type: 'string', required: true, describe: 'path of the file', complete: 'files' },
    as: { type: 'string', choices: ['json', 'yaml', 'toml'], default: 'json', describe: 'format' },
    path: {
      type: 'string',
      many: true,
      describe: 'import path; default: the workspace’s',
      complete: 'files',
    },
  },
  run: async ({ file, as, path: paths }, context) => {
    const { path, place } = nickelPlace(file, context)
    const { contentKey } = await import('../../nickel/index.ts')
    try {
      return {
        file: path,
        key: contentKey(path, paths.length > 0 ? paths : importPaths(place), as),
      }
    } catch (thrown) {
      throw fromNickelError(thrown) ?? thrown
    }
  },
  render: ({ key }) => [key],
})
