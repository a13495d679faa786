/**
 * The questions every bus asks about a configuration before it is taken: are the names possible, is
 * it the same as the one that exists, does it overlap. Pure; the embedded bus and NATS share it, so
 * they refuse the same things with the same codes (a server's own check misses some overlaps).
 *
 * @module
 */
import type { Count, Millis } from '../units.ts'
import type { ConsumerConfig, StreamConfig } from './bus.ts'
import { busErrors } from './errors.ts'
import { isBusName, isPattern, patternsOverlap } from './subjects.ts'

/** Defaults of the port, in one place. */
export const busDefaults: {
  readonly duplicateWindowMs: Millis
  readonly ackWaitMs: Millis
  readonly credits: Count
} = { duplicateWindowMs: 120_000, ackWaitMs: 30_000, credits: 16 }

/**
 * Checks a stream against those that exist. Returns `same` when it is there already. Throws
 * PROV_BUS_NAME_INVALID, PROV_BUS_DIFFERS, PROV_BUS_OVERLAP.
 */
export function judgeStream(config: StreamConfig, known: Iterable<StreamConfig>): 'new' | 'same' {
  if (!isBusName(config.name)) {
    throw busErrors.PROV_BUS_NAME_INVALID({ what: 'stream', name: config.name })
  }
  for (const pattern of config.subjects) {
    if (!isPattern(pattern))
      throw busErrors.PROV_BUS_NAME_INVALID({ what: 'pattern', name: pattern })
  }
  let same = false
  for (const other of known) {
    if (other.name === config.name) {
      if (streamText(other) !== streamText(config)) {
        throw busErrors.PROV_BUS_DIFFERS({ what: 'stream', name: config.name })
      }
      same = true
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
  return same ? 'same' : 'new'
}

/** As `judgeStream`, for a consumer among those of its stream. */
export function judgeConsumer(
  config: ConsumerConfig,
  stream: StreamConfig,
  known: Iterable<ConsumerConfig>,
): 'new' | 'same' {
  if (!isBusName(config.name)) {
    throw busErrors.PROV_BUS_NAME_INVALID({ what: 'consumer', name: config.name })
  }
  if (config.filter !== undefined && !isPattern(config.filter)) {
    throw busErrors.PROV_BUS_NAME_INVALID({ what: 'filter', name: config.filter })
  }
  let same = false
  for (const other of known) {
    if (other.name === config.name) {
      if (consumerText(other) !== consumerText(config)) {
        throw busErrors.PROV_BUS_DIFFERS({ what: 'consumer', name: config.name })
      }
      same = true
    } else if (stream.retention === 'workqueue') {
      const pattern = config.filter ?? '>'
      if (patternsOverlap(other.filter ?? '>', pattern)) {
        throw busErrors.PROV_BUS_OVERLAP({
          what: `consumer ${config.name}`,
          with: `consumer ${other.name}`,
          pattern,
        })
      }
    }
  }
  return same ? 'same' : 'new'
}

function streamText(config: StreamConfig): string {
  return JSON.stringify([
    [...config.subjects].sort(),
    config.retention,
    config.maxAgeMs ?? null,
    config.maxMessages ?? null,
    config.duplicateWindowMs ?? busDefaults.duplicateWindowMs,
  ])
}

function consumerText(config: ConsumerConfig): string {
  return JSON.stringify([config.filter ?? null, config.ackWaitMs ?? busDefaults.ackWaitMs])
}
