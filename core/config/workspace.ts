/**
 * Where the workspace is and what it holds, as files. Knows folders and Nickel, not what the files
 * mean: that is the domain's business.
 *
 * @module
 */
import type { JsonValue } from '../json.ts'

export interface WorkspaceFiles {
  /** Absolute path of the workspace root: the folder that holds `.ontology/`. */
  readonly root: string
  /** Name used in subjects and repositories: lower case, digits, `-`. */
  readonly name: string
  /** Absolute path of `.prov/`, which holds journal, sockets and caches; made on first write. */
  readonly stateDir: string
  /** True when the file exists; paths are relative to the root. */
  has(path: string): boolean
  /** Files that match glob patterns (fast-glob), relative paths, sorted. */
  glob(patterns: readonly string[]): Promise<readonly string[]>
  /**
   * Evaluates a Nickel file of the workspace to plain JSON, with the installed import roots. Cached
   * per instance. Throws PROV_NCL_* with file, line and column.
   */
  evaluate(path: string): Promise<JsonValue>
  /** Warnings of evaluations so far, such as "bundled schema used". */
  warnings(): readonly string[]
}
