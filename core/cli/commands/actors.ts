/**
 * `prov actors`: who is alive, in which state, since how many steps; parked ones first, since they
 * wait for a person. `prov actors <address>`: one of them, with the last times that it failed.
 *
 * @module
 */
import { actorErrors } from '../../actor/errors.ts'
import type { ActorRow, CrashReport } from '../../actor/system.ts'
import { defineCommand } from '../command.ts'
import type { Paint } from '../command.ts'
import { fields, section, table } from '../table.ts'

export const command = defineCommand({
  pattern: 'actors [address]',
  describe: 'the actors of this workspace and the state of each, or one with its failures',
  group: 'Runtime',
  examples: [
    ['prov actors', 'all of them'],
    ['prov actors --type operation', 'one type only'],
    ['prov actors operation/op-1', 'one, and how it failed lately'],
  ],
  flags: {
    address: { type: 'string', describe: 'only this one, as `type/id`' },
    type: { type: 'string', describe: 'only actors of this type' },
    parked: { type: 'boolean', default: false, describe: 'only those that wait for a person' },
  },
  run: async ({ address, type, parked }, context): Promise<readonly ActorRow[] | ActorRow> => {
    const { actors } = await context.runtime()
    const rows = actors.list(type === undefined ? {} : { type })
    if (address !== undefined) {
      const row = rows.find((one) => one.address === address)
      if (!row) throw actorErrors.PROV_ACTOR_UNKNOWN({ address })
      return row
    }
    return rows
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
        String(row.depth),
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

const isRows = (found: readonly ActorRow[] | ActorRow): found is readonly ActorRow[] =>
  Array.isArray(found)

const stateOf = ({ value }: Pick<ActorRow, 'value'>): string =>
  typeof value === 'string' ? value : JSON.stringify(value)

const statusOf = ({ status }: ActorRow, paint: Paint) =>
  [status, status === 'parked' ? paint.bad : paint.good] as const

function one(row: ActorRow, paint: Paint, format: 'text' | 'md'): readonly string[] {
  const options = { paint, format }
  const { address, version, sequence, depth, restarts, parked, group, warning, owner, mode, why } =
    row
  return [
    address,
    ...fields(
      [
        ['status', statusOf(row, paint)],
        ['state', stateOf(row)],
        ['step', String(sequence)],
        ['version', String(version)],
        ['waiting', String(depth)],
        ['restarts', restarts > 0 ? String(restarts) : undefined],
        ['group', group],
        ['plugin', owner],
        ['behaviour', why === undefined ? mode : `${mode}: ${why}`],
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

function note({ parked, warning, restarts, owner, mode, passive }: ActorRow): string {
  if (parked) return `${parked.code}: ${parked.message}`
  if (warning !== undefined) return warning
  const slow = mode === 'interpreted' && mode
  return [slow, passive && 'at rest', restarts > 0 && `${restarts} restarts`, owner]
    .filter(Boolean)
    .join(', ')
}
