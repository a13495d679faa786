/** Where the repository is, from a compiled test: fixtures and sources are not copied to `dist`. @module */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json')) && existsSync(join(from, 'tsconfig.json'))) return from
  const parent = dirname(from)
  if (parent === from) throw new Error('no repository around this test')
  return findRoot(parent)
}

/** Absolute path of the repository. */
export const repoRoot = findRoot(dirname(fileURLToPath(import.meta.url)))
