/**
 * The user's folder for what must never lie in a repository: keys and trust. PROV_HOME, else
 * `$XDG_CONFIG_HOME/prov`, else `~/.config/prov`.
 *
 * @module
 */
import { mkdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join, relative, resolve } from 'node:path'
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
 * Makes the folder with mode 0700 when it is absent and checks it when it is there. Throws
 * PROV_CONFIG_HOME_OPEN when others can reach it, PROV_CONFIG_HOME_INSIDE when it lies in the
 * workspace: a key that is committed once is lost for ever.
 */
export function ensureHome(dir: string, workspace?: string): string {
  if (workspace !== undefined) {
    const way = relative(workspace, resolve(dir))
    if (way === '' || (!way.startsWith('..') && !isAbsolute(way))) {
      throw configErrors.PROV_CONFIG_HOME_INSIDE({ home: dir, workspace })
    }
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const mode = statSync(dir).mode & 0o777
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw configErrors.PROV_CONFIG_HOME_OPEN({ home: dir, mode: mode.toString(8) })
  }
  return realpathSync(dir)
}
