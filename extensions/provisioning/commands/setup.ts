/**
 * `prov setup`: makes a folder a workspace and the person in front of it an actor. Writes only what
 * is missing, so a second run changes nothing and says so. A development workspace activates its own
 * first policy (D-35); any later one takes a signed `prov policy activate`.
 *
 * @module
 */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import {
  asProvError,
  createRuntime,
  defineCommand,
  ensureHome,
  fields,
  homeOutside,
  keeperDesk,
  openKeyStore,
  section,
  table,
} from 'prov'
import type { CommandContext, Paint, Runtime } from 'prov'
import { setupErrors } from './errors.ts'
import { kinds, writeMissing } from './templates.ts'
import type { FileRow, RepoKind } from './templates.ts'

interface SetUp {
  readonly root: string
  readonly workspace: string
  readonly kind: RepoKind
  readonly files: readonly FileRow[]
  readonly actor: {
    readonly name: string
    readonly key: 'made' | 'would be made' | 'kept'
    readonly sealed: boolean
  }
  readonly policy: {
    readonly action: 'activated' | 'would be activated' | 'kept' | 'left to a person'
    readonly version: number | null
  }
  readonly next: readonly string[]
}

export const command = defineCommand({
  pattern: 'setup [dir]',
  describe: 'make a folder a workspace: files that are missing, a key, the first policy',
  group: 'Workspace',
  examples: [
    ['prov setup --kind DevWorkspace', 'this folder becomes a workspace'],
    ['prov setup ./infra --kind Mixed --name my-infra', 'another folder, another name'],
    ['prov setup --dry-run', 'what would be written; nothing is'],
  ],
  flags: {
    dir: { type: 'string', describe: 'folder; default: the workspace around, else this folder' },
    kind: {
      type: 'string',
      choices: kinds,
      describe: 'DevWorkspace has clusters and a card; Mixed is one part of a larger repository',
    },
    name: { type: 'string', describe: 'name of the workspace; default: the folder’s' },
  },
  writes: true,
  async run({ dir, kind, name }, context): Promise<SetUp> {
    const root = dir === undefined ? await around(context) : resolve(context.cwd, dir)
    const workspace = name ?? nameFrom(basename(root))
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(workspace)) {
      throw setupErrors.PROV_SETUP_NAME_INVALID({ name: name ?? basename(root) })
    }
    const { dryRun } = context
    const said = await kindSaid(root)
    if (kind !== undefined && said !== undefined && said !== kind) {
      throw setupErrors.PROV_SETUP_KIND_DIFFERS({ asked: kind, found: said })
    }
    const asked = kinds.find((one) => one === kind)
    const chosen = asked ?? kinds.find((one) => one === said) ?? 'DevWorkspace'
    // Before the first file: a refusal leaves nothing behind.
    if (dryRun) homeOutside(context.home, root)
    else ensureHome(context.home, root)
    const files = await writeMissing({ root, name: workspace, kind: chosen, dryRun })
    const actor = await personOf(context)
    const base = { root, workspace, kind: chosen, files, actor } as const
    if (dryRun) {
      return { ...base, policy: { action: 'would be activated', version: null }, next: [] }
    }
    const runtime = await opened(root, context)
    try {
      const found = await kindOf(runtime)
      if (asked !== undefined && found !== asked) {
        throw setupErrors.PROV_SETUP_KIND_DIFFERS({ asked, found })
      }
      const policy = await firstPolicy(runtime, actor.name)
      const next = ['prov state', 'prov next', 'prov doctor']
      const known = found === 'Mixed' ? 'Mixed' : 'DevWorkspace'
      return { ...base, workspace: runtime.files.name, kind: known, policy, next }
    } finally {
      await runtime.close()
    }
  },
  render: (data, paint, format) => lines(data, paint, format),
})

/** The workspace around the folder that was named or is the current one, else that folder itself. */
async function around({ cwd, files }: CommandContext): Promise<string> {
  try {
    return (await files()).root
  } catch (thrown) {
    const { code, detail } = asProvError(thrown)
    const { from } = detail as { readonly from?: unknown }
    if (code === 'PROV_CONFIG_NO_WORKSPACE' && typeof from === 'string') return from
  }
  // There is one that cannot be read as it is: setup may add what it lacks.
  for (let at = resolve(cwd); ; at = dirname(at)) {
    if (existsSync(join(at, '.ontology'))) return at
    if (at === dirname(at)) return resolve(cwd)
  }
}

