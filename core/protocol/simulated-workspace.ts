/**
 * The workspace of a simulated world that brings none: one dimension to move, and a policy that
 * signs what is under test and holds the rest.
 *
 * @module
 */
import type { Plugin } from '../plugin/define.ts'
import { opTypePoint } from './op-type.ts'

const state = `let d = import "ontology/defaults/state.ncl" in
{
  dimensions = [
    d.make_dimension {
      id = "service",
      current_state = "off",
      desired_state = "on",
      states = [d.make_state { id = "off" }, d.make_state { id = "on" }],
      transitions = [
        d.make_transition { from = "off", to = "on" },
        d.make_transition { from = "on", to = "off" },
      ],
    },
  ],
}
`

const manifest = `let m = import "ontology/defaults/manifest.ncl" in
m.make_manifest { project = "simulated", repo_kind = 'DevWorkspace }
`

/** Texts by path. */
export function simulatedWorkspace(plugins: readonly Plugin[]): Readonly<Record<string, string>> {
  const types = plugins.flatMap(({ contributes = [] }) =>
    contributes.filter(({ point }) => point === opTypePoint.id).map(({ name }) => name),
  )
  const rules = types.map((type) => `{ op_type = ${JSON.stringify(type)} }`).join(', ')
  return {
    '.ontology/manifest.ncl': manifest,
    '.ontology/state.ncl': state,
    'keeper_policy.ncl': `{ policy = { version = 1, auto_sign = [${rules}] } }\n`,
  }
}
