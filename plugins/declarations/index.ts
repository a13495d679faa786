/**
 * A person's edit of `current_state` is a proposal (D-31): this plugin compares the files with the
 * files as they were last seen, and hands each change in as `dimension.declare`. The keeper judges
 * it like any other operation; until then the journal's position counts, and `prov state` shows both.
 *
 *     state.ncl ─▶ differs from last seen? ─▶ op dimension.declare ─▶ files.seen { positions }
 *
 * E1  Only a change against the last seen file is a movement: an operation that moved the dimension
 *     away from what the file says is no edit.
 * E2  "Seen" is written after the proposals are durable; their ids come from the edit itself, so a
 *     crash in between proposes the same thing again and not another.
 * E3  An edit of a dimension that an operation holds waits: it is looked at again at the next start,
 *     and "seen" keeps for that dimension what it was.
 * E4  It is signed by the person that the config names (`as`), else by the one enrolled first whose
 *     key lies here. Without a key it is tried again at the next start.
 *
 * @module
 */
import {
  asProvError,
  contract,
  crashPoint,
  definePlugin,
  digestOf,
  journal,
  keyStore,
  submissions,
  topology,
} from 'prov'
import type { Contract, JournalReader, JsonObject, KeyStore, Position } from 'prov'
import { editsOf, editOpId } from './edits.ts'
import type { Positions } from './edits.ts'
import { declarationErrors } from './errors.ts'

const partition = 'declarations'

/** Who signs edits; undefined leaves it to the keys that are here. */
function parseConfig(raw: unknown): { readonly as: string | undefined } {
  if (raw === undefined) return { as: undefined }
  const { as, ...rest } = Object(raw) as { readonly as?: unknown }
  if (typeof as !== 'string' || Object.keys(rest).length > 0) {
    throw declarationErrors.PROV_DECLARATIONS_CONFIG({})
  }
  return { as }
}

export default definePlugin({
  name: 'declarations',
  api: 1,
  describe: 'turns edits of current_state in the files into proposals',
  needs: { contract, journal, keyStore, submissions, topology },
  config: parseConfig,
  async setup({ config, needs, log }) {
    const { positions: files } = await needs.topology.genesis()
    const seen = await lastSeen(needs.journal)
    const now = await needs.topology.positions()
    const edits = editsOf({ files, seen: seen?.positions, now, holds: heldBy(needs.contract) })
    const ready = edits.filter(({ waitsFor }) => waitsFor === undefined)
    const noted = { ...files }
    for (const { dimension, was, to, waitsFor } of edits) {
      if (waitsFor === undefined) continue
      noted[dimension] = was
      log.info(`${dimension}: the file says ${to} now; that waits for the end of ${waitsFor}`)
    }
    const as = ready.length === 0 ? undefined : (config.as ?? (await firstPerson(needs)))
    let all = true
    for (const edit of ready) {
      const { dimension, to } = edit
      try {
        const { op } = await needs.submissions.submit({
          type: 'dimension.declare',
          target: dimension,
          params: { to },
          opId: editOpId(edit, seen?.position ?? 0),
          as,
        })
        log.info(`${dimension}: the file says ${to} now; proposed as ${op}`, { op })
      } catch (thrown) {
        all = false
        const { message, code, remedy } = asProvError(thrown)
        log.warn(
          `${dimension}: the file says ${to} now, and that could not be proposed: ${message}`,
          {
            code,
            remedy,
          },
        )
      }
    }
    crashPoint('declared')
    if (!all || digestOf(noted) === (seen && digestOf(seen.positions))) return
    await needs.journal.append([{ partition, type: 'files.seen', body: { positions: noted } }])
  },
})

async function firstPerson(needs: {
  readonly contract: Contract
  readonly keyStore: KeyStore
}): Promise<string | undefined> {
  const own = new Set((await needs.keyStore.list()).map(({ kid }) => kid))
  const people = needs.contract.keyring.list().filter(({ record }) => record.kind === 'human')
  return people.find(({ record }) => own.has(record.kid))?.record.actor
}

/** Who holds a dimension, from CLAIM to RESULT. */
function heldBy({ store }: Contract): ReadonlyMap<string, string> {
  const holds = new Map<string, string>()
  for (const { id, writes } of store.get().open.values()) {
    for (const dimension of writes ?? []) holds.set(dimension, id)
  }
  return holds
}

interface Seen {
  readonly positions: Positions
  /** Where in the journal that was noted. */
  readonly position: Position
}

async function lastSeen(reader: JournalReader): Promise<Seen | undefined> {
  let seen: Seen | undefined
  for await (const { type, body, position } of reader.read({ partition })) {
    if (type !== 'files.seen') continue
    seen = { positions: (body as JsonObject)['positions'] as unknown as Positions, position }
  }
  return seen
}
