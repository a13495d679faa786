/** `prov plane list`: which planes live here and which elsewhere. @module */
import { handingsOf, joinedOf, planeNames } from '../../protocol/planes.ts'
import type { PlaneName } from '../../protocol/planes.ts'
import { defineCommand } from '../command.ts'
import { journalIn } from '../context.ts'
import { stateOf } from '../plane.ts'
import { table } from '../table.ts'

export const command = defineCommand({
  pattern: 'plane list',
  describe: 'which planes of the workspace live here, and which elsewhere',
  group: 'Runtime',
  examples: [['prov plane list', 'one line per plane']],
  flags: {
    state: {
      type: 'string',
      describe: 'folder of the journal; default PROV_STATE, else .prov',
      complete: 'files',
    },
  },
  async run({ state }, context) {
    const { stateDir } = await context.files()
    const journal = await journalIn(stateOf(context, state) ?? stateDir)
    const joined = journal && (await joinedOf(journal))
    const moved = journal ? await handingsOf(journal) : new Map<PlaneName, string | null>()
    await journal?.close()
    return planeNames.map((plane) => ({
      plane,
      here: joined ? joined.plane === plane : !moved.has(plane),
      /** Where its bundle was being written when the hand-over was broken off: it runs nowhere. */
      unfinished: moved.get(plane) ?? null,
      journal: joined?.journal ?? journal?.id ?? null,
    }))
  },
  render: (rows, paint, format) =>
    table(
      rows.map(({ plane, here, unfinished }) => [
        plane,
        unfinished === null
          ? here
            ? 'here'
            : 'elsewhere'
          : `nowhere yet: prov plane export ${plane} --out ${unfinished}`,
      ]),
      { paint, format, head: ['plane', 'lives'] },
    ),
})
