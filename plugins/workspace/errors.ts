/**
 * Every way in which a workspace can be wrong, or a question about it. Rows carry the file and the
 * field path in their place and detail; the remedy names a file or a command.
 *
 * @module
 */
import { defineErrors } from 'prov'

const near = (suggestion: string | undefined) =>
  suggestion === undefined ? '' : `; did you mean ${suggestion}?`
const among = (known: readonly string[]) =>
  known.length === 0 ? 'there are none' : `known are ${known.join(', ')}`

interface At {
  /** Relative to the workspace. */
  readonly file: string
  /** The field, as it reads in the file: `dimensions[2].transitions[0].to`. */
  readonly path: string
}
/** A text that names something that is not there. */
interface Dangling extends At {
  readonly id: string
  readonly known: readonly string[]
  readonly suggestion?: string | undefined
}
interface Twice extends At {
  readonly id: string
  /** Where it was said first. */
  readonly first: string
}

export const workspaceErrors = defineErrors<{
  PROV_WORKSPACE_FILE_MISSING: { file: string; holds: string }
  PROV_WORKSPACE_FIELD_UNKNOWN: At & { field: string; suggestion?: string | undefined }
  PROV_WORKSPACE_FIELD_MISSING: At
  PROV_WORKSPACE_FIELD_INVALID: At & { wanted: string; found: string }
  PROV_WORKSPACE_ID_TWICE: Twice & { what: string }
  PROV_DIMENSION_TWICE: Twice
  PROV_DIMENSION_UNKNOWN: Dangling
  PROV_DIMENSION_STATE_UNKNOWN: Dangling & { dimension: string }
  PROV_GATE_TWICE: Twice
  PROV_GATE_UNKNOWN: Dangling
  PROV_GATE_DIMENSION_UNKNOWN: Dangling & { gate: string }
  PROV_GATE_STATE_UNKNOWN: Dangling & { gate: string; dimension: string }
  PROV_GATE_CAPABILITY_UNKNOWN: Dangling & { gate: string }
  PROV_GATE_CYCLE: At & { gates: readonly string[] }
  PROV_GATE_EDGE_UNKNOWN: At & { gate: string; from: string; to: string }
  PROV_CONNECTIONS_CYCLE: At & { units: readonly string[] }
  PROV_CONNECTIONS_UNIT_UNKNOWN: Dangling
  PROV_CORE_NODE_UNKNOWN: Dangling
  PROV_OP_STEP_CYCLE: At & { steps: readonly string[] }
  PROV_OP_STEP_UNKNOWN: Dangling
  PROV_OP_INVERSE_UNKNOWN: Dangling
  PROV_OP_TARGET_UNKNOWN: {
    type: string
    target: string
    targets: readonly string[]
    suggestion?: string | undefined
  }
  PROV_DECISION_UNREADABLE: { decision: string; why: string }
  PROV_DECISION_NAME_UNKNOWN: {
    name: string
    known: readonly string[]
    suggestion?: string | undefined
  }
  PROV_DECISION_FILE_INVALID: { file: string; what: string }
  PROV_WHY_UNKNOWN: { id: string; suggestion?: string | undefined }
  PROV_WORKSPACE_ID_UNKNOWN: {
    what: string
    id: string
    known: readonly string[]
    command: string
    suggestion?: string | undefined
  }
  PROV_CARD_KIND: { workspace: string; kind: string }
  PROV_BACKLOG_UNKNOWN: {
    id: string
    known: readonly string[]
    suggestion?: string | undefined
  }
}>({
  PROV_WORKSPACE_FILE_MISSING: {
    disposition: 'usage',
    text: ({ file, holds }) => `${file} is not there; it holds ${holds}`,
    remedy: ({ file }) => `run \`prov setup --kind DevWorkspace\`, or write ${file}`,
  },
  PROV_WORKSPACE_FIELD_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, field, suggestion }) =>
      `${file}: ${path} has no field "${field}"${near(suggestion)}`,
    remedy: ({ file, field, suggestion }) =>
      suggestion === undefined
        ? `remove "${field}" in ${file}`
        : `write "${suggestion}" instead of "${field}" in ${file}`,
  },
  PROV_WORKSPACE_FIELD_MISSING: {
    disposition: 'usage',
    text: ({ file, path }) => `${file}: ${path} is missing`,
    remedy: ({ file, path }) => `add ${path} in ${file}`,
  },
  PROV_WORKSPACE_FIELD_INVALID: {
    disposition: 'usage',
    text: ({ file, path, wanted, found }) => `${file}: ${path} must be ${wanted}, not ${found}`,
    remedy: ({ file, path }) => `correct ${path} in ${file}`,
  },
  PROV_WORKSPACE_ID_TWICE: {
    disposition: 'usage',
    text: ({ file, path, what, id, first }) =>
      `${file}: ${path} is another ${what} with the id ${id}; the first is ${first}`,
    remedy: ({ file }) => `give one of them another id in ${file}`,
  },
  PROV_DIMENSION_TWICE: {
    disposition: 'usage',
    text: ({ file, path, id, first }) =>
      `${file}: ${path} is another dimension ${id}; the first is ${first}`,
    remedy: ({ file }) => `give one of them another id, or join them, in ${file}`,
  },
  PROV_DIMENSION_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, known, suggestion }) =>
      `${file}: ${path} names the dimension ${id}, which is not declared${near(suggestion) || `; ${among(known)}`}`,
    remedy: 'declare it in .ontology/state.ncl, or name one that `prov state` lists',
  },
  PROV_DIMENSION_STATE_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, dimension, id, known, suggestion }) =>
      `${file}: ${path} is ${id}, which is no state of ${dimension}${near(suggestion) || `; ${among(known)}`}`,
    remedy:
      'add the state to `states` of that dimension in .ontology/state.ncl, or leave `states` empty',
  },
  PROV_GATE_TWICE: {
    disposition: 'usage',
    text: ({ file, path, id, first }) =>
      `${file}: ${path} is another gate ${id}; the first is ${first}`,
    remedy: ({ file }) => `give one of them another id in ${file}`,
  },
  PROV_GATE_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, known, suggestion }) =>
      `${file}: ${path} names the gate ${id}, which is not declared${near(suggestion) || `; ${among(known)}`}`,
    remedy: 'name a gate that `prov gates` lists, or declare it in .ontology/provisioning.ncl',
  },
  PROV_GATE_DIMENSION_UNKNOWN: {
    disposition: 'usage',
    text: ({ gate, id, known, suggestion }) =>
      `the gate ${gate} depends on the dimension ${id}, which is not declared${near(suggestion) || `; ${among(known)}`}`,
    remedy: ({ file }) =>
      `correct the condition in ${file}, or declare the dimension in .ontology/state.ncl`,
  },
  PROV_GATE_STATE_UNKNOWN: {
    disposition: 'usage',
    text: ({ gate, dimension, id, known, suggestion }) =>
      `the gate ${gate} waits for ${dimension} at ${id}, which is no state of it${near(suggestion) || `; ${among(known)}`}`,
    remedy: ({ file }) =>
      `correct the condition in ${file}, or add the state in .ontology/state.ncl`,
  },
  PROV_GATE_CAPABILITY_UNKNOWN: {
    disposition: 'usage',
    text: ({ gate, id, suggestion }) =>
      `the gate ${gate} waits for the capability ${id}, which nothing offers and no operation brings${near(suggestion)}`,
    remedy:
      'let an op type gain it in .ontology/provisioning.ncl, or offer it in .ontology/manifest.ncl',
  },
  PROV_GATE_CYCLE: {
    disposition: 'usage',
    text: ({ gates }) => `these gates wait for each other: ${gates.join(' → ')}`,
    remedy: ({ file }) => `take one of them out of the other's condition in ${file}`,
  },
  PROV_GATE_EDGE_UNKNOWN: {
    disposition: 'usage',
    text: ({ gate, from, to }) =>
      `the gate ${gate} governs ${from} → ${to}, and there is no such connection`,
    remedy:
      '`prov connections` lists them; correct the edge, or the units, in .ontology/provisioning.ncl',
  },
  PROV_CONNECTIONS_CYCLE: {
    disposition: 'usage',
    text: ({ units }) => `these units need each other in a circle: ${units.join(' → ')}`,
    remedy: 'remove one of these edges (upstream or downstream) in .ontology/provisioning.ncl',
  },
  PROV_CONNECTIONS_UNIT_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, known, suggestion }) =>
      `${file}: ${path} names the unit ${id}, which is not declared${near(suggestion) || `; ${among(known)}`}`,
    remedy: 'declare it in .ontology/provisioning.ncl; what others run is `external = true`',
  },
  PROV_CORE_NODE_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, suggestion }) =>
      `${file}: ${path} names the node ${id}, which is not in the core ontology${near(suggestion)}`,
    remedy: 'add the node to .ontology/core.ncl, or correct the name',
  },
  PROV_OP_STEP_CYCLE: {
    disposition: 'usage',
    text: ({ file, path, steps }) =>
      `${file}: the steps of ${path} wait for each other: ${steps.join(' → ')}`,
    remedy: ({ file }) => `remove one of these depends_on in ${file}`,
  },
  PROV_OP_INVERSE_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, known }) =>
      `${file}: ${path} names the op type ${id}; there is ${known.join(', ')}`,
    remedy: ({ file }) => `declare that op type in ${file}, or take the inverse out`,
  },
  PROV_OP_STEP_UNKNOWN: {
    disposition: 'usage',
    text: ({ file, path, id, known }) =>
      `${file}: ${path} names the step ${id}, which this operation has not; ${among(known)}`,
    remedy: ({ file }) => `correct depends_on in ${file}`,
  },
  PROV_OP_TARGET_UNKNOWN: {
    disposition: 'usage',
    text: ({ type, target, targets, suggestion }) =>
      `no ${type} is declared for ${target}${near(suggestion)}; it is for ${targets.join(', ')}`,
    remedy: 'choose one of these targets, or declare another op type in .ontology/provisioning.ncl',
  },
  PROV_DECISION_UNREADABLE: {
    disposition: 'usage',
    text: ({ decision, why }) => `cannot read the decision "${decision}": ${why}`,
    remedy:
      'write `prov validate "deploy A before B"` (before, after or without), or `--op <file>`',
  },
  PROV_DECISION_NAME_UNKNOWN: {
    disposition: 'usage',
    text: ({ name, suggestion }) =>
      `nothing here is called ${name}${near(suggestion)}: no node, unit, capability or cluster`,
    remedy: 'name something that .ontology/core.ncl or `prov connections` lists',
  },
  PROV_DECISION_FILE_INVALID: {
    disposition: 'usage',
    text: ({ file, what }) => `${file} is not an operation to validate: ${what}`,
    remedy: ({ file }) =>
      `put \`{ "type": "deploy", "target": "app-cluster/cert-manager" }\` into \`${file}\``,
  },
  PROV_WHY_UNKNOWN: {
    disposition: 'usage',
    text: ({ id, suggestion }) => `nothing here is called ${id}${near(suggestion)}`,
    remedy: 'name a gate, a dimension or an operation: `prov gates`, `prov state`, `prov op list`',
  },
  PROV_WORKSPACE_ID_UNKNOWN: {
    disposition: 'usage',
    text: ({ what, id, known, suggestion }) =>
      `there is no ${what} ${id}${near(suggestion) || `; ${among(known)}`}`,
    remedy: ({ command }) => `run \`prov ${command}\` to see them all`,
  },
  PROV_CARD_KIND: {
    disposition: 'usage',
    text: ({ workspace, kind }) =>
      `${workspace} is a ${kind} repository; only a DevWorkspace has a card`,
    remedy: 'use `prov state` and `prov gates`, or set repo_kind in .ontology/manifest.ncl',
  },
  PROV_BACKLOG_UNKNOWN: {
    disposition: 'usage',
    text: ({ id, known, suggestion }) =>
      `there is no backlog item ${id}${near(suggestion) || `; ${among(known)}`}`,
    remedy: 'run `prov backlog` to see them all',
  },
})
