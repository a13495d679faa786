/**
 * The flags that describe a proposal, shared by `op plan` and `op submit`, and what they mean.
 *
 * @module
 */
import { defined, parseDuration } from 'prov'
import type { FlagValues, Millis, Proposal } from 'prov'
import { askErrors } from '../errors.ts'

export const proposalFlags = {
  type: {
    type: 'string',
    required: true,
    describe: 'op type, as .ontology/provisioning.ncl names it',
  },
  target: { type: 'string', required: true, describe: 'unit, component or dimension it is about' },
  image: { type: 'string', describe: 'image reference, for op types that deploy one' },
  param: {
    type: 'string',
    many: true,
    describe: 'name=value; a value that is JSON is taken as JSON',
  },
  scope: {
    type: 'string',
    many: true,
    describe: 'what it may touch, colon-separated; policy matches it',
  },
} as const

/** Throws PROV_OP_PARAM_INVALID. */
export function proposalOf(
  flags: FlagValues<typeof proposalFlags>,
  actor: string | undefined,
): Proposal {
  const { type, target, image, param, scope } = flags
  const params = Object.fromEntries((param ?? []).map(paramOf))
  return defined({
    type,
    target,
    image,
    as: actor,
    params: Object.keys(params).length === 0 ? undefined : params,
    scope: scope === undefined || scope.length === 0 ? undefined : scope,
  }) as Proposal
}

function paramOf(text: string): readonly [string, unknown] {
  const cut = text.indexOf('=')
  if (cut < 1) throw askErrors.PROV_OP_PARAM_INVALID({ param: text })
  const value = text.slice(cut + 1)
  try {
    return [text.slice(0, cut), JSON.parse(value) as unknown]
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
