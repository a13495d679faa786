/**
 * Where the workspace is and what it holds, as files. Knows folders and Nickel, not what the files
 * mean: that is the domain's business.
 *
 * @module
 */
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import type { JsonValue } from '../json.ts'
import { readManifest } from '../plugin/manifest.ts'
import { workspaceNamePattern } from '../protocol/subjects.ts'
import type { Declaration, DeclarationOptions } from './declaration.ts'
import { configErrors } from './errors.ts'

export interface WorkspaceFiles {
  /** Absolute path of the workspace root: the folder that holds `.ontology/`. */
  readonly root: string
  /** Name used in subjects and repositories: lower case, digits, `-`. */
  readonly name: string
  /** Absolute path of `.prov/`, or of what PROV_STATE names, which holds journal, sockets and caches; made on first write. */
  readonly stateDir: string
  /** True when the file exists; paths are relative to the root. */
  has(path: string): boolean
  /** Files that match glob patterns (fast-glob), relative paths, sorted. */
  glob(patterns: readonly string[]): Promise<readonly string[]>
  /**
   * Evaluates a Nickel file of the workspace to plain JSON, with the installed import roots. Cached
   * per instance. Throws PROV_NCL_* with file, line and column, PROV_CONFIG_FILE_MISSING.
   */
  evaluate(path: string): Promise<JsonValue>
  /**
   * Reads a file that decides about rights: from source each time, refused when it computes, its
   * schemas resolved to the installed ones. Throws PROV_CONFIG_NOT_DECLARATIVE and what `evaluate`
   * throws.
   */
  declaration(path: string, options: DeclarationOptions): Promise<Declaration>
  /** Warnings of evaluations so far, such as "bundled schema used". */
  warnings(): readonly string[]
}

export interface OpenWorkspaceOptions {
  /** Nickel import roots of plugins, absolute; asked after the workspace and NICKEL_IMPORT_PATH. */
  readonly nickel?: readonly string[] | undefined
  /** Default: the process's. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** Folder of what Prov keeps. Default: PROV_STATE, else `.prov` in the workspace. */
  readonly state?: string | undefined
}

/** Folder of what Prov keeps of a workspace: the only place that decides it. */
export function stateDirIn(root: string, options: Pick<OpenWorkspaceOptions, 'env' | 'state'>) {
  const state = options.state ?? (options.env ?? process.env)['PROV_STATE']
  return state ? resolve(root, state) : join(root, '.prov')
}

/** The nearest folder from `from` upwards that holds `.ontology/`; undefined when none does. */
export function findWorkspace(from: string): string | undefined {
  for (let dir = resolve(from); ; dir = dirname(dir)) {
    if (existsSync(join(dir, '.ontology'))) return realpathSync(dir)
    if (dir === dirname(dir)) return undefined
  }
}

/** Throws PROV_CONFIG_NO_WORKSPACE, PROV_CONFIG_NAME_INVALID and what its manifest throws. */
export async function openWorkspaceFiles(
  from: string,
  options: OpenWorkspaceOptions = {},
): Promise<WorkspaceFiles> {
  const root = findWorkspace(from)
  if (root === undefined) throw configErrors.PROV_CONFIG_NO_WORKSPACE({ from: resolve(from) })
  const files = new Files(root, options)
  await files.findName()
  return files
}

class Files implements WorkspaceFiles {
  readonly root: string
  readonly stateDir: string
  name = ''
  readonly #options: OpenWorkspaceOptions
  readonly #evaluated = new Map<string, Promise<JsonValue>>()
  readonly #warnings = new Set<string>()

  constructor(root: string, options: OpenWorkspaceOptions) {
    this.root = root
    this.stateDir = stateDirIn(root, options)
    this.#options = options
  }

  has(path: string): boolean {
    return existsSync(join(this.root, path))
  }

  async glob(patterns: readonly string[]): Promise<readonly string[]> {
    const { default: glob } = await import('fast-glob')
    const { escapePath } = glob
    const ignore = ['**/node_modules/**', '.git/**', '.prov/**']
    const state = relative(this.root, this.stateDir)
    const inside = state !== '' && state.split(sep)[0] !== '..'
    if (inside) ignore.push(`${escapePath(state.split(sep).join('/'))}/**`)
    const found = await glob([...patterns], { cwd: this.root, dot: true, ignore })
    return found.sort()
  }

  evaluate(path: string): Promise<JsonValue> {
    const known = this.#evaluated.get(path)
    if (known) return known
    const work = this.#evaluate(path)
    this.#evaluated.set(path, work)
    return work
  }

  async declaration(path: string, options: DeclarationOptions): Promise<Declaration> {
    if (!this.has(path)) throw configErrors.PROV_CONFIG_FILE_MISSING({ file: path })
    const { readDeclaration } = await import('./declaration.ts')
    const place = { workspace: this.root, path, roots: this.#options.nickel ?? [] }
    const declaration = await readDeclaration(place, options)
    for (const warning of declaration.warnings) this.#warnings.add(warning)
    return declaration
  }

  warnings(): readonly string[] {
    return [...this.#warnings]
  }

  /** package.json's `prov.name`, else the manifest's project, else the folder's name. */
  async findName(): Promise<void> {
    const declared = readManifest(this.root)?.prov?.name
    if (declared !== undefined) return this.#setName(declared, 'package.json')
    const path = '.ontology/manifest.ncl'
    if (this.has(path)) {
      const manifest = await this.evaluate(path)
      const { project } = Object(manifest) as { project?: unknown }
      if (typeof project === 'string') return this.#setName(project, path)
    }
    this.#setName(basename(this.root), 'the folder')
  }

  /** Names of repositories and folders are often written with capitals, dots or `_`. */
  #setName(raw: string, from: string): void {
    const name = raw
      .trim()
      .toLowerCase()
      .replace(/[\s_.]+/g, '-')
    if (!workspaceNamePattern.test(name)) {
      throw configErrors.PROV_CONFIG_NAME_INVALID({ name: raw, from })
    }
    this.name = name
  }

  async #evaluate(path: string): Promise<JsonValue> {
    const file = join(this.root, path)
    if (!existsSync(file)) throw configErrors.PROV_CONFIG_FILE_MISSING({ file: path })
    const { evaluateFile } = await import('./evaluate.ts')
    const { value, warnings } = await evaluateFile(file, {
      workspace: this.root,
      roots: this.#options.nickel ?? [],
      env: this.#options.env ?? process.env,
    })
    for (const warning of warnings) this.#warnings.add(warning)
    return value
  }
}
