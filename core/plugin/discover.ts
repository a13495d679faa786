/**
 * Finds plugins by reading manifests only: nothing of theirs is imported, so listing them is safe
 * in a repository that nobody trusts yet. Three places, in this order:
 *
 *     first-party   Prov's own package.json, field prov.plugins
 *     package       direct dependencies of the workspace that have a prov field
 *     local         paths in the workspace's own package.json, field prov.plugins
 *
 * @module
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import { defined } from '../optional.ts'
import { pluginErrors } from './errors.ts'
import { stronger } from './isolation/tier.ts'
import type { Isolation } from './isolation/tier.ts'
import { readManifest } from './manifest.ts'
import type { Manifest, ProvField } from './manifest.ts'

export type PluginSource = 'first-party' | 'package' | 'local' | 'given'

/** A plugin that was found, not loaded. */
export interface FoundPlugin {
  /** What `prov plugins trust` takes: package name, folder name or path as written. */
  readonly id: string
  readonly source: PluginSource
  /** Absolute path of the module whose default export is the plugin. */
  readonly entry: string
  /** What trust pins: the package folder, or the one file of a local plugin. */
  readonly root: string
  readonly version?: string
  readonly api?: number
  readonly provides: readonly string[]
  /** Light modules that the command line may load without the plugin. */
  readonly commands?: string
  readonly reads?: string
  /** What the plugin or its workspace asks for. Absent: the default of its source. */
  readonly isolation?: Isolation
  /** Variables of the environment that it may see when it runs in a process of its own. */
  readonly env?: readonly string[]
}

export interface Discovery {
  readonly found: readonly FoundPlugin[]
  /** What looks like a plugin and cannot be one, each with its reason. */
  readonly refused: readonly { readonly id: string; readonly error: ProvError }[]
  /** Nickel import roots of everything found, absolute, in order. */
  readonly nickel: readonly string[]
  /** Config by plugin name, from the workspace. */
  readonly config: Readonly<Record<string, unknown>>
}

export interface DiscoverOptions {
  /** Prov's own package folder. Default: the one this file is in. */
  readonly prov?: string | undefined
  /** Workspace root; without one only first-party plugins are found. */
  readonly workspace?: string | undefined
}

/** Never throws for one bad plugin: that one is listed as refused. */
export function discoverPlugins(options: DiscoverOptions = {}): Discovery {
  const found: FoundPlugin[] = []
  const refused: { id: string; error: ProvError }[] = []
  const nickel: string[] = []
  const attempt = (id: string, find: () => void) => {
    try {
      find()
    } catch (thrown) {
      refused.push({ id, error: asProvError(thrown) })
    }
  }

  const own = readManifest(options.prov ?? provRoot())
  for (const path of own?.prov?.plugins ?? []) {
    attempt(basename(path), () => found.push(firstParty(own as Manifest, path)))
  }
  for (const path of own?.prov?.nickel ?? []) nickel.push(join((own as Manifest).dir, path))

  let workspace: Manifest | undefined
  const root = options.workspace
  if (root !== undefined) {
    attempt('package.json', () => void (workspace = readManifest(root)))
  }
  for (const name of workspace?.dependencies ?? []) {
    attempt(name, () => {
      const dir = findPackage((workspace as Manifest).dir, name)
      const manifest = dir === undefined ? undefined : readManifest(dir)
      if (!manifest?.prov || dir === undefined) return
      for (const path of manifest.prov.nickel) nickel.push(join(dir, path))
      const used = workspace?.prov?.use
      if (manifest.prov.plugin === undefined || (used && !used.includes(name))) return
      found.push(packaged(manifest, name, manifest.prov.plugin))
    })
  }
  for (const path of workspace?.prov?.nickel ?? []) nickel.push(join(root as string, path))
  for (const path of workspace?.prov?.plugins ?? []) {
    attempt(path, () => found.push(local(root as string, path)))
  }
  for (const { entry, error } of workspace?.prov?.refused ?? []) refused.push({ id: entry, error })
  return {
    found: found.map((plugin) => placed(plugin, workspace?.prov)),
    refused,
    nickel,
    config: workspace?.prov?.config ?? {},
  }
}

