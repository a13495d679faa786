/**
 * `prov actors`: who there is, in which state, since how many steps; parked ones first, since they
 * wait for a person. `prov actors <address>`: one of them, with the last times that it failed. It
 * looks and touches nothing.
 *
 * @module
 */
import { parseAddress } from '../../actor/address.ts'
import { actorErrors } from '../../actor/errors.ts'
import type { KeptRow } from '../../actor/kept.ts'
import type { CrashReport } from '../../actor/system.ts'
import { nearest } from '../../nearest.ts'
import { defineCommand } from '../command.ts'
import type { Paint } from '../command.ts'
import { cliErrors } from '../errors.ts'
import { lookAtActors, rowIn } from '../look.ts'
import { fields, section, table } from '../table.ts'

export const command = defineCommand({
  pattern: 'actors [address]',
  describe: 'the actors of this workspace and the state of each, or one with its failures',
  notes: [
    'Read from the journal: it takes no lock and starts nothing. What no file says is a dash: how many messages wait in a process that is at work, how often that one restarted an actor, and how a type behaves before its plugin was started once (`dormant`: no plugin registered it at the last start).',
    'Only the process they live in knows actors that keep nothing (`volatile`), who is at rest, and which group supervises whom. An actor that the present code cannot read is shown as it is kept; it parks when the runtime starts.',
  ],
  group: 'Runtime',
  examples: [
    ['prov actors', 'all of them'],
    ['prov actors --type operation', 'one type only'],
    ['prov actors operation/op-1', 'one, and how it failed lately'],
  ],
  flags: {
    address: { type: 'string', describe: 'only this one, as `type/id`', complete: 'addresses' },
    type: { type: 'string', describe: 'only actors of this type' },
    parked: { type: 'boolean', default: false, describe: 'only those that wait for a person' },
  },
  run: async ({ address, type, parked }, context): Promise<readonly KeptRow[] | KeptRow> => {
    if (address !== undefined) await demandAddress(address)
    const kept = await lookAtActors(context)
    if (address !== undefined) return rowIn(kept, address)
    if (type !== undefined && !kept.types.includes(type)) {
      const suggestion = nearest(type, kept.types)
      throw actorErrors.PROV_ACTOR_TYPE_UNKNOWN({
        type,
        known: kept.types,
        ...(suggestion !== undefined && { suggestion }),
      })
    }
    return kept.rows
      .filter((row) => type === undefined || row.type === type)
      .filter((row) => !parked || row.status === 'parked')
      .sort((a, b) => Number(b.status === 'parked') - Number(a.status === 'parked'))
  },
  render: (found, paint, format) => {
    if (!isRows(found)) return one(found, paint, format)
    if (found.length === 0) return ['no actors']
    return table(
      found.map((row) => [
        row.address,
        statusOf(row, paint),
        stateOf(row),
        String(row.sequence),
        countOf(row.depth),
        note(row),
      ]),
      {
        paint,
        format,
        head: ['actor', 'status', 'state', 'step', 'waiting', 'note'],
        right: [3, 4],
      },
    )
  },
})

/** A mistyped word is no address: `prov actors lettres`. */
async function demandAddress(text: string): Promise<void> {
  if (text.includes('/')) return void parseAddress(text)
  const { commands } = await import('./index.ts')
  const words = Object.keys(commands).filter((one) => one.startsWith('actors '))
  const suggestion = nearest(`actors ${text}`, words)
  if (suggestion === undefined) throw actorErrors.PROV_ACTOR_ADDRESS_INVALID({ address: text })
  throw cliErrors.PROV_CLI_ARGUMENT_EXTRA({ argument: text, command: 'actors', suggestion })
}

/** What only a living process knows is a dash. */
const countOf = (count: number | null): string => (count === null ? '-' : String(count))

const isRows = (found: readonly KeptRow[] | KeptRow): found is readonly KeptRow[] =>
  Array.isArray(found)

const stateOf = ({ value }: Pick<KeptRow, 'value'>): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

const statusOf = ({ status }: KeptRow, paint: Paint) =>
  [status, status === 'parked' ? paint.bad : paint.good] as const

function one(row: KeptRow, paint: Paint, format: 'text' | 'md'): readonly string[] {
  const options = { paint, format }
  const { address, version, sequence, depth, restarts, parked, warning, owner, mode, why } = row
  return [
    address,
    ...fields(
      [
        ['status', statusOf(row, paint)],
        ['state', stateOf(row)],
        ['step', String(sequence)],
        ['version', String(version)],
        ['waiting', countOf(depth)],
        ['restarts', restarts === 0 ? undefined : countOf(restarts)],

        ['plugin', owner],
        ['behaviour', why === undefined ? (mode ?? '-') : `${mode}: ${why}`],
        ['parked', parked && [`${parked.code}: ${parked.message}`, paint.bad]],
        ['parked at', parked?.event],
        ['warning', warning === undefined ? undefined : [warning, paint.warn]],
      ],
      options,
    ),
    ...section('Failures, the newest first', failures(row.crashes ?? [], paint, format), options),
  ]
}

const failures = (crashes: readonly CrashReport[], paint: Paint, format: 'text' | 'md') =>
  table(
    [...crashes]
      .reverse()
      .map(({ timeMs, event, body, state, decision, why, error }) => [
        new Date(timeMs).toISOString(),
        body ? JSON.stringify(body) : event,
        stateOf({ value: state }),
        decision,
        `${error.message} (${why})`,
      ]),
    { paint, format, head: ['time', 'event', 'state', 'decision', 'what and why'] },
  )

function note({ parked, warning, restarts, owner, mode }: KeptRow): string {
  if (parked) return `${parked.code}: ${parked.message}`
  if (warning !== undefined) return warning
  const slow = mode === 'interpreted' && mode
  return [slow, (restarts ?? 0) > 0 && `${restarts} restarts`, owner].filter(Boolean).join(', ')
}
