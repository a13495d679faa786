/**
 * The workspace as a plugin: its dimensions and gates live as actors, and other planes ask it what
 * an operation means here, where things stand and which gates are open (`topology`).
 *
 * The service answers from the fold of the journal, so what it says is never behind an event; the
 * actors follow the same events and are what people look at.
 *
 * @module
 */
import {
  contract,
  defineActor,
  definePlugin,
  opErrors,
  opTypePoint,
  topology,
  workspace,
  nearest,
} from 'prov'
import type { JsonObject, Topology } from 'prov'
import { dimensionMachine, gateMachine } from '../../machines/index.ts'
import { commands } from './commands/index.ts'
import { judgeGates } from './conditions.ts'
import { LiveWorkspace } from './live.ts'
import { loadWorkspace } from './load.ts'
import { positionOf } from './model.ts'
import type { Standing, WorkspaceModel } from './model.ts'
import { bodyOf } from './ops.ts'
import type { KnownOpType } from './ops.ts'
import { reads } from './reads/index.ts'
import { standingOf } from './standing.ts'

const dimension = defineActor({ type: 'dimension', version: 1, machine: dimensionMachine })
const gate = defineActor({ type: 'gate', version: 1, machine: gateMachine })

export default definePlugin({
  name: 'workspace',
  api: 1,
  describe: 'dimensions and gates of the workspace as live actors, and what its files declare',
  needs: { contract, workspace },
  provides: { topology },
  actors: { dimension, gate },
  commands,
  reads,
  async setup({ needs, provide, actors, contributions, log, signal }) {
    const { model, warnings } = await loadWorkspace(needs.workspace)
    for (const { code, message } of warnings) log.warn(message, { code })
    const ops = () => needs.contract.store.get()
    const standing = () => standingOf(model, ops())
    const live = new LiveWorkspace({ model, actors, dimension, gate, ops, standing, log })
    // Followed before the start, so that no event falls in between; each waits for its turn.
    const stop = needs.contract.follow((event) => live.take(event))
    signal.addEventListener('abort', stop, { once: true })
    await live.start()
    const declared = new Set(model.opTypes.map(({ type }) => type))
    for (const { name: type, plugin } of contributions(opTypePoint)) {
      if (!declared.has(type)) continue
      const by = '.ontology/provisioning.ncl'
      const { code, message } = opErrors.PROV_OP_TYPE_TAKEN({ type, plugin, by })
      log.warn(message, { code })
    }
    const brought = () =>
      contributions(opTypePoint).flatMap(({ value }) => (declared.has(value.type) ? [] : [value]))
    provide.topology(topologyOver(model, standing, brought))
  },
})

/** What other planes may ask; every answer is of this very moment. */
function topologyOver(
  model: WorkspaceModel,
  standing: () => Standing,
  brought: () => readonly KnownOpType[],
): Topology {
  const known = model.dimensions.map(({ id }) => id)
  return {
    async resolve({ params, ...proposal }) {
      const asked = { ...proposal, params: params as JsonObject | undefined }
      return bodyOf(model, standing(), asked, brought())
    },
    async vector(dimensions) {
      const now = standing()
      return Object.fromEntries(
        dimensions.map((id) => {
          const found = model.dimensions.find((one) => one.id === id)
          if (!found)
            throw opErrors.PROV_OP_DIMENSION_UNKNOWN({
              dimension: id,
              known,
              suggestion: nearest(id, known),
            })
          return [id, positionOf(found, now).version]
        }),
      )
    },
    async positions() {
      const now = standing()
      return Object.fromEntries(model.dimensions.map((one) => [one.id, positionOf(one, now)]))
    },
    async gates(ids) {
      return judgeGates(model, standing())
        .filter(({ id }) => ids === undefined || ids.includes(id))
        .map(({ id, status, edge, unmet }) => ({ id, status, ...(edge && { edge }), unmet }))
    },
    async genesis() {
      return {
        positions: Object.fromEntries(model.dimensions.map(({ id, current }) => [id, current])),
        capabilities: model.capabilities.map(({ id }) => id),
      }
    },
  }
}
