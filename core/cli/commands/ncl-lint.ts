/**
 * `prov ncl lint <file>`: is a file only data? Policies must be: code in them could decide anything.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { configErrors } from '../../config/errors.ts'
import { defineCommand } from '../command.ts'
import { bringsImport, nickelPlace } from '../ncl.ts'

export const command = defineCommand({
  pattern: 'ncl lint <file>',
  describe:
    'check that a Nickel file is declarative: no functions, no imports but of what Prov brings',
  group: 'Tools',
  examples: [
    ['prov ncl lint values.ncl', 'exit 0 when it is only data, 1 otherwise'],
    ['prov ncl lint values.ncl --allow ./limits.ncl', 'this one import is fine'],
  ],
  flags: {
    file: { type: 'string', required: true, describe: 'path of the file', complete: 'files' },
    allow: { type: 'string', many: true, describe: 'an import that may appear, as written' },
  },
  run: async ({ file, allow }, context) => {
    const { path, place } = nickelPlace(file, context)
    const { lintDeclarative } = await import('../../nickel/index.ts')
    let text: string
    try {
      text = readFileSync(path, 'utf8')
    } catch (cause) {
      throw configErrors.PROV_CONFIG_FILE_MISSING({ file: path }, { cause })
    }
    const ours = bringsImport(path, place)
    const allowedImports = (request: string) => allow.includes(request) || ours(request)
    return { file: path, findings: lintDeclarative(text, file, { allowedImports }) }
  },
  exitCode: ({ findings }) => (findings.length > 0 ? 1 : 0),
  render: ({ file, findings }, paint) =>
    findings.length === 0
      ? [paint.good(`${file} is declarative`)]
      : findings.map((one) => `${one.file}:${one.line}:${one.col}: ${one.rule}: ${one.message}`),
})
