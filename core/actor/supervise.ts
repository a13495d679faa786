/**
 * What follows a failure, as data and one pure function: the policy, what is remembered of earlier
 * failures and what is known of the message decide; `warden.ts` acts.
 *
 *     failure ─▶ onFailure ─┬─ resume, park, stop, escalate: as it stands
 *                           └─ restart, reset ─▶ temporary? stop
 *                                             ─▶ message failed too often? poison: skip it, or park
 *                                             ─▶ too many within the period? circuit opens, or escalate
 *                                             ─▶ pause
 *
 * @module
 */
import type { Count, Millis } from '../units.ts'
import type { Group } from './groups.ts'
import type { LetterReason } from './letters.ts'

/**
 * What follows a step that threw. The state is the last committed one in every case.
 *
 * - `restart`: running effects are aborted; after its back-off the actor goes on from its last committed
 *   state, the effects it owes are issued again, and the message is tried again until it counts as
 *   poison.
 * - `reset`: as OTP restarts: from its input, with nothing of its state; the message becomes a dead
 *   letter, what else waits stays.
 * - `resume`: the message becomes a dead letter; the actor goes on at once, its effects run on.
 * - `park`: the actor stands still with its mailbox until a person resumes it.
 * - `stop`: the actor ends.
 * - `escalate`: whoever stands above decides: its group, or nobody; then the actor ends and its watchers
 *   are told that it failed.
 */
export type Directive = 'restart' | 'reset' | 'resume' | 'park' | 'stop' | 'escalate'

/** Who restarts with an actor that failed: it alone, all of its group, or it and those started later. */
export const strategies = ['one_for_one', 'one_for_all', 'rest_for_one'] as const

export type Strategy = (typeof strategies)[number]

export interface Backoff {
  /** Pause before going on after a first restart. Default 100 ms. */
  readonly firstMs: Millis
  /** Growth per failure within the period. Default 2. */
  readonly factor: number
  /** Longest pause. Default 5 s. */
  readonly maxMs: Millis
  /** 0 to 1: how much of a pause chance may take away. Default 0: none. */
  readonly jitter: number
}

export interface Poison {
  /** Failures of one and the same message, 1 or more. Default 3. Counted across restarts of the process. */
  readonly after: Count
  /** Default `skip`: to the dead letters. `park`: a person decides. */
  readonly fate: 'skip' | 'park'
}

export interface Circuit {
  /** Failing messages within the period that open it, 1 or more. */
  readonly after: Count
  /** How long nothing is taken. Then one message is tried: success closes it, failure opens it again. */
  readonly openMs: Millis
}

export interface Supervision {
  /** Of its group, where the group is only named. Default `one_for_one`. */
  readonly strategy: Strategy
  /**
   * The group an actor belongs to, by its id: a `defineGroup`, or only a name; then strategy, intensity
   * and period are those of the type. Default: it stands alone. Must answer the same for the same id.
   */
  readonly group: ((id: string) => Group | string | undefined) | undefined
  /**
   * `transient` (default): restarted after failures. `temporary`: a failure stops it, its own or one
   * that its group restarts for. `permanent`: also started again from its input when it reaches its
   * final state; that counts as a failure.
   */
  readonly restart: 'permanent' | 'transient' | 'temporary'
  /**
   * Failing messages within `periodMs` that a restart may follow; one more escalates. Default 3 in 5 s.
   * 0: none. A message that is tried again counts once. In a group the group's own count holds.
   */
  readonly intensity: Count
  readonly periodMs: Millis
  readonly backoff: Backoff
  readonly poison: Poison
  /** Instead of escalating, an actor that fails too often rests. Default: no circuit. */
  readonly circuit: Circuit | undefined
  /** Default `restart`. */
  readonly onFailure: Directive
}

/** As it may be written in `defineActor`: everything has a default. */
export type SupervisionSpec = {
  readonly [K in keyof Supervision]?: K extends 'backoff' | 'poison'
    ? Partial<Supervision[K]> | undefined
    : Supervision[K] | undefined
}

/** Fills in the defaults. Answers what is wrong with it as a text. */
export function supervisionOf(spec: SupervisionSpec = {}): Supervision | string {
  const { strategy, group, restart, intensity, periodMs, circuit, onFailure } = spec
  const supervision: Supervision = {
    strategy: strategy ?? 'one_for_one',
    group,
    restart: restart ?? 'transient',
    intensity: intensity ?? 3,
    periodMs: periodMs ?? 5_000,
    backoff: { firstMs: 100, factor: 2, maxMs: 5_000, jitter: 0, ...spec.backoff },
    poison: { after: 3, fate: 'skip', ...spec.poison },
    circuit,
    onFailure: onFailure ?? 'restart',
  }
  const { jitter } = supervision.backoff
  if (!(jitter >= 0 && jitter <= 1)) return 'jitter is a share from 0 to 1'
  if (!(supervision.poison.after >= 1)) return 'poison counts from one failure'
  if (circuit && !(circuit.after >= 1)) return 'a circuit opens after one failure or more'
  return supervision
}

