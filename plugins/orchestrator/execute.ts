/**
 * One run from its token to its outcome:
 *
 *     page in the book ─▶ lease ─▶ steps, as the graph allows ─▶ outcome in the book ─▶ release
 *
 * Called again with the same token it goes on behind what the book says is done; a step that may
 * have been begun is asked for under its old key, and the machine itself answers once.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { crashPoint, errorRecord, ProvError } from 'prov'
import type {
  ActorRef,
  ActorSystem,
  Clock,
  Log,
  Millis,
  OpStep,
  ProviderSpec,
  RunOutcome,
} from 'prov'
import type { LeaseContext, LeaseEvent } from 'prov/machines'
import type { RunBook, RunRecord, StepRecord, StepsRequest } from './book.ts'
import { runErrors } from './errors.ts'
import { startWalk, stepGraph } from './graph.ts'
import { leaseAddress } from './lease.ts'
import type { leaseActor } from './lease.ts'
import { machineLink, runStep, stepKey } from './step.ts'
import type { Link } from './step.ts'

export type LeaseRef = ActorRef<LeaseContext, LeaseEvent>

export interface RunParts {
  readonly book: RunBook
  readonly actors: ActorSystem
  readonly lease: ReturnType<typeof leaseActor>
  /** Rejects with PROV_RUN_PROVIDER_UNKNOWN. */
  readonly provider: (name: string) => Promise<ProviderSpec>
  /** Steps under way at once, within one run. */
  readonly parallel: number
  /** Longest time of a step that names none. */
  readonly stepTimeoutMs: Millis
  /** Folder of outputs, and the workspace that it is shown relative to. */
  readonly outputs: { readonly dir: string; readonly root: string }
  /** Tells whoever listens; nothing waits for it. */
  readonly tell: (event: string, body: Readonly<Record<string, string | number>>) => void
  readonly clock: Clock
  readonly log: Log
  readonly signal: AbortSignal
}

type Detail = Record<string, string | number | boolean>

/**
 * Rejects with PROV_RUN_STOPPING when Prov ends meanwhile, with PROV_RUN_TOKEN_REUSED when the token
 * stands for another graph, and with what ended the journal; every other end is an outcome.
 */
export async function execute(request: StepsRequest, parts: RunParts): Promise<RunOutcome> {
  const { book, signal } = parts
  const ended = book.find(request)?.outcome
  if (ended) return ended
  try {
    const graph = stepGraph(request.run.steps)
    const backend = await parts.provider(request.run.provider)
    const tier = request.run.tier ?? 's'
    if (!(await backend.tiers(tier))) {
      throw runErrors.PROV_RUN_TIER_UNKNOWN({ provider: backend.name, tier })
    }
    const record = await book.begin(request)
    const run = new Run(request, parts, record, backend)
    const outcome = await run.walk(startWalk(graph))
    await book.ended(request.token, outcome)
    await run.release()
    return outcome
  } catch (thrown) {
    if (signal.aborted) throw runErrors.PROV_RUN_STOPPING({ op: request.op }, { cause: thrown })
    if (!ProvError.is(thrown) || thrown.code.startsWith('PROV_JOURNAL_')) throw thrown
    const { code, message } = errorRecord(thrown)
    const begun = (book.get(request.token)?.started.size ?? 0) > 0
    // In an earlier life a step may have run; else it was refused before a provider was asked.
    return {
      outcome: begun ? 'unknown' : 'failed',
      code,
      message,
      detail: { provider: request.run.provider },
    }
  }
}

class Run {
  readonly #request: StepsRequest
  readonly #parts: RunParts
  readonly #record: RunRecord
  readonly #backend: ProviderSpec
  readonly #detail: Detail
  #link: Promise<Link> | undefined
  #failure: RunOutcome | undefined

  constructor(request: StepsRequest, parts: RunParts, record: RunRecord, backend: ProviderSpec) {
    this.#request = request
    this.#parts = parts
    this.#record = record
    this.#backend = backend
    this.#detail = { provider: backend.name, steps: request.run.steps.length }
  }

