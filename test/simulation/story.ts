/**
 * What happens in one run, out of its seed alone: what people do, and what goes wrong when. A list, so
 * that it can be printed, and so that a failing run can be tried again with less of it.
 *
 * @module
 */
import type { OfficePlane } from '../../core/protocol/office.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { planeNames } from '../../core/protocol/planes.ts'
import { seeded } from '../../core/seed.ts'
import type { Count, Millis } from '../../core/units.ts'
import { dimensions } from './provider.ts'
import { messageKinds } from './broker.ts'
import type { MessageFault, MessageKind } from './broker.ts'
import type { EffectFault } from './provider.ts'
import type { Shape } from './world.ts'

/** Planes whose key can be followed by another one. */
export const keyedPlanes = ['submitter', 'keeper', 'controller'] as const
export type KeyedPlane = (typeof keyedPlanes)[number]

/** What somebody asks for; times are those of the world, from its first start. */
export type Deed =
  | {
      readonly does: 'submit'
      readonly atMs: Millis
      readonly op: string
      readonly type: string
      readonly target: string
      readonly to: 'on' | 'off'
      /** Under the same id as an earlier one, with another body: to be refused. */
      readonly alters?: true
    }
  | { readonly does: 'vote'; readonly atMs: Millis; readonly op: string; readonly good: boolean }
  | { readonly does: 'withdraw'; readonly atMs: Millis; readonly op: string }
  | { readonly does: 'policy'; readonly atMs: Millis; readonly flips: 'signed' | 'held' }
  | { readonly does: 'mode'; readonly atMs: Millis; readonly mode: 'auto' | 'manual' | 'hybrid' }
  /** Another key for a plane. */
  | { readonly does: 'rotate'; readonly atMs: Millis; readonly plane: KeyedPlane }

export type DiskError = 'ENOSPC' | 'EIO'

/** What goes wrong. */
export type Fault =
  | {
      readonly goes: 'death'
      readonly plane: PlaneName
      /** Which life of the machine, from 1. */
      readonly life: Count
      readonly call: Count
      readonly after: boolean
      readonly power: boolean
    }
  /** On the bus between machines, by the number of the message or of the acknowledgement. */
  | {
      readonly goes: 'message'
      readonly kind: MessageKind
      readonly nth: Count
      readonly what: MessageFault
    }
  | { readonly goes: 'ack'; readonly nth: Count }
  /** The bus loses everything, or does not answer. */
  | { readonly goes: 'wipe'; readonly atMs: Millis }
  | { readonly goes: 'away'; readonly atMs: Millis; readonly forMs: Millis }
  /** At the provider, by the number of the call. */
  | { readonly goes: 'effect'; readonly nth: Count; readonly what: EffectFault }
  /** The wall clock of a machine is wrong for a while. */
  | {
      readonly goes: 'clock'
      readonly plane: PlaneName
      readonly atMs: Millis
      readonly byMs: Millis
      readonly forMs: Millis
    }
  /** A disk takes nothing more for a while: what is written to it arrives in part at most. */
  | {
      readonly goes: 'disk'
      readonly plane: PlaneName
      readonly atMs: Millis
      readonly forMs: Millis
      readonly errno: DiskError
    }
  /** When all is at rest somebody says commands again that were carried out. */
  | { readonly goes: 'replay' }
  /** A plane has two processes; one of them waits for its turn. */
  | { readonly goes: 'standby'; readonly plane: OfficePlane }
  /** A process stands still at one of its calls, and goes on. */
  | {
      readonly goes: 'freeze'
      readonly plane: OfficePlane
      readonly life: Count
      readonly call: Count
      readonly forMs: Millis
    }
  /** The controller's disk is an older one for a while, and somebody outside knows it. */
  | {
      readonly goes: 'set back'
      readonly atMs: Millis
      readonly forMs: Millis
      readonly knows: 'anchor' | 'lease' | 'peers'
    }
  /** What ended goes to shelves, state to snapshots and old segments to archives within one story. */
  | {
      readonly goes: 'keeps'
      readonly ended: Count
      readonly records: Count
      readonly snapshots: Count
      readonly archives: boolean
    }

