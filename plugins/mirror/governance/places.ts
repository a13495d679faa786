/**
 * Where the three repositories of a workspace lie: as a flag says, else the settings, else beside the
 * workspace; the ledger where the mirror writes it.
 *
 *     { governance = { policy = { path = "../policy-acme", root = "<commit>" } } }   .ontoref/config.ncl
 *
 * `root` is the commit from which on a history is judged. Whoever alone holds one key can make a whole
 * new history, and nothing in it tells: only somebody outside who remembers a commit.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { WorkspaceFiles } from 'prov'
import { mirrorErrors } from '../errors.ts'
import { ledgerDir } from '../place.ts'

export const repositoryRoles = ['policy', 'desired', 'state'] as const
export type RepositoryRole = (typeof repositoryRoles)[number]

export interface RepositoryPlace {
  readonly role: RepositoryRole
  /** `policy-<workspace>`, `<workspace>-desired`, `<workspace>-state`. */
  readonly name: string
  readonly path: string
  /** Commit of main from which on it is judged; undefined: the first. */
  readonly root: string | undefined
}

export const settingsFile = '.ontoref/config.ncl'

/** Throws PROV_GOVERNANCE_CONFIG, and PROV_NCL_* for settings that do not evaluate. */
export async function placesOf(
  files: WorkspaceFiles,
  flags: Readonly<Partial<Record<RepositoryRole, string | undefined>>>,
  cwd: string,
): Promise<Readonly<Record<RepositoryRole, RepositoryPlace>>> {
  const settings = await settingsIn(files)
  const beside = (name: string) => join(dirname(files.root), name)
  const place = (role: RepositoryRole, name: string, otherwise: string): RepositoryPlace => {
    const { path, root } = settings[role] ?? {}
    const flag = flags[role]
    const configured = path === undefined ? otherwise : resolve(files.root, path)
    return { role, name, path: flag === undefined ? configured : resolve(cwd, flag), root }
  }
  return {
    policy: place('policy', `policy-${files.name}`, beside(`policy-${files.name}`)),
    desired: place('desired', `${files.name}-desired`, beside(`${files.name}-desired`)),
    state: place('state', `${files.name}-state`, await ledgerDir(files.stateDir, files.name)),
  }
}

type Settings = Partial<Record<RepositoryRole, { readonly path?: string; readonly root?: string }>>

async function settingsIn(files: WorkspaceFiles): Promise<Settings> {
  if (!files.has(settingsFile)) return {}
  const { governance = {} } = Object(await files.evaluate(settingsFile)) as { governance?: unknown }
  const record = (value: unknown, where: string, known: readonly string[]) => {
    const refuse = (what: string) =>
      mirrorErrors.PROV_GOVERNANCE_CONFIG(
        { what: `${where} ${what}` },
        { place: { file: join(files.root, settingsFile) } },
      )
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refuse('is not a record')
    }
    const strange = Object.keys(value).find((name) => !known.includes(name))
    if (strange !== undefined) throw refuse(`has ${strange}; there are ${known.join(', ')}`)
    return { fields: value as Readonly<Record<string, unknown>>, refuse }
  }
  const { fields } = record(governance, 'governance', repositoryRoles)
  return Object.fromEntries(
    Object.entries(fields).map(([role, value]) => {
      const one = record(value, `governance.${role}`, ['path', 'root'])
      const { path, root } = one.fields
      if (path !== undefined && typeof path !== 'string')
        throw one.refuse('has a path that is none')
      if (root !== undefined && !/^[0-9a-f]{40}$/.test(String(root))) {
        throw one.refuse('has a root that is no commit: 40 hex digits')
      }
      return [role, one.fields]
    }),
  )
}

/** Folder of git's own data in a work tree or a bare repository; undefined where there is none. */
export function gitdirOf(path: string): string | undefined {
  return [join(path, '.git'), path].find((dir) => existsSync(join(dir, 'objects')))
}
