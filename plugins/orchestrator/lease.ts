/**
 * The lease of a run's machine: the lease machine with a provider behind its effects. The actor owns
 * create and destroy, so both survive this process: what was asked is asked again under the same
 * token, and a machine is destroyed for as long as it takes.
 *
 * @module
 */
import { defineActor, ProvError, sleep } from 'prov'
import type { Clock, JsonValue, Log, Machine, Millis, ProviderSpec, Tier } from 'prov'
import { leaseMachine } from 'prov/machines'
import type { LeaseEffect, LeaseFact } from 'prov/machines'
import type { Asked, RunBook } from './book.ts'
import { leaseType } from './lease-address.ts'
import { sshConnection } from './ssh.ts'
import { runErrors } from './errors.ts'

export interface LeaseParts {
  readonly clock: Clock
  readonly log: Log
  /** Rejects with PROV_RUN_PROVIDER_UNKNOWN. */
  readonly provider: (name: string) => Promise<ProviderSpec>
  readonly book: Pick<RunBook, 'get' | 'machineAsked' | 'machineAnswered' | 'epoch' | 'mayLive'>
  /** Fencing epoch under which a run was asked for. */
  readonly epoch: (token: string) => number | undefined
  /** The machine destroys itself when it is not heard of for so long. */
  readonly machineTtlMs: Millis
  /** Hears of each attempt to destroy, so that a stop can wait for it. */
  readonly destroying: (attempt: Promise<unknown>) => void
}

const reachEveryMs: Millis = 250

/** The actor type; a lease's id is the token of its machine. */
export function leaseActor(parts: LeaseParts) {
  const { clock, log, provider, book, machineTtlMs } = parts
  /** Requests of this life whose answer is still to come. */
  const asking = new Set<string>()
  /** Epochs under which machines were asked for in this life. */
  const epochs = new Map<string, number>()

  return defineActor({
    type: leaseType,
    version: 1,
    machine: leaseMachine,
    // A lease that trips over itself waits for a person: its machine may be alive.
    supervision: { onFailure: 'park' },
    effects: {
      grantLease: () => fact({ type: 'lease.granted' }),

      createMachine: async (params: LeaseEffect, { signal }) => {
        const backend = await provider(params.provider)
        const { lease: token, attempt } = params
        const before = book.get(token)?.asked
        if (backend.class !== 'keyed') {
          // Asked in a life that ended: whether it made one is for the probe to say.
          if (before?.attempt === attempt) {
            return fact({ type: 'machine.unknown', code: 'PROV_PROVIDER_UNKNOWN' })
          }
          if (before && !(await mayAskAgain(backend, { before, book, clock, signal }))) {
            return doubtful(backend, log)
          }
          await book.machineAsked(token, { attempt, at: clock.now() })
        }
        asking.add(token)
        const epoch = parts.epoch(token)
        if (epoch !== undefined) epochs.set(token, epoch)
        try {
          const machine = await backend.create({
            token,
            ...(epoch !== undefined && { epoch }),
            tier: params.tier as Tier,
            labels: book.get(token)?.labels ?? {},
            ttlMs: machineTtlMs,
            signal,
          })
          const { ref, host, port } = leased(machine)
          const detail = { provider: backend.name, machine: ref, host, port }
          const message = `it made the machine ${ref}`
          await book.machineAnswered(token, { outcome: 'applied', message, detail })
          return fact({ type: 'machine.created', machine: leased(machine) })
        } catch (thrown) {
          // Prov stops. Asked again under the same token at the next start, a keyed backend gives
          // the same machine; for others the book says that they were asked.
          if (signal.aborted) throw thrown
          // Only a named failure says that nothing was made; everything else is looked up.
          if (!ProvError.is(thrown)) throw thrown
          log.warn(`no machine yet: ${thrown.message}`, { code: thrown.code })
          const { code, disposition } = thrown
          // Another controller goes on with it: whatever is found there is not for this one to use.
          if (isFenced(thrown)) return fact({ type: 'machine.doubtful', code })
          const certain = disposition !== 'unknown' && disposition !== 'retry'
          if (certain) {
            const { name: provider } = backend
            const message = `it made none: ${code}`
            await book.machineAnswered(token, { outcome: 'failed', message, detail: { provider } })
          }
          return fact({ type: certain ? 'machine.refused' : 'machine.unknown', code })
        } finally {
          asking.delete(token)
        }
      },

      findMachine: async (params: LeaseEffect) => {
        const backend = await provider(params.provider)
        const { machine, authoritative } = await backend.find({ token: params.lease })
        if (machine) return fact({ type: 'machine.found', machine: leased(machine) })
        if (asking.has(params.lease) && backend.class !== 'keyed') return null
        // Its "not there" proves nothing, now or later.
        if (backend.class === 'opaque') return doubtful(backend, log)
        return authoritative ? fact({ type: 'machine.absent' }) : null
      },

      reachMachine: async (params: LeaseEffect, { signal }) => {
        const backend = await provider(params.provider)
        while (!signal.aborted) {
          const { machine } = await backend.find({ token: params.lease })
          if (!machine) return fact({ type: 'machine.lost' })
          const refused = await reach(machine, signal)
          // Cut off by the end of Prov: that says nothing about the machine.
          if (signal.aborted) break
          if (refused === undefined) return fact({ type: 'ssh.ready' })
          if (refused.disposition !== 'retry') {
            return fact({ type: 'ssh.refused', code: refused.code })
          }
          await sleep(clock, reachEveryMs, signal).catch(() => {})
        }
        // No answer: it is owed, and tried again at the next start.
        throw signal.reason
      },

      destroyMachine: (params: LeaseEffect) => {
        const attempt = provider(params.provider).then(async (backend) => {
          const { lease: token } = params
          const answer = await destroyed(backend, params, epochs.get(token))
          if (answer.type === 'machine.absent') epochs.delete(token)
          return fact(answer)
        })
        parts.destroying(attempt)
        return attempt
      },

      alarm: ({ lease, code }: LeaseEffect & { readonly code: string | null }) => {
        log.error(`the machine of ${lease} cannot be destroyed; it is tried again`, { code })
      },
    },
  })
}

