/**
 * The `prov` field of a package.json: what machines read about a plugin before any of its code
 * runs. Prov's own package, a stranger's package and a workspace all use this one shape:
 *
 *     "prov": {
 *       "plugin":   "./dist/index.js",            a package that is a plugin
 *       "api":      1,
 *       "provides": ["acme.quota"],
 *       "commands": "./dist/commands/index.js",   light module: { commands }
 *       "reads":    "./dist/reads/index.js",      light module: { reads }
 *       "nickel":   ["./ncl"],                    roots for Nickel imports
 *       "plugins":  ["./tools/quota.ts"],       a package that carries plugins of its own
 *       "use":      ["@acme/prov-quota"],         which dependencies may load; default all
 *       "config":   { "quota": { … } },           by plugin name
 *       "isolation": "process",                   where it runs: worker (default), process, sandbox;
 *                                                 in a workspace also { "@acme/prov-quota": "process" }
 *       "env":      ["ACME_TOKEN"],               what of the environment it sees in a process
 *       "name":     "my-infra"                    the workspace's name
 *     }
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ProvError } from '../errors.ts'
import { pluginErrors } from './errors.ts'
import { isIsolation, isolations } from './isolation/tier.ts'
import type { Isolation } from './isolation/tier.ts'

export interface Manifest {
  /** Absolute path of the package.json. */
  readonly file: string
  readonly dir: string
  readonly packageName: string | undefined
  readonly version: string | undefined
  readonly dependencies: readonly string[]
  /** Absent when the package has no `prov` field. */
  readonly prov: ProvField | undefined
}

export interface ProvField {
  readonly plugin?: string
  readonly api?: number
  readonly provides: readonly string[]
  readonly commands?: string
  readonly reads?: string
  readonly nickel: readonly string[]
  readonly plugins: readonly string[]
  /** Entries of `plugins` that are no path inside: each is refused by itself, the others count. */
  readonly refused: readonly { readonly entry: string; readonly error: ProvError }[]
  readonly use?: readonly string[]
  readonly config: Readonly<Record<string, unknown>>
  readonly name?: string
  /** Of this plugin; of a workspace: of all that come with it, or by their ids. */
  readonly isolation?: Isolation | Readonly<Record<string, Isolation>>
  /** Names of variables that a plugin in a process of its own may see. */
  readonly env?: readonly string[]
}

/**
 * Reads a folder's package.json; undefined when there is none. Throws PROV_PLUGIN_MANIFEST_INVALID
 * for a file that is not JSON or a `prov` field of another shape.
 */
export function readManifest(dir: string): Manifest | undefined {
  const file = join(dir, 'package.json')
  if (!existsSync(file)) return undefined
  let raw: unknown
  try {
    raw = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw pluginErrors.PROV_PLUGIN_MANIFEST_INVALID(
      { file, field: 'prov', wanted: 'inside a file that is JSON' },
      { cause, place: { file } },
    )
  }
  const whole = isRecord(raw) ? raw : {}
  return {
    file,
    dir,
    packageName: typeof whole['name'] === 'string' ? whole['name'] : undefined,
    version: typeof whole['version'] === 'string' ? whole['version'] : undefined,
    dependencies: isRecord(whole['dependencies']) ? Object.keys(whole['dependencies']) : [],
    prov: whole['prov'] === undefined ? undefined : parseProvField(whole['prov'], file),
  }
}

function parseProvField(raw: unknown, file: string): ProvField {
  const refuse = (field: string, wanted: string) =>
    pluginErrors.PROV_PLUGIN_MANIFEST_INVALID({ file, field, wanted }, { place: { file } })
  if (!isRecord(raw)) throw refuse('prov', 'an object')
  const text = (field: string): string | undefined => {
    const value = raw[field]
    if (value !== undefined && typeof value !== 'string') throw refuse(field, 'a text')
    return value
  }
  const path = (field: string): string | undefined => {
    const value = text(field)
    if (value !== undefined && !isInside(value)) throw refuse(field, 'a path like ./dist/index.js')
    return value
  }
  const texts = (field: string): readonly string[] | undefined => {
    const value = raw[field]
    if (value === undefined) return undefined
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw refuse(field, 'a list of texts')
    }
    return value
  }
  const paths = (field: string): readonly string[] => {
    const value = texts(field) ?? []
    if (!value.every(isInside)) throw refuse(field, 'a list of paths like ./tools/quota.ts')
    return value
  }
  const listed = raw['plugins'] ?? []
  if (!Array.isArray(listed)) throw refuse('plugins', 'a list of paths like ./tools/quota.ts')
  const refused = (listed as readonly unknown[]).flatMap((item) => {
    if (isPath(item)) return []
    const entry = JSON.stringify(item)
    const wanted = `a list of paths like ./tools/quota.ts; ${entry} is none`
    return [{ entry, error: refuse('plugins', wanted) }]
  })
  const known =
    'plugin api provides commands reads nickel plugins use config name isolation env'.split(' ')
  const strange = Object.keys(raw).find((key) => !known.includes(key))
  if (strange !== undefined) throw refuse(strange, `left out: known are ${known.join(', ')}`)
  const api = raw['api']
  if (api !== undefined && !Number.isInteger(api)) throw refuse('api', 'a whole number')
  const config = raw['config'] ?? {}
  if (!isRecord(config)) throw refuse('config', 'an object by plugin name')
  const plugin = path('plugin')
  const commands = path('commands')
  const reads = path('reads')
  const use = texts('use')
  const name = text('name')
  const env = texts('env')
  const isolation = raw['isolation']
  const each = isRecord(isolation) ? Object.values(isolation) : [isolation]
  if (isolation !== undefined && !each.every(isIsolation)) {
    throw refuse('isolation', `one of ${isolations.join(', ')}`)
  }
  return {
    ...(plugin !== undefined && { plugin }),
    ...(typeof api === 'number' && { api }),
    provides: texts('provides') ?? [],
    ...(commands !== undefined && { commands }),
    ...(reads !== undefined && { reads }),
    nickel: paths('nickel'),
    plugins: (listed as readonly unknown[]).filter(isPath),
    refused,
    ...(use !== undefined && { use }),
    config,
    ...(name !== undefined && { name }),
    ...(isolation !== undefined && { isolation: isolation as NonNullable<ProvField['isolation']> }),
    ...(env !== undefined && { env }),
  }
}

const isPath = (value: unknown): value is string => typeof value === 'string' && isInside(value)

/** Paths of a manifest stay inside its package: what is trusted is what is digested. */
function isInside(path: string): boolean {
  return path.startsWith('./') && !path.split('/').includes('..')
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
