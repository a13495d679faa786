/**
 * The documented ncl-sync cache key of one file.
 *
 * The key covers the file's own content only, not what it imports: it names a cache entry, it does
 * not prove that the entry is valid. Validity is decided by the manifest of `dependencies()`.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { NickelError } from './error.ts'

/**
 * SHA-256, hex, over the file's content, the sorted import paths joined by `:`, and the format.
 *
 * @throws NickelError of kind `import` when the file cannot be read
 */
export function contentKey(file: string, importPaths: readonly string[], format: string): string {
  let content: Buffer
  try {
    content = readFileSync(file)
  } catch {
    throw new NickelError({ kind: 'import', message: `cannot read ${file}: there is no such file` })
  }
  const hash = createHash('sha256').update(content)
  return hash
    .update([...importPaths].sort().join(':'))
    .update(format)
    .digest('hex')
}
