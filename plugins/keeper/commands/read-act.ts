/** A drafted act from its file. @module */
import { readFileSync } from 'node:fs'
import { parseActFile } from '../act-file.ts'
import type { ActFile } from '../act-file.ts'
import { actorErrors } from './errors.ts'

/** Throws PROV_KEY_ACT_FILE. */
export function readAct(file: string): ActFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw actorErrors.PROV_KEY_ACT_FILE({ file, what: 'it cannot be read' }, { cause })
  }
  return parseActFile(text, file)
}
