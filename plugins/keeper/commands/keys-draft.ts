/**
 * `prov keys draft`: writes down a change of keys, for those who must sign it. Nothing is changed and
 * nothing is signed. It holds for the key set of now: another change first, and it is drafted anew.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import {
  contract,
  defineCommand,
  defined,
  rotationAct,
  keyErrors,
  parseKeyRecord,
  parseKeyRule,
  replaceFile,
  rootRole,
} from 'prov'
import type { ActName, CommandContext, Emitter, JsonObject, JsonValue } from 'prov'
import { actText, actWords } from '../act-file.ts'
import type { EnrolledView } from '../reads/enrolled.ts'
import type { KeysView } from '../reads/keys.ts'
import { standingFlags } from './actor-enrol.ts'
import { actorErrors } from './errors.ts'
import { keyOf } from './own-keys.ts'

interface Asked {
  readonly name: string | undefined
  readonly group: readonly string[]
  readonly person: string | undefined
  readonly root: readonly string[]
  readonly signer: readonly string[]
  readonly need: number | undefined
}
interface Drafted {
  readonly act: ActName
  readonly subject: string
  readonly with: JsonObject
}
const changes = ['enrol', 'revoke', 'rotate', 'govern'] as const

export const command = defineCommand({
  pattern: 'keys draft <change> [name]',
  describe: 'write a change of keys to a file, to be signed by those who must',
  group: 'Workspace',
  examples: [
    [
      'prov keys draft govern --root root.key.pub --signer alice --signer bob --signer carol --need 2 --out act.json',
      'from here on the root, or two of three',
    ],
    ['prov keys draft enrol dave --group ops --out act.json', 'dave is to be one of ops'],
    ['prov keys draft revoke bob --reason "laptop lost" --out act.json', 'then: prov keys sign'],
    [
      'prov keys draft rotate controller --out act.json',
      'another key for a plane; drafted where it lives, applied where the keeper does',
    ],
  ],
  flags: {
    change: {
      type: 'string',
      required: true,
      choices: [...changes],
      describe: 'what is to change',
    },
    name: {
      type: 'string',
      describe: 'whose key; a plane to rotate. Default there: the keeper',
      complete: {
        read: 'enrolled',
        where: { role: undefined, revoked: undefined },
        value: 'actor',
        says: ['kind'],
      },
    },
    out: {
      type: 'string',
      required: true,
      describe: 'file to write; an existing one stays',
      complete: 'files',
    },
    reason: { type: 'string', default: '', describe: 'why, for the trail' },
    ...standingFlags,
    root: {
      type: 'string',
      many: true,
      describe: 'govern: a root key, its .pub; may come again',
      complete: 'files',
    },
    signer: {
      type: 'string',
      many: true,
      describe: 'govern: a person who may sign; may come again',
    },
    need: {
      type: 'number',
      count: true,
      describe: 'govern: so many of the signers must. Default: more than half',
    },
  },
  writes: true,
  async run({ change, out, reason, ...asked }, context) {
    const file = resolve(context.cwd, out)
    if (existsSync(file)) throw actorErrors.PROV_KEY_ACT_FILE({ file, what: 'it is there already' })
    const { journal, version, persons } = (await context.read('keys')) as KeysView
    const { name: workspace } = await context.files()
    if (journal === null || persons.length === 0) {
      throw keyErrors.PROV_KEY_RULE_REFUSED({ what: 'nobody is enrolled here yet' })
    }
    const drafted = await drafts[change as (typeof changes)[number]](asked, context)
    const given = { ...drafted.with, keys: version }
    const act = { workspace, journal, ...drafted, reason, with: given, signatures: [] }
    if (!context.dryRun) replaceFile(file, actText(act))
    return { file, written: !context.dryRun, ...act }
  },
  render: ({ file, written, ...act }, paint) => [
    ...actWords(act),
    written
      ? paint.dim(`each who must: prov keys sign ${file}; then here: prov keys apply ${file}`)
      : paint.dim(`would be written to ${file}`),
  ],
})

const drafts: Readonly<
  Record<(typeof changes)[number], (asked: Asked, context: CommandContext) => Promise<Drafted>>
> = {
  async enrol({ name, group, person }, context) {
    const record = await keyOf(named(name, 'enrol'), context)
    const known = (await enrolled(context)).find(({ kid }) => kid === record.kid)
    const groups = group.length > 0 ? [...new Set(group)].sort() : known?.groups
    const standing = defined({ groups, person: person ?? known?.person })
    const subject = record.actor
    return {
      act: 'actor.enrol',
      subject,
      with: { ...(record as unknown as JsonObject), ...standing },
    }
  },
  async revoke({ name }, context) {
    const actor = named(name, 'revoke')
    const found = (await enrolled(context)).find((one) => one.actor === actor)
    const what = !found
      ? 'nobody of that name is enrolled'
      : found.revoked && 'it is revoked already'
    if (!found || what) throw keyErrors.PROV_KEY_REVOKE_REFUSED({ actor, what: what ?? '' })
    return { act: 'actor.revoke', subject: actor, with: { kid: found.kid } }
  },
  async rotate({ name = 'keeper' }, context) {
    const plane = planeNamed(name)
    // Its private half is made where the plane lives: there it is drafted, whoever else lives there.
    const runtime = await context.runtime()
    const { current: from, next } = await runtime.service(contract).rotation(plane)
    const given = { from, ...(next as unknown as JsonObject) }
    return { act: rotationAct(plane), subject: plane, with: given }
  },
  async govern({ root, signer, need }, context) {
    const roots = root.map((path) => rootIn(resolve(context.cwd, path)))
    const of = [...new Set(signer)].sort()
    const people =
      of.length === 0 ? null : { need: need ?? Math.floor(of.length / 2) + 1, of: [...of] }
    const rule = { roots, people }
    const what = parseKeyRule(rule as unknown as JsonObject)
    if (typeof what === 'string') throw keyErrors.PROV_KEY_RULE_REFUSED({ what })
    return { act: 'keys.govern', subject: 'keys', with: rule as unknown as JsonObject }
  },
}

const enrolled = async (context: CommandContext) =>
  (await context.read('enrolled')) as readonly EnrolledView[]

function planeNamed(name: string): Emitter {
  const plane = (['keeper', 'submitter', 'controller'] as const).find((one) => one === name)
  if (plane) return plane
  const what = 'only keeper, submitter and controller have a key that another may follow'
  throw keyErrors.PROV_KEY_ROTATION_REFUSED({ plane: name, what })
}

function named(name: string | undefined, change: string): string {
  if (name !== undefined) return name
  throw actorErrors.PROV_KEY_ACT_NAMELESS({ change })
}

/** The public half of a root key. */
function rootIn(file: string): JsonValue {
  const refuse = (what: string) =>
    actorErrors.PROV_KEY_ACT_FILE({ file, what }, { place: { file } })
  let raw: JsonValue
  try {
    raw = JSON.parse(readFileSync(file, 'utf8')) as JsonValue
  } catch {
    throw refuse('no public half of a root key can be read there')
  }
  const record = parseKeyRecord(raw)
  // A private file of another kind may lie there: nothing of it goes on.
  if (record?.role !== rootRole) throw refuse('it is not the public half of a root key')
  return record as unknown as JsonValue
}
