/**
 * A lease of one machine at a provider. It is written for the worst minute: the process dies between
 * "create accepted" and "id on disk", the answer is lost, a person deletes the machine by hand. Every
 * effect is keyed by the lease id, so asking twice makes one machine.
 *
 *     requested ─▶ creating ─▶ waiting-ssh ─▶ ready ─▶ in-use
 *         │         │    ▲          │           │        │
 *         │         ▼    │          └───────────┴────────┴──▶ destroying ──▶ destroyed
 *         │       probing           any of them: destroy,        │   ▲
 *         ▼         │               lost, too late               ▼   │
 *      rejected ◀───┤ foreign                                quarantined
 *      doubtful ◀───┘ nobody can say
 *
 * L1  Nothing is created before `creating` is on disk; the machine's name comes from the lease id.
 * L2  A lost answer is never guessed: `probing` asks the provider, and only two absences in a row
 *     mean that nothing was made. Where not even they prove it, it ends `doubtful`, for a person: the
 *     provider is not asked a second time.
 * L3  Destroy asked while creating or probing is kept (`destroyAsked`) and carried out once it is
 *     known whether there is something to destroy: a forgotten machine costs money.
 * L4  `destroyed` needs two absences as well. Destroying is retried for ever; after a while it goes
 *     on from `quarantined`, where a person can see it.
 * L5  Every state but the final ones has a timer or an effect under way: nothing waits for ever.
 * L6  One holder, once: a lease that was in use is destroyed, never handed out again.
 *
 * The file is long because a statechart that is cut in two cannot be read.
 *
 * @module
 */
import { assign, raise, setup } from 'xstate'
import type { EffectAnswer } from './answer.ts'
import { errorIn, factIn } from './answer.ts'

/** How long each state may last, in ms. */
export interface LeaseLimits {
  readonly grantMs: number
  readonly createMs: number
  readonly probeMs: number
  readonly bootMs: number
  readonly idleMs: number
  readonly heartbeatMs: number
  /** The longest use, whatever the heartbeats say. */
  readonly ttlMs: number
  /** Between two attempts to destroy, or to see the machine gone. */
  readonly destroyRetryMs: number
  /** Attempts to destroy before a person is told. */
  readonly destroyAttempts: number
  readonly quarantineRetryMs: number
}

export const leaseLimits: LeaseLimits = {
  grantMs: 30_000,
  createMs: 60_000,
  probeMs: 15_000,
  bootMs: 180_000,
  idleMs: 600_000,
  heartbeatMs: 180_000,
  ttlMs: 3_600_000,
  destroyRetryMs: 10_000,
  destroyAttempts: 30,
  quarantineRetryMs: 600_000,
}

export interface LeaseInput {
  readonly id: string
  readonly provider: string
  /** Size of the machine, see D-5. */
  readonly tier: string
  /** Who asked: the operation or build. */
  readonly for: string
  readonly limits?: Partial<LeaseLimits>
}

/** What is known of the machine. Never a secret: keys stay with the provider backend. */
export interface LeasedMachine {
  readonly ref: string
  readonly host: string | null
  readonly port: number | null
}

export interface LeaseContext {
  readonly id: string
  readonly provider: string
  readonly tier: string
  readonly for: string
  readonly limits: LeaseLimits
  readonly machine: LeasedMachine | null
  readonly holder: string | null
  /** How often create was asked for. */
  readonly attempt: number
  /** How often the provider was asked in a row and had no such machine. */
  readonly absences: number
  readonly destroyAttempt: number
  /** Why it shall go, once somebody asked; kept while it cannot be carried out yet. */
  readonly destroyAsked: string | null
  /** What went wrong, as an error code; null while nothing did. */
  readonly code: string | null
}