export interface Story {
  readonly seed: Count
  readonly shape: Shape
  readonly deeds: readonly Deed[]
  readonly faults: readonly Fault[]
  /** In the end held operations are agreed to, and doubts resolved; else they are left as they are. */
  readonly attends: boolean
}

/** Until then things happen and go wrong; from then on all is well. */
export const troubleMs: Millis = 60_000
const hourMs: Millis = 3_600_000

export function storyOf(seed: Count): Story {
  const random = seeded(seed)
  // The first numbers of neighbouring seeds are neighbours.
  for (let at = 0; at < 8; at++) random(2)
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const often = (percent: Count): boolean => random(100) < percent
  const shape: Shape = often(50) ? 'together' : 'apart'
  const deeds = deedsOf(random, pick, often)
  const faults = faultsOf(shape, random, pick, often)
  const attends = often(70)
  // What came to the stories later is drawn last, so that a seed goes on to mean what it meant.
  const more = rotationsOf(random, pick, often)
  const bad = disksOf(random, pick, often)
  const kept = keepingOf(random, often)
  const led = shape === 'apart' ? leadersOf(random, pick, often) : []
  const back = shape === 'apart' ? setBackOf(faults, random, pick, often) : []
  const all = {
    deeds: inOrder([...deeds, ...more]),
    faults: [...faults, ...bad, ...kept, ...led, ...back],
  }
  return { seed, shape, ...all, attends }
}

const inOrder = (deeds: readonly Deed[]): readonly Deed[] =>
  deeds.toSorted((one, two) => one.atMs - two.atMs)

function rotationsOf(random: Random, pick: Pick, often: Often): readonly Deed[] {
  if (!often(30)) return []
  return Array.from({ length: 1 + random(3) }, () => {
    return { does: 'rotate', atMs: random(troubleMs), plane: pick(keyedPlanes) }
  })
}

function disksOf(random: Random, pick: Pick, often: Often): readonly Fault[] {
  if (!often(25)) return []
  return Array.from({ length: 1 + random(2) }, () => {
    const [atMs, forMs] = [random(troubleMs), 1 + random(pick([20, 500, 20_000]))]
    const errno = pick(['ENOSPC', 'EIO'] as const)
    return { goes: 'disk', plane: pick(planeNames), atMs, forMs, errno }
  })
}

function keepingOf(random: Random, often: Often): readonly Fault[] {
  if (!often(40)) return []
  const [ended, records, snapshots] = [1 + random(3), 10 + random(120), 10 + random(90)]
  return [{ goes: 'keeps', ended, records, snapshots, archives: often(50) }]
}

function leadersOf(random: Random, pick: Pick, often: Often): readonly Fault[] {
  if (!often(40)) return []
  const plane = pick(['controller', 'controller', 'keeper'] as const)
  const faults: Fault[] = [{ goes: 'standby', plane }]
  for (let nth = random(4); nth > 0; nth--) {
    // Longer than a lease lives, or not.
    const [life, forMs] = [1 + random(3), pick([3_000, 25_000, 45_000])]
    faults.push({ goes: 'freeze', plane, life, call: 1 + random(pick([120, 300, 600])), forMs })
  }
  return faults
}

function setBackOf(
  before: readonly Fault[],
  random: Random,
  pick: Pick,
  often: Often,
): readonly Fault[] {
  if (!often(25)) return []
  const [atMs, forMs] = [5_000 + random(troubleMs / 2), 3_000 + random(15_000)]
  const knows = pick(['anchor', 'lease', 'peers'] as const)
  // A server that loses everything forgets the lease as well.
  const forgets = knows === 'lease' && before.some(({ goes }) => goes === 'wipe')
  return forgets ? [] : [{ goes: 'set back', atMs, forMs, knows }]
}

