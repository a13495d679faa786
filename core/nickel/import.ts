/**
 * Imports: where a file is looked for, how it is read, and a record of every look.
 *
 *     relative to the importing file → import paths in order → bundled equivalents (with a warning)
 *
 * A file that is imported is read, parsed and checked at once, used or not; its value is computed
 * when asked, so files may import each other in a circle. Every file read and every place looked at
 * in vain is written down: a cache that remembers them can tell whether a result still holds.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import type { Node } from './ast.ts'
import { compile } from './compile.ts'
import { closest, NickelError } from './error.ts'
import { readData, type Format } from './data.ts'
import { parse } from './parser.ts'
import { placeOf, Source, type Place, type Span } from './source.ts'
import { primitive, standardLibrary } from './std/index.ts'
import { lazily, Thunk, type Code, type Env, type Lazy } from './value.ts'

/** Where imports may come from. */
export interface ImportOptions {
  /** Folders tried after the importing file's own, in order. Default: none. */
  readonly importPaths?: readonly string[] | undefined
  /**
   * A replacement for a file that is nowhere to be found: answers the path of a bundled file, or
   * undefined. Asked last; every use is a warning. `relativeToWorkspace` is where the file would
   * stand inside the workspace, with forward slashes.
   */
  readonly bundled?:
    ((request: string, relativeToWorkspace: string) => string | undefined) | undefined
  /** The workspace's folder, for the question to `bundled`. Default: the folder of the main file. */
  readonly workspace?: string | undefined
}

/** A file that took part in an evaluation. */
export interface FileDependency {
  /** Absolute path, or the name given with a source text. */
  readonly path: string
  /** SHA-256 of the content, hex. */
  readonly sha256: string
}

const BY_EXTENSION: Readonly<Record<string, Format>> = {
  '.ncl': 'nickel', '.json': 'json', '.yaml': 'yaml', '.yml': 'yaml', '.toml': 'toml', '.txt': 'text',
} // prettier-ignore

const BY_TAG: Readonly<Record<string, Format>> = {
  Nickel: 'nickel', Json: 'json', Yaml: 'yaml', Toml: 'toml', Text: 'text',
} // prettier-ignore

interface Module {
  readonly value: Lazy
  /** The import that brought it in first; absent for the main file. */
  readonly importedAt: Span | undefined
}

export class Loader {
  readonly #options: ImportOptions
  readonly #modules = new Map<string, Module>()
  readonly #sources = new Map<string, FileDependency>()
  readonly #misses = new Set<string>()
  readonly warnings: string[] = []
  #workspace: string

  constructor(options: ImportOptions) {
    this.#options = options
    this.#workspace =
      options.workspace === undefined ? process.cwd() : path.resolve(options.workspace)
  }

