/** What the `op` commands and read models refuse by themselves; the rest is the op contract's. @module */
import { defineErrors } from 'prov'

export const askErrors = defineErrors<{
  PROV_OP_NOT_FOUND: { id: string; near?: string }
  PROV_OP_AMBIGUOUS: { id: string; matches: readonly string[] }
  PROV_OP_PARAM_INVALID: { param: string }
  PROV_OP_DURATION_INVALID: { flag: string; text: string }
  PROV_OP_PROPOSAL_MISSING: { missing: readonly string[] }
  PROV_OP_PROPOSAL_TWICE: { file: string }
  PROV_PLAN_NOT_OURS: { file: string }
  PROV_OP_NOT_APPLIED: { op: string; phase: string }
  PROV_OP_NO_INVERSE: { op: string; type: string }
  PROV_OP_COMPENSATED: { op: string; by: string; phase: string }
}>({
  PROV_OP_NOT_APPLIED: {
    disposition: 'blocked',
    text: ({ op, phase }) => `${op} is ${phase}: only what was applied can be taken back`,
    remedy: 'withdraw it (`prov op withdraw`) or wait for its end (`prov op wait`)',
  },
  PROV_OP_NO_INVERSE: {
    disposition: 'blocked',
    text: ({ op, type }) =>
      `${op} was signed without an inverse: nothing is declared that undoes ${type}`,
    remedy:
      'propose what sets it right yourself (`prov op submit`); for later ones declare `inverse` in .ontology/provisioning.ncl',
  },
  PROV_OP_COMPENSATED: {
    disposition: 'conflict',
    text: ({ op, by, phase }) => `${op} is being taken back or was already: ${by} is ${phase}`,
    remedy: ({ by }) => `see \`prov op show ${by}\``,
  },
  PROV_OP_NOT_FOUND: {
    disposition: 'usage',
    text: ({ id, near }) =>
      `there is no operation ${id}${near === undefined ? '' : `; did you mean ${near}?`}`,
    remedy: 'run `prov op list` to see the operations there are; the start of an id is enough',
  },
  PROV_OP_AMBIGUOUS: {
    disposition: 'usage',
    text: ({ id, matches }) => `${id} is the start of several operations: ${matches.join(', ')}`,
    remedy: 'type a few more characters; `prov op list` shows how many are needed',
  },
  PROV_OP_PARAM_INVALID: {
    disposition: 'usage',
    text: ({ param }) => `"${param}" is not a parameter: it must read name=value`,
    remedy: 'write `--param replicas=3`; a value that is JSON is taken as JSON',
  },
  PROV_OP_DURATION_INVALID: {
    disposition: 'usage',
    text: ({ flag, text }) => `--${flag} "${text}" is not a time span`,
    remedy: 'write a number with its unit: `30s`, `10m`, `2h`, `7d`; `prov op submit --help`',
  },
  PROV_OP_PROPOSAL_MISSING: {
    disposition: 'usage',
    text: ({ missing }) => `missing ${missing.map((name) => `<${name}>`).join(' and ')}`,
    remedy: 'say type and target, or hand a plan in: `prov op submit --plan <file>`',
  },
  PROV_OP_PROPOSAL_TWICE: {
    disposition: 'usage',
    text: ({ file }) => `${file} says what is proposed; type, target and their flags say it again`,
    remedy: 'leave them out, or make another plan with `prov op plan <type> <target> --out <file>`',
  },
  PROV_PLAN_NOT_OURS: {
    disposition: 'usage',
    text: ({ file }) => `${file} is there and is not a plan; it was left alone`,
    remedy: 'name another file: `prov op plan <type> <target> --out <file>`',
  },
})