/** About as many messages of a kind there are in one run. */
const messageSpans: Readonly<Record<MessageKind, Count>> = {
  'ops.pending.': 8,
  'ops.cmd.': 6,
  'ops.audit.': 40,
  '': 120,
}

type Random = (below: number) => number
type Pick = <T>(list: readonly T[]) => T
type Often = (percent: Count) => boolean

function deedsOf(random: Random, pick: Pick, often: Often): readonly Deed[] {
  const deeds: Deed[] = []
  for (let nth = 1 + random(7); nth > 0; nth--) {
    const op = `op_${nth}`
    const atMs = random(troubleMs * 0.7)
    const type = pick(['note', 'look', 'flip', 'flip', 'deploy', 'deploy', 'drain'])
    const to = often(75) ? 'on' : 'off'
    const submit = { does: 'submit', atMs, op, type, target: pick(dimensions), to } as const
    deeds.push(submit)
    if (often(30)) deeds.push({ ...submit, atMs: atMs + random(20_000) })
    if (often(15)) {
      const altered = { ...submit, to: to === 'on' ? 'off' : 'on', alters: true } as const
      deeds.push({ ...altered, atMs: atMs + random(20_000) })
    }
    if (type === 'deploy' || (type === 'flip' && often(20))) {
      for (let votes = random(3); votes > 0; votes--) {
        deeds.push({ does: 'vote', atMs: atMs + random(25_000), op, good: often(85) })
      }
    }
    if (often(15))
      deeds.push({ does: 'withdraw', atMs: atMs + random(pick([200, 5_000, 20_000])), op })
  }
  for (let nth = random(3); nth > 0; nth--) {
    deeds.push({ does: 'policy', atMs: random(troubleMs), flips: pick(['signed', 'held']) })
  }
  if (often(25)) {
    const mode = pick(['auto', 'manual', 'hybrid'] as const)
    deeds.push({ does: 'mode', atMs: random(troubleMs), mode })
  }
  return deeds
}

function faultsOf(shape: Shape, random: Random, pick: Pick, often: Often): readonly Fault[] {
  const faults: Fault[] = []
  const some = (percent: Count, most: Count, make: () => Fault): void => {
    if (!often(percent)) return
    for (let nth = 1 + random(most); nth > 0; nth--) faults.push(make())
  }
  const lives = new Map<PlaneName, Count>()
  some(80, 5, () => {
    const plane = pick(planeNames)
    // Together they share one life.
    const whose = shape === 'together' ? 'keeper' : plane
    const life = (lives.get(whose) ?? 0) + 1
    lives.set(whose, life)
    // A start takes some forty calls, an operation about as many.
    const call = 1 + random(pick([50, 120, 300]))
    return { goes: 'death', plane, life, call, after: often(50), power: often(50) }
  })
  some(40, 2, () => ({
    goes: 'effect',
    nth: 1 + random(4),
    what: pick(['fails', 'lost', 'late', 'kills', 'cuts'] as const),
  }))
  some(30, 2, () => {
    const [atMs, forMs] = [random(troubleMs), 2_000 + random(troubleMs / 2)]
    const byMs = pick([-hourMs, hourMs, random(hourMs) - hourMs / 2])
    return { goes: 'clock', plane: pick(planeNames), atMs, byMs, forMs }
  })
  some(50, 1, () => ({ goes: 'replay' }))
  if (shape === 'together') return faults
  some(60, 8, () => {
    const what = pick(['lost', 'twice', 'late', 'unsaid'] as const)
    const kind = pick(messageKinds)
    return { goes: 'message', kind, nth: 1 + random(messageSpans[kind]), what }
  })
  some(30, 6, () => ({ goes: 'ack', nth: 1 + random(100) }))
  some(20, 1, () => ({ goes: 'wipe', atMs: random(troubleMs) }))
  some(20, 1, () => ({ goes: 'away', atMs: random(troubleMs), forMs: 1_000 + random(30_000) }))
  return faults
}