/** A workspace may ask for a stronger wall than the plugin does, never for a weaker one. */
function placed(plugin: FoundPlugin, workspace: ProvField | undefined): FoundPlugin {
  const wanted = workspace?.isolation
  if (plugin.source === 'first-party' || wanted === undefined) return plugin
  const isolation = stronger(
    plugin.isolation,
    typeof wanted === 'string' ? wanted : wanted[plugin.id],
  )
  return isolation === undefined ? plugin : { ...plugin, isolation }
}

/** The folder of Prov's own package.json, found by walking up from this module. */
export function provRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir)
  return dir
}

/** Version of the program that runs; `unknown` where its package does not say. */
export function provVersion(): string {
  return readManifest(provRoot())?.version ?? 'unknown'
}

/** Prov's own plugins are folders of the source tree; the compiled twin is in `dist`. */
function firstParty(own: Manifest, path: string): FoundPlugin {
  const compiled = join(own.dir, 'dist', path)
  const dir = existsSync(compiled) ? compiled : join(own.dir, path)
  const entry = moduleIn(dir, 'index')
  if (entry === undefined) {
    throw pluginErrors.PROV_PLUGIN_MANIFEST_INVALID({
      file: own.file,
      field: 'plugins',
      wanted: `a list of folders that hold an index; ${path} holds none (run \`npm run build\`)`,
    })
  }
  return defined({
    id: basename(path),
    source: 'first-party' as const,
    entry,
    root: dir,
    version: own.version,
    provides: [],
    commands: moduleIn(dir, 'commands/index'),
    reads: moduleIn(dir, 'reads/index'),
  })
}

function packaged(manifest: Manifest, id: string, plugin: string): FoundPlugin {
  const at = (path: string | undefined) => path && join(manifest.dir, path)
  return defined({
    id,
    source: 'package' as const,
    entry: join(manifest.dir, plugin),
    root: manifest.dir,
    version: manifest.version,
    api: manifest.prov?.api,
    provides: manifest.prov?.provides ?? [],
    commands: at(manifest.prov?.commands),
    reads: at(manifest.prov?.reads),
    isolation: typeof manifest.prov?.isolation === 'string' ? manifest.prov.isolation : undefined,
    env: manifest.prov?.env,
  })
}

/** A local plugin is one module, or a folder with a manifest of its own. */
function local(root: string, path: string): FoundPlugin {
  const at = resolve(root, path)
  if (!existsSync(at)) {
    throw pluginErrors.PROV_PLUGIN_MANIFEST_INVALID(
      {
        file: join(root, 'package.json'),
        field: 'plugins',
        wanted: `a list of paths that exist; ${path} does not`,
      },
      { place: { file: join(root, 'package.json') } },
    )
  }
  if (statSync(at).isDirectory()) {
    const manifest = readManifest(at)
    if (manifest?.prov?.plugin !== undefined) {
      return { ...packaged(manifest, path, manifest.prov.plugin), source: 'local' }
    }
  } else if (['.ts', '.mts', '.js', '.mjs'].includes(extname(at))) {
    return { id: path, source: 'local', entry: at, root: at, provides: [] }
  }
  throw pluginErrors.PROV_PLUGIN_MANIFEST_INVALID(
    {
      file: join(root, 'package.json'),
      field: 'plugins',
      wanted: `a list of .ts or .js files, or of folders whose package.json names a plugin; ${path} is neither`,
    },
    { place: { file: join(root, 'package.json') } },
  )
}

/** Where Node would find a package from `dir`, without asking its exports map. */
export function findPackage(dir: string, name: string): string | undefined {
  for (let at = dir; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', name)
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate)
    if (at === dirname(at)) return undefined
  }
}

function moduleIn(dir: string, name: string): string | undefined {
  return [join(dir, `${name}.js`), join(dir, `${name}.ts`)].find((path) => existsSync(path))
}