export type LeaseFact =
  /** There is room and budget for it. */
  | { readonly type: 'lease.granted' }
  | { readonly type: 'lease.refused'; readonly code: string }
  | { readonly type: 'machine.created'; readonly machine: LeasedMachine }
  /** The provider said no, and nothing was made. */
  | { readonly type: 'machine.refused'; readonly code: string }
  /** The answer was lost: there may be a machine. */
  | { readonly type: 'machine.unknown'; readonly code: string }
  | { readonly type: 'machine.found'; readonly machine: LeasedMachine }
  | { readonly type: 'machine.absent' }
  /** There may be a machine, or come to be one, and this provider cannot tell. */
  | { readonly type: 'machine.doubtful'; readonly code: string }
  /** Something has our name and is not ours: it is neither used nor destroyed. */
  | { readonly type: 'machine.foreign' }
  /** It was there and is not any more, and not by us. */
  | { readonly type: 'machine.lost' }
  | { readonly type: 'ssh.ready' }
  /** Reached, but it is not the machine that was made: wrong host key. */
  | { readonly type: 'ssh.refused'; readonly code: string }
  | { readonly type: 'destroy.accepted' }
  | { readonly type: 'destroy.failed'; readonly code: string }

export type LeaseEvent =
  | LeaseFact
  | { readonly type: 'lease.taken'; readonly holder: string }
  | { readonly type: 'lease.heartbeat'; readonly holder: string }
  | { readonly type: 'lease.released'; readonly holder: string }
  | { readonly type: 'lease.destroy'; readonly why: string }
  | { readonly type: 'lease.retry' }
  | EffectAnswer

const factTypes: readonly LeaseFact['type'][] = [
  'lease.granted',
  'lease.refused',
  'machine.created',
  'machine.refused',
  'machine.unknown',
  'machine.found',
  'machine.absent',
  'machine.doubtful',
  'machine.foreign',
  'machine.lost',
  'ssh.ready',
  'ssh.refused',
  'destroy.accepted',
  'destroy.failed',
]

/** Codes that the lease itself gives; others come from the provider. */
export const leaseCodes = {
  grant: 'PROV_LEASE_NOT_GRANTED',
  foreign: 'PROV_LEASE_NAME_TAKEN',
  boot: 'PROV_LEASE_SSH_TIMEOUT',
  lost: 'PROV_LEASE_MACHINE_LOST',
  heartbeat: 'PROV_LEASE_HEARTBEAT_LOST',
  ttl: 'PROV_LEASE_TTL_SPENT',
} as const

/** Every effect that the machine names; see `ownEffects`. */
export const leaseEffects = [
  'grantLease',
  'createMachine',
  'findMachine',
  'reachMachine',
  'destroyMachine',
  'alarm',
] as const

/** What effect handlers get. `lease` is the same at every attempt: that makes asking twice safe. */
export interface LeaseEffect {
  readonly lease: string
  readonly provider: string
  readonly tier: string
  readonly attempt: number
  readonly ref: string | null
}

const effect = ({ context }: { readonly context: LeaseContext }): LeaseEffect => ({
  lease: context.id,
  provider: context.provider,
  tier: context.tier,
  attempt: context.attempt,
  ref: context.machine?.ref ?? null,
})