  /** Files read so far, in the order of reading. */
  get files(): readonly FileDependency[] {
    return [...this.#sources.values()]
  }

  /** Paths that were looked at and did not exist. */
  get misses(): readonly string[] {
    return [...this.#misses]
  }

  /** Loads the main program from a file. */
  loadFile(file: string): Lazy {
    const full = path.resolve(file)
    if (this.#options.workspace === undefined) this.#workspace = path.dirname(full)
    const text = readText(full)
    if (text === undefined) {
      throw new NickelError({
        kind: 'import',
        message: `cannot read ${file}: there is no such file`,
      })
    }
    return this.#load(full, text, BY_EXTENSION[path.extname(full)] ?? 'nickel', undefined)
  }

  /** Loads the main program from a text; `name` says where relative imports start. */
  loadSource(text: string, name: string): Lazy {
    const full = path.resolve(name)
    return this.#load(full, text, 'nickel', undefined, name)
  }

  /** The imports that lead to a file, outermost first; empty for the main file. */
  chain(file: string): Place[] {
    const places: Place[] = []
    const seen = new Set<string>()
    let at = this.#modules.get(path.resolve(file))
    while (at?.importedAt !== undefined && !seen.has(at.importedAt.source.name)) {
      seen.add(at.importedAt.source.name)
      places.unshift(placeOf(at.importedAt))
      at = this.#modules.get(path.resolve(at.importedAt.source.name))
    }
    return places
  }

  #load(
    full: string,
    text: string,
    format: Format,
    importedAt: Span | undefined,
    name = full,
  ): Lazy {
    this.#sources.set(full, { path: name, sha256: createHash('sha256').update(text).digest('hex') })
    const source = new Source(name, text)
    if (format !== 'nickel') {
      const value = readData(source, format)
      this.#modules.set(full, { value, importedAt })
      return value
    }
    // Known before it is compiled, so that a circle of imports finds it.
    let code: Code | undefined
    const start = { source, start: 0, end: 0 }
    const value = new Thunk({ run: (env) => (code as Code).run(env), span: start }, rootEnv())
    this.#modules.set(full, { value, importedAt })
    const node = parse(source)
    code = compile(node, {
      resolveImport: (request) => this.#import(request, full),
      primop: primitive,
    })
    return value
  }

  #import(node: Node & { kind: 'import' | 'package' }, from: string): Lazy {
    if (node.kind === 'package') {
      throw new NickelError({
        kind: 'unsupported',
        message: `package imports are not supported (\`import ${node.name}\`)`,
        span: node.span,
        notes: [`Import a file instead: import "${node.name}.ncl"`],
      })
    }
    const format = formatOf(node)
    const full = this.#find(node, from)
    const known = this.#modules.get(full)
    if (known !== undefined && format === 'nickel') return known.value
    const text = readText(full)
    if (text === undefined) throw this.#notFound(node, [full])
    return this.#load(full, text, format, node.span)
  }

  #find(node: Node & { kind: 'import' }, from: string): string {
    const request = node.path
    const tried: string[] = []
    const roots = path.isAbsolute(request)
      ? ['']
      : [path.dirname(from), ...(this.#options.importPaths ?? [])]
    for (const root of roots) {
      const candidate = path.resolve(root, request)
      if (this.#modules.has(candidate) || isFile(candidate)) return candidate
      tried.push(candidate)
      this.#misses.add(candidate)
    }
    const replacement = this.#bundled(request, from)
    if (replacement === undefined) throw this.#notFound(node, tried)
    const place = placeOf(node.span)
    this.warnings.push(
      `${place.file}:${place.line}:${place.col}: "${request}" was not found; Prov's bundled equivalent is used instead`,
    )
    return path.resolve(replacement)
  }

  /** Asks for a bundled file under the names the missing one may have inside the workspace. */
  #bundled(request: string, from: string): string | undefined {
    const { bundled } = this.#options
    if (bundled === undefined) return undefined
    const beside = path.relative(this.#workspace, path.resolve(path.dirname(from), request))
    const candidates = beside.startsWith('..') || path.isAbsolute(beside) ? [] : [beside]
    // `reflection/x.ncl` from anywhere is meant from the root, the way import paths find it.
    if (!path.isAbsolute(request))
      candidates.push(path.normalize(request).replace(/^(\.\.[\\/])+/, ''))
    for (const candidate of candidates) {
      const found = bundled(request, candidate.split(path.sep).join('/'))
      if (found !== undefined) return found
    }
    return undefined
  }

  #notFound(node: Node & { kind: 'import' }, tried: readonly string[]): NickelError {
    const first = tried[0] ?? node.path
    return new NickelError({
      kind: 'import',
      message: `import of "${node.path}" failed: no such file`,
      span: node.span,
      spanText: 'imported here',
      suggestion: neighbour(first),
      notes: [`Looked for: ${tried.join(', ')}`, 'Further folders are named with --import-path.'],
    })
  }
}

/** A file next to the missing one with a similar name. */
function neighbour(missing: string): string | undefined {
  try {
    return closest(path.basename(missing), readdirSync(path.dirname(missing)))
  } catch {
    return undefined
  }
}

function formatOf(node: Node & { kind: 'import' }): Format {
  if (node.format === undefined) return BY_EXTENSION[path.extname(node.path)] ?? 'nickel'
  const format = BY_TAG[node.format]
  if (format !== undefined) return format
  throw new NickelError({
    kind: 'parse',
    message: `unknown import format \`'${node.format}\``,
    span: node.span,
    notes: [
      `Known formats: ${Object.keys(BY_TAG)
        .map((tag) => `'${tag}`)
        .join(', ')}`,
    ],
  })
}

function isFile(candidate: string): boolean {
  try {
    return statSync(candidate).isFile()
  } catch {
    return false
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

let sharedEnv: Env | undefined
const rootEnv = (): Env =>
  (sharedEnv ??= [
    null,
    lazily({ source: new Source('<std>', ''), start: 0, end: 0 }, () => standardLibrary()),
  ])
