/**
 * The questions every bus asks about a configuration before it is taken: are the names possible, is
 * it the same as the one that exists, does it overlap. Pure; the embedded bus and NATS share it, so
 * they refuse the same things with the same codes (a server's own check misses some overlaps).
 *
 * @module
 */
import type { ConsumerConfig, EnsureOptions, StreamConfig } from './bus.ts'
import { consumerDifferences, differenceText, filtersOf, streamDifferences } from './differences.ts'
import type { Difference } from './differences.ts'
import { busErrors } from './errors.ts'
import { isBusName, isPattern, patternsOverlap } from './subjects.ts'

type Verdict = 'new' | 'same' | 'change'

/**
 * Checks a stream against those that exist: `new`, `same`, or `change` when it differs in nothing but
 * settings that are safe to change and `change` is asked for. Throws PROV_BUS_NAME_INVALID,
 * PROV_BUS_DIFFERS, PROV_BUS_OVERLAP.
 */
export function judgeStream(
  config: StreamConfig,
  known: Iterable<StreamConfig>,
  options: EnsureOptions = {},
): Verdict {
  if (!isBusName(config.name)) {
    throw busErrors.PROV_BUS_NAME_INVALID({ what: 'stream', name: config.name })
  }
  for (const pattern of config.subjects) {
    if (!isPattern(pattern))
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'pattern', name: pattern })
  }
  let verdict: Verdict = 'new'
  for (const other of known) {
    if (other.name === config.name) {
      const { name } = config
      verdict = judge({ what: 'stream', name }, streamDifferences(other, config), options)
      continue
    }
    for (const pattern of config.subjects) {
      if (other.subjects.some((taken) => patternsOverlap(taken, pattern))) {
        throw busErrors.PROV_BUS_OVERLAP({
          what: `stream ${config.name}`,
          with: `stream ${other.name}`,
          pattern,
        })
      }
    }
  }
  return verdict
}

/** As `judgeStream`, for a consumer among those of its stream. */
export function judgeConsumer(
  config: ConsumerConfig,
  stream: StreamConfig,
  known: Iterable<ConsumerConfig>,
  options: EnsureOptions = {},
): Verdict {
  const { name } = config
  if (!isBusName(name)) throw busErrors.PROV_BUS_NAME_INVALID({ what: 'consumer', name })
  const patterns = filtersOf(config)
  for (const [at, pattern] of patterns.entries()) {
    if (!isPattern(pattern)) {
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'filter', name: pattern })
    }
    // One message that two filters of one consumer take: servers differ in what they make of it.
    if (patterns.slice(at + 1).some((other) => patternsOverlap(other, pattern))) {
      const what = `consumer ${name}`
      throw busErrors.PROV_BUS_OVERLAP({ what, with: 'another filter of its own', pattern })
    }
  }
  let verdict: Verdict = 'new'
  for (const other of known) {
    if (other.name === name) {
      verdict = judge(
        { what: 'consumer', name },
        consumerDifferences(other, config, stream),
        options,
      )
    } else if (stream.retention === 'workqueue') {
      const taken = filtersOf(other)
      const pattern = patterns.find((one) => taken.some((two) => patternsOverlap(two, one)))
      if (pattern === undefined) continue
      const [what, by] = [`consumer ${name}`, `consumer ${other.name}`]
      throw busErrors.PROV_BUS_OVERLAP({ what, with: by, pattern })
    }
  }
  return verdict
}

function judge(
  which: { readonly what: string; readonly name: string },
  found: readonly Difference[],
  { change = false }: EnsureOptions,
): Verdict {
  if (found.length === 0) return 'same'
  if (change && found.every(({ safe }) => safe)) return 'change'
  throw busErrors.PROV_BUS_DIFFERS({ ...which, differences: found.map(differenceText) })
}