export const leaseMachine = setup({
  types: {
    input: {} as LeaseInput,
    context: {} as LeaseContext,
    events: {} as LeaseEvent,
    output: {} as { readonly code: string | null; readonly why: string | null },
  },
  guards: {
    isHolder: ({ context, event }) =>
      (event.type === 'lease.released' || event.type === 'lease.heartbeat') &&
      event.holder === context.holder,
    destroyAsked: ({ context }) => context.destroyAsked !== null,
    secondAbsence: ({ context }) => context.absences >= 1,
    destroysInVain: ({ context }) => context.destroyAttempt >= context.limits.destroyAttempts,
    bringsFact: ({ event }) => factIn<LeaseFact>(event, factTypes) !== undefined,
  },
  delays: {
    grant: ({ context }) => context.limits.grantMs,
    create: ({ context }) => context.limits.createMs,
    probe: ({ context }) => context.limits.probeMs,
    boot: ({ context }) => context.limits.bootMs,
    idle: ({ context }) => context.limits.idleMs,
    heartbeat: ({ context }) => context.limits.heartbeatMs,
    ttl: ({ context }) => context.limits.ttlMs,
    destroyRetry: ({ context }) => context.limits.destroyRetryMs,
    quarantineRetry: ({ context }) => context.limits.quarantineRetryMs,
  },
  actions: {
    // Effects. The machine names them, the provider's plugin supplies them.
    grantLease: (_step, _params: LeaseEffect) => {},
    createMachine: (_step, _params: LeaseEffect) => {},
    findMachine: (_step, _params: LeaseEffect) => {},
    reachMachine: (_step, _params: LeaseEffect) => {},
    destroyMachine: (_step, _params: LeaseEffect) => {},
    alarm: (_step, _params: LeaseEffect & { readonly code: string | null }) => {},

    answer: raise(({ event }) => factIn<LeaseFact>(event, factTypes) as LeaseFact),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1, absences: 0 }),
    countAbsence: assign({ absences: ({ context }) => context.absences + 1 }),
    countDestroy: assign({ destroyAttempt: ({ context }) => context.destroyAttempt + 1 }),
    beginDestroy: assign({ absences: 0, destroyAttempt: 0 }),
    seen: assign({ absences: 0 }),
    keepMachine: assign(({ event }) =>
      event.type === 'machine.created' || event.type === 'machine.found'
        ? { machine: event.machine, absences: 0 }
        : {},
    ),
    handOut: assign(({ event }) => (event.type === 'lease.taken' ? { holder: event.holder } : {})),
    askDestroy: assign(({ context, event }) =>
      event.type === 'lease.destroy' ? { destroyAsked: context.destroyAsked ?? event.why } : {},
    ),
    asked: assign(({ context }, why: string) => ({ destroyAsked: context.destroyAsked ?? why })),
    noteCode: assign(({ event }) =>
      'code' in event ? { code: event.code } : { code: errorIn(event)?.code ?? null },
    ),
    fault: assign((_, code: string) => ({ code })),
  },
}).createMachine({
  id: 'lease',
  context: ({ input }) => ({
    id: input.id,
    provider: input.provider,
    tier: input.tier,
    for: input.for,
    limits: { ...leaseLimits, ...input.limits },
    machine: null,
    holder: null,
    attempt: 0,
    absences: 0,
    destroyAttempt: 0,
    destroyAsked: null,
    code: null,
  }),
  initial: 'requested',
  on: {
    'effect.done.*': { guard: 'bringsFact', actions: 'answer' },
    'lease.destroy': { target: '.destroying', actions: ['askDestroy', 'beginDestroy'] },
    'machine.lost': {
      target: '.destroying',
      actions: ['beginDestroy', { type: 'fault', params: leaseCodes.lost }],
    },
  },
  states: {
    requested: {
      entry: { type: 'grantLease', params: effect },
      after: {
        grant: { target: 'rejected', actions: { type: 'fault', params: leaseCodes.grant } },
      },
      on: {
        'lease.granted': 'creating',
        'lease.refused': { target: 'rejected', actions: 'noteCode' },
        // Nothing was asked of the provider yet.
        'lease.destroy': { target: 'destroyed', actions: 'askDestroy' },
        'machine.lost': {},
      },
    },
    creating: {
      entry: ['countAttempt', { type: 'createMachine', params: effect }],
      after: { create: 'probing' },
      on: {
        'machine.created': [
          { guard: 'destroyAsked', target: 'destroying', actions: ['keepMachine', 'beginDestroy'] },
          { target: 'waiting-ssh', actions: 'keepMachine' },
        ],
        'machine.refused': { target: 'rejected', actions: 'noteCode' },
        'machine.unknown': { target: 'probing', actions: 'noteCode' },
        'machine.doubtful': { target: 'doubtful', actions: 'noteCode' },
        'effect.failed.createMachine': { target: 'probing', actions: 'noteCode' },
        'lease.destroy': { actions: 'askDestroy' },
        'machine.lost': {},
      },
    },
    probing: {
      entry: { type: 'findMachine', params: effect },
      after: { probe: { target: 'probing', reenter: true } },
      on: {
        'machine.found': [
          { guard: 'destroyAsked', target: 'destroying', actions: ['keepMachine', 'beginDestroy'] },
          { target: 'waiting-ssh', actions: 'keepMachine' },
        ],
        // The first answer, come late after all.
        'machine.created': [
          { guard: 'destroyAsked', target: 'destroying', actions: ['keepMachine', 'beginDestroy'] },
          { target: 'waiting-ssh', actions: 'keepMachine' },
        ],
        // The second look comes after the probe delay, not at once: create may still be under way.
        'machine.absent': [
          { guard: 'secondAbsence', target: 'absent' },
          { actions: 'countAbsence' },
        ],
        'machine.doubtful': { target: 'doubtful', actions: 'noteCode' },
        'machine.foreign': {
          target: 'rejected',
          actions: { type: 'fault', params: leaseCodes.foreign },
        },
        'lease.destroy': { actions: 'askDestroy' },
        'machine.lost': {},
      },
    },
    // Passed through: nothing was made, so either that was wanted or it is asked for again.
    absent: {
      always: [{ guard: 'destroyAsked', target: 'destroyed' }, { target: 'creating' }],
    },
    'waiting-ssh': {
      entry: { type: 'reachMachine', params: effect },
      after: {
        boot: {
          target: 'destroying',
          actions: ['beginDestroy', { type: 'fault', params: leaseCodes.boot }],
        },
      },
      on: {
        'ssh.ready': 'ready',
        'ssh.refused': { target: 'destroying', actions: ['beginDestroy', 'noteCode'] },
      },
    },
    ready: {
      after: {
        idle: {
          target: 'destroying',
          actions: ['beginDestroy', { type: 'asked', params: 'nobody took it' }],
        },
      },
      on: { 'lease.taken': { target: 'in-use', actions: 'handOut' } },
    },
    'in-use': {
      after: {
        ttl: {
          target: 'destroying',
          actions: ['beginDestroy', { type: 'fault', params: leaseCodes.ttl }],
        },
      },
      on: {
        'lease.released': {
          guard: 'isHolder',
          target: 'destroying',
          actions: ['beginDestroy', { type: 'asked', params: 'released' }],
        },
      },
      // A state inside, so that a heartbeat starts its own clock again and not that of the TTL.
      initial: 'heard',
      states: {
        heard: {
          after: {
            heartbeat: {
              target: '#lease.destroying',
              actions: ['beginDestroy', { type: 'fault', params: leaseCodes.heartbeat }],
            },
          },
          on: { 'lease.heartbeat': { guard: 'isHolder', target: 'heard', reenter: true } },
        },
      },
    },
    destroying: {
      entry: ['countDestroy', { type: 'destroyMachine', params: effect }],
      after: {
        destroyRetry: [
          { guard: 'destroysInVain', target: 'quarantined' },
          { target: 'destroying', reenter: true },
        ],
      },
      on: {
        'machine.absent': [
          { guard: 'secondAbsence', target: 'destroyed' },
          { actions: 'countAbsence' },
        ],
        'machine.found': { actions: 'seen' },
        'destroy.failed': { actions: 'noteCode' },
        'effect.failed.destroyMachine': { actions: 'noteCode' },
        'lease.destroy': { actions: 'askDestroy' },
        'machine.lost': {},
      },
    },
    quarantined: {
      entry: {
        type: 'alarm',
        params: ({ context }) => ({ ...effect({ context }), code: context.code }),
      },
      after: { quarantineRetry: { target: 'destroying', actions: 'beginDestroy' } },
      on: {
        'lease.retry': { target: 'destroying', actions: 'beginDestroy' },
        'machine.absent': [
          { guard: 'secondAbsence', target: 'destroyed' },
          { actions: 'countAbsence' },
        ],
        'lease.destroy': { actions: 'askDestroy' },
        'machine.lost': {},
      },
    },
    destroyed: { type: 'final' },
    rejected: { type: 'final' },
    doubtful: { type: 'final' },
  },
  output: ({ context }) => ({ code: context.code, why: context.destroyAsked }),
})