/** Its own, or that of whoever holds the workspace and serves it. */
async function opened(root: string, context: CommandContext): Promise<Runtime> {
  const { clock, home, env } = context
  const passphrase = (who: string) => context.ask(`passphrase of ${who}: `, { secret: true })
  try {
    return await createRuntime({ workspace: root, clock, home, env, passphrase })
  } catch (thrown) {
    const here = asProvError(thrown).code === 'PROV_JOURNAL_LOCKED' && context.root() === root
    if (!here) throw thrown
    return context.runtime()
  }
}

const nameFrom = (text: string) => text.toLowerCase().replaceAll(/[\s_.]+/g, '-')

/** A first look at a manifest that is there, before anything is written; the runtime reads it properly. */
async function kindSaid(root: string): Promise<string | undefined> {
  const text = await readFile(join(root, '.ontology/manifest.ncl'), 'utf8').catch(() => '')
  return /^\s*repo_kind\s*=\s*'(\w+)/m.exec(text)?.[1]
}

async function kindOf(runtime: Runtime): Promise<string> {
  const manifest = (await runtime.files.evaluate('.ontology/manifest.ncl')) as {
    readonly repo_kind?: string
  } | null
  return manifest?.repo_kind ?? 'DevWorkspace'
}

/** The key that will sign: the one asked for, the one that is there, or a new one. */
async function personOf(context: CommandContext): Promise<SetUp['actor']> {
  const keys = openKeyStore({ home: context.home, clock: context.clock })
  const people = (await keys.list()).filter(({ kind }) => kind === 'human')
  const there =
    context.actor === undefined ? people[0] : people.find(({ actor }) => actor === context.actor)
  if (there) return { name: there.actor, key: 'kept', sealed: there.sealed }
  const name =
    context.actor ?? (nameFrom(userInfo().username).replaceAll(/[^a-z0-9-]/g, '') || 'me')
  if (context.dryRun) return { name, key: 'would be made', sealed: false }
  await keys.create({ actor: name, kind: 'human', passphrase: '' })
  return { name, key: 'made', sealed: false }
}

/** Only the first policy of a development workspace is put in force without being asked for. */
async function firstPolicy(runtime: Runtime, as: string): Promise<SetUp['policy']> {
  const { active } = (await runtime.read('policy')) as {
    readonly active: { readonly version: number } | null
  }
  if (active) return { action: 'kept', version: active.version }
  if ((await kindOf(runtime)) !== 'DevWorkspace')
    return { action: 'left to a person', version: null }
  const { version } = await runtime.service(keeperDesk).activatePolicy({ as })
  return { action: 'activated', version }
}

function lines(data: SetUp, paint: Paint, format: 'text' | 'md'): readonly string[] {
  const look = { paint, format } as const
  const { root, workspace, kind, files, actor, policy, next } = data
  const written = files.filter(({ action }) => action !== 'kept').length
  const policyText = {
    activated: `version ${policy.version} is in force: a development workspace activates its first one`,
    'would be activated': 'the first one would be put in force',
    kept: `version ${policy.version} stays in force`,
    'left to a person': 'none in force; a person says `prov policy activate`',
  }[policy.action]
  return [
    `${paint.bold(workspace)}  ${kind}  ${paint.dim(root)}`,
    ...fields(
      [
        [
          'files',
          written === 0
            ? 'nothing was missing'
            : `${written} written, ${files.length - written} kept`,
        ],
        ['actor', `${actor.name}, key ${actor.key}`],
        [
          'key',
          actor.sealed
            ? 'sealed with a passphrase'
            : ['unsealed, for development: whoever reads the file can sign', paint.warn],
        ],
        ['policy', policyText],
      ],
      look,
    ),
    ...section(
      'Files',
      table(
        files.map(({ path, action }) => [
          action === 'kept' ? [action, paint.dim] : [action, paint.good],
          path,
        ]),
        { ...look, head: ['what', 'file'] },
      ),
      look,
    ),
    ...section(
      'Next',
      next.map((line) => `  ${line}`),
      look,
    ),
  ]
}
