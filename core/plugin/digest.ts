/**
 * The content digest of a plugin: what somebody said yes to. It covers every file that its code can
 * name: a package with all it depends on, or a single file with what it imports, so that a changed
 * line anywhere in there is another digest.
 *
 * Not covered: modules reached by a computed `import(…)`. A plugin that was trusted could do
 * anything anyway; the digest exists so that it cannot change afterwards unseen.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { findPackage } from './discover.ts'

export interface ContentDigest {
  /** `sha256:<64 hex digits>` over the sorted list of names and file digests. */
  readonly digest: string
  /** Files covered, as names relative to the plugin, sorted. */
  readonly files: readonly string[]
}

// These come from the running Prov, whatever the plugin's folder holds.
const hosted = new Set(['prov', 'xstate', 'rxjs'])

/** Reads every file; some milliseconds for a small package. Throws when a file cannot be read. */
export function contentDigest(root: string): ContentDigest {
  const files = new Map<string, string>()
  const packages = new Set<string>()
  if (statSync(root).isDirectory()) addPackage(realpathSync(root), '.', files, packages)
  else addModule(realpathSync(root), dirname(realpathSync(root)), files, packages)
  const names = [...files.keys()].sort()
  const hash = createHash('sha256')
  for (const name of names) hash.update(`${name}\0${files.get(name)}\n`)
  return { digest: `sha256:${hash.digest('hex')}`, files: names }
}

function addPackage(dir: string, as: string, files: Map<string, string>, seen: Set<string>): void {
  if (seen.has(dir)) return
  seen.add(dir)
  addFolder(dir, as, files, new Set())
  let manifest: { dependencies?: object; optionalDependencies?: object } = {}
  try {
    manifest = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8')) as typeof manifest
  } catch {
    // A folder without a readable manifest has no dependencies to follow.
  }
  const names = { ...manifest.dependencies, ...manifest.optionalDependencies }
  for (const name of Object.keys(names)) addDependency(dir, name, files, seen)
}

function addDependency(from: string, name: string, files: Map<string, string>, seen: Set<string>) {
  if (hosted.has(name)) return
  const dir = findPackage(from, name)
  if (dir !== undefined) addPackage(dir, `node_modules/${name}`, files, seen)
}

/** Links count as what they lead to: a link is only another way to the same code. */
function addFolder(dir: string, as: string, files: Map<string, string>, above: Set<string>): void {
  const real = realpathSync(dir)
  if (above.has(real)) return
  for (const name of readdirSync(dir)) {
    // Dependencies are followed by name; what no manifest names is not this plugin's code.
    if (name === 'node_modules' || name === '.git') continue
    const path = join(dir, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat?.isDirectory()) addFolder(path, `${as}/${name}`, files, new Set([...above, real]))
    else if (stat?.isFile()) files.set(`${as}/${name}`, fileDigest(readFileSync(path)))
  }
}

const importPattern =
  /\b(?:from|import|require)\b\s*\(?\s*(?:\/\*.*?\*\/\s*)?(['"`])([^'"`\n$]+)\1/g

function addModule(
  path: string,
  base: string,
  files: Map<string, string>,
  seen: Set<string>,
): void {
  const name = relative(base, path)
  if (files.has(name)) return
  const text = readFileSync(path, 'utf8')
  files.set(name, fileDigest(text))
  for (const [, , specifier = ''] of text.matchAll(importPattern)) {
    if (specifier.startsWith('.') || specifier.startsWith('/')) {
      const target = statSync(resolve(dirname(path), specifier), { throwIfNoEntry: false })
      if (target?.isFile()) {
        addModule(realpathSync(resolve(dirname(path), specifier)), base, files, seen)
      }
    } else if (!specifier.startsWith('node:')) {
      const parts = specifier.split('/')
      const from = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
      addDependency(dirname(path), from, files, seen)
    }
  }
}

function fileDigest(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
