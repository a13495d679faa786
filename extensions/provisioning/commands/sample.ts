/** Where the sample workspace lies: beside the sources, not in `dist`. @module */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Absolute path of the sample workspace that ships with this pack. */
export function sampleFolder(): string {
  const root = dirname(fileURLToPath(import.meta.resolve('prov/package.json')))
  return join(root, 'extensions/provisioning/sample')
}
