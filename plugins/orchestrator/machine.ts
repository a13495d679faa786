/**
 * The machine of one run, from its lease to its release: got when the first step needs it, found again
 * by later lives, given back whatever became of the steps.
 *
 * @module
 */
import type { ActorRef, ActorSystem, Clock, Count, Millis, ProviderSpec } from 'prov'
import type { LeaseContext, LeaseEvent } from 'prov/machines'
import type { RunRecord, StepsRequest } from './book.ts'
import { runErrors } from './errors.ts'
import { leaseAddress } from './lease-address.ts'
import type { leaseActor } from './lease.ts'
import { machineLink, runStep } from './step.ts'
import type { Link, StepEnd } from './step.ts'

export type LeaseRef = ActorRef<LeaseContext, LeaseEvent>

/** A script under its key. */
export interface StepWork {
  readonly key: string
  readonly script: string
  /** True when an earlier life may have begun it. */
  readonly begun: boolean
  readonly timeoutMs: Millis
  /** The machine said that it runs. */
  readonly onUnderWay: () => void
}

/** Where the scripts of a run go. */
export interface Stage {
  /**
   * Resolves once scripts can run. Throws PROV_RUN_NO_MACHINE, PROV_RUN_MACHINE_LOST and, when
   * nobody knows whether there is a machine, PROV_PROVIDER_OPAQUE, PROV_PROVIDER_UNSETTLED or
   * PROV_RUN_FENCED.
   */
  ready(): Promise<void>
  run(work: StepWork): Promise<StepEnd>
  /** What is worth knowing of it, for outcomes. */
  facts(): Readonly<Record<string, string>>
  /** Ends the connection; what runs goes on. */
  close(): Promise<void>
  /** Lets it go. Not waited for: a lease destroys for as long as that takes. */
  release(): Promise<void>
}

export interface MachineParts {
  readonly actors: ActorSystem
  readonly lease: ReturnType<typeof leaseActor>
  readonly backend: ProviderSpec
  readonly request: StepsRequest
  readonly record: RunRecord
  /** Longest time of a step that names none. */
  readonly stepTimeoutMs: Millis
  readonly clock: Clock
  readonly signal: AbortSignal
}

export function leasedMachine(parts: MachineParts): Stage {
  const { actors, backend, request, record, clock, signal } = parts
  const { token } = request
  const facts: Record<string, string> = {}
  let link: Promise<Link> | undefined

  const open = async (): Promise<Link> => {
    const known = actors.ref(leaseAddress(token)) as LeaseRef | undefined
    const ref = known ?? (await spawnLease(parts))
    const snapshot = await leaseSettled(ref, signal)
    if (snapshot.value === 'ready') await ref.apply({ type: 'lease.taken', holder: request.op })
    else if (!isInUse(snapshot.value)) throw noMachine(parts, snapshot)
    const { machine } = await backend.find({ token })
    if (machine) Object.assign(facts, { machine: machine.id, isolation: machine.isolation })
    return machineLink({ find: () => backend.find({ token }), signal })
  }

  return {
    facts: () => facts,
    async ready() {
      link ??= open()
      await link
    },
    async run(work) {
      link ??= open()
      return runStep({ link: await link, ...work, clock, signal })
    },
    async close() {
      const made = await link?.catch(() => undefined)
      made?.close()
    },
    release: () => releaseLease(actors, token),
  }

  function noMachine(
    { request }: MachineParts,
    { value, context }: ReturnType<LeaseRef['snapshot']>,
  ) {
    const { provider } = request.run
    const code = context.code ?? 'PROV_LEASE_MACHINE_LOST'
    if (value === 'doubtful') {
      if (code === 'PROV_PROVIDER_FENCED') return runErrors.PROV_RUN_FENCED({ provider })
      return code === 'PROV_PROVIDER_OPAQUE'
        ? runErrors.PROV_PROVIDER_OPAQUE({ provider })
        : runErrors.PROV_PROVIDER_UNSETTLED({ provider })
    }
    if (record.started.size > 0) return machineLost(parts.backend, request, record.done.size)
    return runErrors.PROV_RUN_NO_MACHINE({ provider, code })
  }
}

export function machineLost(
  { name }: { readonly name: string },
  { run }: StepsRequest,
  done: Count,
) {
  return runErrors.PROV_RUN_MACHINE_LOST({ provider: name, done, steps: run.steps.length })
}

const quickLook = { keyed: 1_000, probeable: 10_000, opaque: 10_000 } as const

function spawnLease({ actors, lease, backend, request, stepTimeoutMs }: MachineParts) {
  const { token, op, run } = request
  // Each script may run so often, and its undo once.
  const longest = run.steps.reduce(
    (sum, { timeoutMs = stepTimeoutMs, attempts = 1, undo }) =>
      sum + timeoutMs * (attempts + (undo === undefined ? 0 : 1)),
    0,
  )
  // Holder and lease live and die together, so only the longest use ends a lease from outside.
  const ttlMs = Math.max(3_600_000, 2 * longest)
  // Where "not there" is certain at once, a second look need not wait long.
  const lookMs = quickLook[backend.class]
  const limits = { ttlMs, heartbeatMs: ttlMs, probeMs: lookMs, destroyRetryMs: lookMs }
  const input = { id: token, provider: run.provider, tier: run.tier ?? 's', for: op, limits }
  return actors.spawn(lease, token, input)
}

const isInUse = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'in-use' in value

const onTheWay = new Set<unknown>(['requested', 'creating', 'probing', 'absent', 'waiting-ssh'])

/** Resolves once the lease has a machine that answers, or never will. */
function leaseSettled(
  ref: LeaseRef,
  signal: AbortSignal,
): Promise<ReturnType<LeaseRef['snapshot']>> {
  return new Promise((resolve, reject) => {
    const look = (snapshot: ReturnType<LeaseRef['snapshot']>): void => {
      if (onTheWay.has(snapshot.value) && snapshot.status === 'active') return
      stop()
      signal.removeEventListener('abort', abort)
      resolve(snapshot)
    }
    const abort = (): void => {
      stop()
      reject(signal.reason as Error)
    }
    const stop = ref.changes(look)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    look(ref.snapshot())
  })
}

/** Ends the use of a lease, whoever holds it. Nothing to do for one that is over. */
export async function releaseLease(actors: ActorSystem, token: string): Promise<void> {
  const ref = actors.ref(leaseAddress(token))
  if (!ref || ref.snapshot().status !== 'active') return
  const { holder } = ref.snapshot().context as LeaseContext
  // Refused when it ended in between, which is what was wanted.
  const event: LeaseEvent =
    holder === null
      ? { type: 'lease.destroy', why: 'the run ended' }
      : { type: 'lease.released', holder }
  await ref.apply(event).catch(() => undefined)
}
