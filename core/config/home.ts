/**
 * The user's folder for what must never lie in a repository: keys and trust. PROV_HOME, else
 * `$XDG_CONFIG_HOME/prov`, else `~/.config/prov`.
 *
 * @module
 */
import { accessSync, constants, mkdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { configErrors } from './errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where it is; nothing is made or checked. Empty variables count as absent. */
export function homeDir(env: Environment = process.env): string {
  if (env['PROV_HOME']) return resolve(env['PROV_HOME'])
  // The XDG rules say: a relative path there is to be ignored.
  const xdg = env['XDG_CONFIG_HOME']
  return join(xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.config'), 'prov')
}

/**
 * Folder of what Prov remembers for the user about workspaces, such as how far their journals came:
 * `anchors` in PROV_HOME when that is set, else in `$XDG_STATE_HOME/prov`, else in
 * `~/.local/state/prov`. A `home` that a caller names takes the place of PROV_HOME. Makes nothing.
 */
export function anchorsDir(env: Environment = process.env, home?: string): string {
  const named = home !== undefined && resolve(home) !== homeDir(env)
  if (named || env['PROV_HOME']) return join(named ? resolve(home) : homeDir(env), 'anchors')
  const xdg = env['XDG_STATE_HOME']
  const state = xdg && isAbsolute(xdg) ? xdg : join(homedir(), '.local', 'state')
  return join(state, 'prov', 'anchors')
}

/**
 * Throws PROV_CONFIG_HOME_INSIDE when the folder lies, or would lie, in the workspace, whatever links
 * lead there: a key that is committed once is lost for ever. Makes nothing.
 */
export function homeOutside(dir: string, workspace: string): void {
  const way = relative(realPath(workspace), realPath(resolve(dir)))
  if (way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way))) {
    throw configErrors.PROV_CONFIG_HOME_INSIDE({ home: dir, workspace })
  }
}

/**
 * Makes the folder with mode 0700 when it is absent and checks it when it is there. Throws
 * PROV_CONFIG_HOME_OPEN when others can reach it, PROV_CONFIG_HOME_UNUSABLE when it cannot be made
 * or written, PROV_CONFIG_HOME_INSIDE when it lies in the workspace.
 */
export function ensureHome(dir: string, workspace?: string): string {
  if (workspace !== undefined) homeOutside(dir, workspace)
  try {
    make(resolve(dir))
    accessSync(dir, constants.W_OK)
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw configErrors.PROV_CONFIG_HOME_UNUSABLE({ home: dir, reason }, { cause: thrown })
  }
  const mode = statSync(dir).mode & 0o777
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw configErrors.PROV_CONFIG_HOME_OPEN({ home: dir, mode: mode.toString(8) })
  }
  return realpathSync(dir)
}

/** One folder at a time: below /proc, Node's own recursive form never comes back. */
function make(dir: string): void {
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory()) return
  if (dirname(dir) !== dir) make(dirname(dir))
  try {
    mkdirSync(dir, { mode: 0o700 })
  } catch (thrown) {
    // Another process may have been faster.
    if (!statSync(dir, { throwIfNoEntry: false })?.isDirectory()) throw thrown
  }
}

/** Where a path leads, also when its end does not exist yet. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return dirname(path) === path ? path : join(realPath(dirname(path)), basename(path))
  }
}