/** What is remembered of an actor's failures while the process lives. */
export interface Past {
  /** Monotonic times within the period, the oldest first. */
  readonly times: readonly Millis[]
  /** Its circuit is open: what fails now was the trial. */
  readonly open: boolean
}

export const noPast: Past = { times: [], open: false }

export interface Occasion {
  /** Monotonic. */
  readonly nowMs: Millis
  /** How often this message failed, this time included. 0: whoever sent it was told and owns the retry. */
  readonly tries: Count
  /** No message failed: its machine was done, or its start threw. */
  readonly messageless?: boolean | undefined
  /** A group counts its failures and escalates, not it alone. */
  readonly grouped: boolean
  /** From 0 to below 1. Injected, so that a simulation repeats. */
  readonly random: () => number
}

export interface Decision {
  readonly directive: Directive
  /** What becomes of the message, unless the actor parks at it. Absent: it is tried again. */
  readonly letter?: LetterReason
  /** Before the actor goes on; 0 unless it restarts. */
  readonly pauseMs: Millis
  readonly past: Past
  /** For people: what was counted and what follows. */
  readonly why: string
}

/** Decides on a failure. */
export function decide(policy: Supervision, before: Past, occasion: Occasion): Decision {
  const { nowMs, tries, messageless, grouped, random } = occasion
  const { onFailure, intensity, periodMs, circuit } = policy
  const recent = within(before.times, periodMs, nowMs)
  // The same message again is no news for the window, only for its own count.
  const times = tries > 1 && recent.length > 0 ? recent : [...recent, nowMs]
  const failures = `${counted(times.length, 'failure')} within ${periodMs} ms`
  const ends = (directive: Directive, why: string): Decision => ({
    directive,
    ...(directive !== 'park' && { letter: 'failed' }),
    pauseMs: 0,
    past: { times, open: false },
    why,
  })
  if (onFailure !== 'restart' && onFailure !== 'reset') return ends(onFailure, 'its type says so')
  if (policy.restart === 'temporary') return ends('stop', 'a temporary actor is not restarted')
  const fate = fateOf(policy, tries)
  if (fate.parks) return ends('park', fate.why)
  const open = circuit !== undefined && (before.open || times.length >= circuit.after)
  const alone = !grouped && circuit === undefined
  if (alone && times.length > intensity) return ends('escalate', failures)
  return {
    directive: onFailure,
    ...(fate.letter && { letter: fate.letter }),
    pauseMs: open
      ? circuit.openMs
      : pauseOf(policy.backoff, times.length + Math.max(0, tries - 1), random),
    past: { times, open },
    why: [
      failures,
      ...(messageless ? [] : [fate.why]),
      ...(open ? ['its circuit is open'] : []),
    ].join('; '),
  }
}

/** What becomes of the message that an actor restarts after. */
function fateOf(
  { onFailure, poison }: Supervision,
  tries: Count,
): { readonly why: string; readonly letter?: LetterReason; readonly parks?: boolean } {
  const failed = `the message failed ${counted(tries, 'time')}`
  if (tries === 0) return { why: 'whoever applied the message was told' }
  if (onFailure === 'reset') return { why: 'the message is given up', letter: 'failed' }
  if (tries < poison.after) return { why: `${failed} and is tried again` }
  if (poison.fate === 'park') return { why: failed, parks: true }
  return { why: `${failed} and is given up`, letter: 'poison' }
}

/** The pause after the n-th failure, n from 1. */
export function pauseOf(backoff: Backoff, n: Count, random: () => number): Millis {
  const { firstMs, factor, maxMs, jitter } = backoff
  const pauseMs = Math.min(maxMs, firstMs * factor ** (Math.max(1, n) - 1))
  return jitter === 0 ? pauseMs : Math.round(pauseMs * (1 - jitter * random()))
}

/** Times that still count. */
export const within = (
  times: readonly Millis[],
  periodMs: Millis,
  nowMs: Millis,
): readonly Millis[] => times.filter((time) => time > nowMs - periodMs)

/** `1 failure`, `2 failures`. */
export const counted = (count: Count, what: string): string =>
  `${count} ${what}${count === 1 ? '' : 's'}`
