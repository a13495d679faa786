/**
 * The flags that describe a proposal, shared by `op plan` and `op submit`, and what they mean.
 *
 * @module
 */
import { defined, foreignJson, parseDuration } from 'prov'
import type { FlagValues, Millis, OpPlan, Proposal } from 'prov'
import { askErrors } from '../errors.ts'

export const proposalFlags = {
  type: {
    type: 'string',
    describe: 'op type, as .ontology/provisioning.ncl names it',
    complete: { read: 'next', rows: 'operations', value: 'type' },
  },
  target: {
    type: 'string',
    describe: 'unit, component or dimension it is about',
    complete: { read: 'next', rows: 'operations', value: 'target', says: ['type'] },
  },
  image: { type: 'string', describe: 'image reference, for op types that deploy one' },
  param: {
    type: 'string',
    many: true,
    describe: 'name=value; a value that is JSON is taken as JSON',
  },
} as const

type ProposalFlags = FlagValues<typeof proposalFlags>

/** Throws PROV_OP_PROPOSAL_MISSING, PROV_OP_PARAM_INVALID. */
export function proposalOf(flags: ProposalFlags, actor: string | undefined): Proposal {
  const { type, target, image, param } = flags
  if (type === undefined || target === undefined) {
    const missing = Object.entries({ type, target }).flatMap(([name, value]) =>
      value === undefined ? [name] : [],
    )
    throw askErrors.PROV_OP_PROPOSAL_MISSING({ missing })
  }
  const params = Object.fromEntries((param ?? []).map(paramOf))
  return defined({
    type,
    target,
    image,
    as: actor,
    params: Object.keys(params).length === 0 ? undefined : params,
  }) as Proposal
}

/** The proposal that a plan was made for, to be made again. Throws PROV_OP_PROPOSAL_TWICE. */
export function proposalOfPlan(
  { proposal }: OpPlan,
  file: string,
  flags: ProposalFlags,
  actor: string | undefined,
): Proposal {
  const { type, target, image, param } = flags
  const said = [type, target, image].some((value) => value !== undefined)
  if (said || param.length > 0) throw askErrors.PROV_OP_PROPOSAL_TWICE({ file })
  return defined({ ...proposal, as: actor }) as Proposal
}

function paramOf(text: string): readonly [string, unknown] {
  const cut = text.indexOf('=')
  if (cut < 1) throw askErrors.PROV_OP_PARAM_INVALID({ param: text })
  const value = text.slice(cut + 1)
  try {
    return [text.slice(0, cut), foreignJson(value)]
  } catch {
    // Most values are plain words: what is no JSON is a text.
    return [text.slice(0, cut), value]
  }
}

/** Throws PROV_OP_DURATION_INVALID. */
export function durationOf(flag: string, text: string): Millis {
  const ms = parseDuration(text)
  if (ms === undefined || ms <= 0) throw askErrors.PROV_OP_DURATION_INVALID({ flag, text })
  return ms
}