  async walk(walk: ReturnType<typeof startWalk>): Promise<RunOutcome> {
    const active = new Map<string, Promise<void>>()
    const { parallel } = this.#parts
    for (;;) {
      while (this.#failure === undefined && active.size < parallel) {
        const step = walk.next()
        if (!step) break
        const before = this.#record.done.get(step.id)
        if (before) {
          if (this.#judge(step, before)) walk.ended(step.id)
          continue
        }
        const work = this.#step(step, walk.done).then((good) => {
          if (good) walk.ended(step.id)
          active.delete(step.id)
        })
        active.set(step.id, work)
      }
      if (active.size === 0) break
      // One that rejects (Prov stops, the journal ended) ends the run without an outcome.
      await Promise.race(active.values())
    }
    const link = await this.#link?.catch(() => undefined)
    link?.close()
    if (this.#failure) return this.#failure
    return { outcome: 'applied', detail: { ...this.#detail, done: walk.done } }
  }

  /** True when it ended well; otherwise the run has its failure. */
  async #step(step: OpStep, done: number): Promise<boolean> {
    const { book, clock, signal, stepTimeoutMs, tell } = this.#parts
    const { token, op } = this.#request
    let link: Link
    try {
      this.#link ??= this.#open(done)
      link = await this.#link
    } catch (thrown) {
      if (signal.aborted || !ProvError.is(thrown)) throw thrown
      const begun = this.#record.started.has(step.id)
      this.#fail(begun ? unknownStep(step.id, thrown.message) : thrown, {})
      return false
    }
    const begun = this.#record.started.has(step.id)
    if (!begun) await book.stepStarted(token, step.id)
    tell('step.started', { op, step: step.id })
    const end = await runStep({
      link,
      token,
      step,
      begun,
      clock,
      signal,
      timeoutMs: step.timeoutMs ?? stepTimeoutMs,
      onUnderWay: () => crashPoint('effect.started'),
    })
    if (end.kind === 'unknown') {
      this.#fail(unknownStep(step.id, end.why), { step: step.id })
      return false
    }
    if (end.kind === 'unable') {
      const why = { step: step.id, why: end.why }
      this.#fail(runErrors.PROV_RUN_STEP_UNABLE(why), why)
      return false
    }
    if (end.kind === 'gone') {
      this.#fail(this.#lost(done), { step: step.id, why: end.why })
      return false
    }
    crashPoint('effect.done')
    const log = await this.#keep(step.id, end.output)
    const record = { exit: end.code, late: end.late, log }
    await book.stepDone(token, step.id, record)
    tell('step.done', { op, step: step.id, exit: end.code })
    return this.#judge(step, record)
  }

  #judge(step: OpStep, { exit, late, log }: StepRecord): boolean {
    if (exit === 0 && !late) return true
    const { stepTimeoutMs } = this.#parts
    const timeoutMs = step.timeoutMs ?? stepTimeoutMs
    const error = late
      ? runErrors.PROV_RUN_STEP_TIMEOUT({ step: step.id, timeoutMs, log })
      : runErrors.PROV_RUN_STEP_FAILED({ step: step.id, exit, log })
    this.#fail(error, { step: step.id, exit, log })
    return false
  }

  /** The first failure is the run's; an unknown one outweighs it. */
  #fail(error: ProvError, detail: Detail): void {
    const unknown = error.disposition === 'unknown'
    if (this.#failure && !(unknown && this.#failure.outcome === 'failed')) return
    this.#failure = {
      outcome: unknown ? 'unknown' : 'failed',
      code: error.code,
      message: error.message,
      detail: { ...this.#detail, done: this.#record.done.size, ...detail },
    }
  }

  #lost(done: number): ProvError {
    const { steps } = this.#request.run
    const provider = this.#backend.name
    return runErrors.PROV_RUN_MACHINE_LOST({ provider, done, steps: steps.length })
  }

  /** Gets the machine through its lease. Throws PROV_RUN_NO_MACHINE, PROV_RUN_MACHINE_LOST. */
  async #open(done: number): Promise<Link> {
    const { actors, signal } = this.#parts
    const { token, op, run } = this.#request
    const known = actors.ref(leaseAddress(token)) as LeaseRef | undefined
    const ref = known ?? (await this.#lease())
    const snapshot = await leaseSettled(ref, signal)
    if (snapshot.value === 'ready') {
      await ref.apply({ type: 'lease.taken', holder: op })
    } else if (!isInUse(snapshot.value)) {
      if (this.#record.started.size > 0) throw this.#lost(done)
      const code = snapshot.context.code ?? 'PROV_LEASE_MACHINE_LOST'
      throw runErrors.PROV_RUN_NO_MACHINE({ provider: run.provider, code })
    }
    const { machine } = await this.#backend.find({ token })
    if (machine) {
      this.#detail['machine'] = machine.id
      this.#detail['isolation'] = machine.isolation
    }
    return machineLink({ find: () => this.#backend.find({ token }), signal })
  }

  async #lease(): Promise<LeaseRef> {
    const { actors, lease, stepTimeoutMs } = this.#parts
    const { token, op, run } = this.#request
    const longest = run.steps.reduce((sum, step) => sum + (step.timeoutMs ?? stepTimeoutMs), 0)
    // Holder and lease live and die together, so only the longest use ends a lease from outside.
    const ttlMs = Math.max(3_600_000, 2 * longest)
    // Where "not there" is certain at once, a second look need not wait long.
    const lookMs = quickLook[this.#backend.class]
    const limits = { ttlMs, heartbeatMs: ttlMs, probeMs: lookMs, destroyRetryMs: lookMs }
    const input = { id: token, provider: run.provider, tier: run.tier ?? 's', for: op, limits }
    return actors.spawn(lease, token, input)
  }

  /** Lets the machine go. The lease destroys it, for as long as that takes. */
  async release(): Promise<void> {
    await releaseLease(this.#parts.actors, this.#request.token)
  }

  /** Puts the output where a person finds it; it is never in journal or ledger. */
  async #keep(step: string, output: Buffer): Promise<string> {
    const { dir, root } = this.#parts.outputs
    const { op, token } = this.#request
    const name = `${op.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 64)}-${stepKey(token, '').slice(0, 8)}`
    const file = join(dir, name, `${step}.log`)
    try {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await writeFile(file, output, { mode: 0o600 })
    } catch (error) {
      this.#parts.log.warn(`the output of ${step} could not be kept`, { why: String(error) })
    }
    return relative(root, file)
  }
}

const quickLook = { keyed: 1_000, probeable: 10_000, opaque: 10_000 } as const

const unknownStep = (step: string, why: string): ProvError =>
  runErrors.PROV_PROVIDER_STEP_UNKNOWN({ step, why })

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