/**
 * After a negative probe (D-34): yes when the provider itself refuses a second one of that name, or
 * when the process that asked is dead for certain and what it sent has settled; waits for the latter.
 */
async function mayAskAgain(
  backend: ProviderSpec,
  at: {
    readonly before: Asked
    readonly book: Pick<RunBook, 'epoch' | 'mayLive'>
    readonly clock: Clock
    readonly signal: AbortSignal
  },
): Promise<boolean> {
  const { before, book, clock, signal } = at
  if (backend.class === 'opaque') return false
  if (backend.uniqueNames === true) return true
  // The journal has one writer; one that was replaced alive may still be about to ask.
  if (before.epoch >= book.epoch || book.mayLive(before.epoch)) return false
  if (backend.settleMs === undefined) return false
  const leftMs = before.at + backend.settleMs - clock.now()
  if (leftMs > 0) await sleep(clock, leftMs, signal)
  return true
}

function doubtful(backend: ProviderSpec, log: Log): JsonValue {
  const { name: provider } = backend
  const of = backend.class === 'opaque' ? 'PROV_PROVIDER_OPAQUE' : 'PROV_PROVIDER_UNSETTLED'
  const { code, message, remedy } = runErrors[of]({ provider })
  // A machine that nobody knows of costs money.
  log.error(message, { code, remedy })
  return fact({ type: 'machine.doubtful', code })
}

/** Why a machine cannot be used; undefined when it answers. */
async function reach(machine: Machine, signal: AbortSignal): Promise<ProvError | undefined> {
  try {
    const connection = await sshConnection(machine, { signal })
    const { ended } = await connection.run('true', { input: Buffer.alloc(0), limit: 0 })
    connection.close()
    if (ended) return undefined
    const { host } = machine
    return runErrors.PROV_RUN_SSH_UNREACHABLE({ host, why: 'it ran nothing' })
  } catch (thrown) {
    if (ProvError.is(thrown)) return thrown
    throw thrown
  }
}

async function destroyed(
  backend: ProviderSpec,
  params: LeaseEffect,
  epoch: number | undefined,
): Promise<LeaseFact> {
  const { lease: token, ref } = params
  try {
    const id = ref ?? (await backend.find({ token })).machine?.id
    if (id !== undefined) await backend.destroy({ id, ...(epoch !== undefined && { epoch }) })
    const { machine, authoritative } = await backend.find({ token })
    if (machine) return { type: 'machine.found', machine: leased(machine) }
    return { type: authoritative ? 'machine.absent' : 'destroy.accepted' }
  } catch (thrown) {
    if (!ProvError.is(thrown)) throw thrown
    // Whoever took over gives it back.
    if (isFenced(thrown)) return { type: 'machine.absent' }
    return { type: 'destroy.failed', code: thrown.code }
  }
}

const isFenced = ({ code }: ProvError): boolean => code === 'PROV_PROVIDER_FENCED'

/** What the lease may know of a machine: never its key. */
const leased = ({ id, host, port }: Machine) => ({ ref: id, host, port })

/** Checked against the machine's facts, then plain JSON. */
const fact = (known: LeaseFact): JsonValue => known as unknown as JsonValue
