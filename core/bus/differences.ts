/**
 * In what a stream or consumer that exists differs from the one that is wanted, setting by setting,
 * and which of these can be changed while messages are in it. Safe means: no message goes away by it
 * and none is handed to somebody new.
 *
 * @module
 */
import type { ConsumerConfig, StreamConfig } from './bus.ts'
import { busDefaults } from './defaults.ts'
import { subjectWithin } from './subjects.ts'

export interface Difference {
  readonly setting: string
  readonly has: string
  readonly wants: string
  readonly safe: boolean
}

/** Subjects may grow, limits may be raised; a retention never changes. */
export function streamDifferences(has: StreamConfig, wants: StreamConfig): readonly Difference[] {
  const window = ({ duplicateWindowMs = busDefaults.duplicateWindowMs }: StreamConfig) =>
    duplicateWindowMs
  const grows = has.subjects.every((old) => wants.subjects.some((one) => subjectWithin(old, one)))
  return told([
    ['subjects', list(has.subjects), list(wants.subjects), grows],
    ['retention', has.retention, wants.retention, false],
    ['maxAgeMs', has.maxAgeMs, wants.maxAgeMs, raised(has.maxAgeMs, wants.maxAgeMs)],
    ['maxMessages', has.maxMessages, wants.maxMessages, raised(has.maxMessages, wants.maxMessages)],
    ['duplicateWindowMs', window(has), window(wants), window(wants) > window(has)],
  ])
}

/**
 * The filter of a work queue's consumer never changes: what it no longer takes would be nobody's. A
 * limits stream keeps what was passed over, and nothing of it comes again.
 */
export function consumerDifferences(
  has: ConsumerConfig,
  wants: ConsumerConfig,
  { retention }: Pick<StreamConfig, 'retention'>,
): readonly Difference[] {
  const wait = ({ ackWaitMs = busDefaults.ackWaitMs }: ConsumerConfig) => ackWaitMs
  return told([
    ['filter', list(filtersOf(has)), list(filtersOf(wants)), retention === 'limits'],
    ['ackWaitMs', wait(has), wait(wants), true],
    ['maxInFlight', has.maxInFlight, wants.maxInFlight, true],
  ])
}

/** The patterns a consumer listens to; `>` when it takes all. */
export function filtersOf({ filter }: ConsumerConfig): readonly string[] {
  if (filter === undefined) return ['>']
  return typeof filter === 'string' ? [filter] : filter
}

/** `maxAgeMs is 1000 and should be 2000`. */
export function differenceText({ setting, has, wants }: Difference): string {
  return `${setting} is ${has} and should be ${wants}`
}

type Side = string | number | undefined

function told(all: readonly (readonly [string, Side, Side, boolean])[]): readonly Difference[] {
  return all
    .filter(([, has, wants]) => has !== wants)
    .map(([setting, has, wants, safe]) => ({ setting, has: said(has), wants: said(wants), safe }))
}

const said = (side: Side): string => (side === undefined ? 'not set' : String(side))

const list = (patterns: readonly string[]): string => [...patterns].sort().join(', ')

/** Not set is no limit at all. */
const raised = (has: number | undefined, wants: number | undefined): boolean =>
  wants === undefined || (has !== undefined && wants > has)
