/**
 * This tree against another revision, in fresh processes, in turn:
 *
 *     npm run bench -- compare <revision> [words]
 *
 * The other revision is checked out and built once under the system's temporary folder; its kernel is
 * driven by this tree's bench, through the face that both have.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

export interface Revision {
  /** Short hash. */
  readonly name: string
  /** Where its tree stands, built. */
  readonly root: string
}

function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' }).trim()
}

/** Builds `core` of a revision, once. Throws when git does not know it or it does not compile. */
export async function buildRevision(
  revision: string,
  note: (text: string) => void,
): Promise<Revision> {
  const name = run('git', ['rev-parse', '--short', `${revision}^{commit}`], root)
  const place = join(tmpdir(), `prov-bench-${name}`)
  const done = join(place, 'dist/.built')
  if (existsSync(done)) return { name, root: place }
  note(`building ${name} under ${place}`)
  mkdirSync(place, { recursive: true })
  const pack = execFileSync('git', ['archive', name, 'core', 'package.json', 'tsconfig.json'], {
    cwd: root,
    maxBuffer: 1 << 28,
  })
  execFileSync('tar', ['-x', '-C', place], { input: pack })
  const modules = realpathSync(join(root, 'node_modules'))
  if (!existsSync(join(place, 'node_modules'))) symlinkSync(modules, join(place, 'node_modules'))
  const config = { extends: './tsconfig.json', include: ['core'] }
  writeFileSync(join(place, 'tsconfig.bench.json'), JSON.stringify(config))
  run(process.execPath, [join(modules, 'typescript/bin/tsc'), '-p', 'tsconfig.bench.json'], place)
  writeFileSync(done, name)
  return { name, root: place }
}
