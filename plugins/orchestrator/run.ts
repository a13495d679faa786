/**
 * The walk of one run: forward as the graph allows, and back when a step fails.
 *
 *     steps ──all well──▶ applied
 *       └─ one fails, those under way end ─▶ undo what was done, the last one first ─▶ failed
 *                                                     └─ an undo fails ─▶ unknown, for a person
 *
 * An unknown end is never walked back from: nobody knows what would be taken back.
 *
 * @module
 */
import { crashPoint, ProvError, sleep } from 'prov'
import type { Clock, Millis, OpStep, RunOutcome } from 'prov'
import { retries, retryDelayMs } from 'prov/policies'
import type { RunBook, RunRecord, StepRecord, StepsRequest } from './book.ts'
import { runErrors } from './errors.ts'
import { startWalk } from './graph.ts'
import type { Graph } from './graph.ts'
import { machineLost } from './machine.ts'
import type { Stage } from './machine.ts'
import type { Outputs } from './outputs.ts'
import { priorities } from './slots.ts'
import type { Slots } from './slots.ts'
import { stepKey } from './step.ts'
import type { StepEnd } from './step.ts'
import type { Tasks } from './tasks.ts'

export interface RunParts {
  readonly book: RunBook
  /** Steps under way at once, of all runs together. */
  readonly slots: Slots
  /** Longest time of a step that names none. */
  readonly stepTimeoutMs: Millis
  readonly outputs: Outputs
  readonly tasks: Tasks
  readonly clock: Clock
  readonly signal: AbortSignal
  /** In [0, 1): spreads attempts. */
  readonly random: () => number
}

type Detail = Record<string, string | number | boolean>

/** How many steps of one run wait for a slot at once: more would only fill the queue. */
const ahead = 64

export class Run {
  readonly #request: StepsRequest
  readonly #parts: RunParts
  readonly #record: RunRecord
  readonly #stage: Stage
  #failure: RunOutcome | undefined
  /** Aborts when nothing more may be begun: the run failed, or Prov stops. */
  readonly #noMore = new AbortController()

  constructor(request: StepsRequest, parts: RunParts, record: RunRecord, stage: Stage) {
    this.#request = request
    this.#parts = parts
    this.#record = record
    this.#stage = stage
  }

  /** Rejects when Prov stops or the journal ended: then there is no outcome yet. */
  async walk(graph: Graph): Promise<RunOutcome> {
    const { signal } = this.#parts
    const end = (): void => this.#noMore.abort(signal.reason)
    signal.addEventListener('abort', end, { once: true })
    try {
      // In an earlier life it failed: nothing is begun any more, whatever the graph would allow.
      this.#failure = this.#record.failing
      for (const step of graph.steps) {
        const before = this.#record.done.get(step.id)
        if (before) this.#judge(step, before)
      }
      const done = await this.#forward(graph)
      const failure = await this.#back(graph)
      return failure ?? { outcome: 'applied', detail: this.#detail({ done }) }
    } finally {
      signal.removeEventListener('abort', end)
      await this.#stage.close()
    }
  }

  async #forward(graph: Graph): Promise<number> {
    const walk = startWalk(graph)
    const active = new Set<string>()
    let broken: { readonly reason: unknown } | undefined
    let wake = (): void => {}
    for (;;) {
      while (!broken && active.size < ahead) {
        const step = walk.next()
        if (!step) break
        const before = this.#record.done.get(step.id)
        if (before) {
          if (isGood(before)) walk.ended(step.id)
          continue
        }
        if (this.#failure && !this.#record.started.has(step.id)) continue
        active.add(step.id)
        void this.#step(step)
          .then((good) => {
            if (good) walk.ended(step.id)
          })
          .catch((reason: unknown) => (broken ??= { reason }))
          .finally(() => {
            active.delete(step.id)
            wake()
          })
      }
      if (broken) throw broken.reason
      if (active.size === 0) return walk.done
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  /** True when it ended well; otherwise the run has its failure. */
  async #step(step: OpStep): Promise<boolean> {
    const { book, clock, tasks, random } = this.#parts
    const { token, run } = this.#request
    const before = this.#record.started.has(step.id)
    try {
      await this.#stage.ready()
    } catch (thrown) {
      if (this.#parts.signal.aborted || !ProvError.is(thrown)) throw thrown
      this.#fail(before ? unknownStep(step.id, thrown.message) : thrown, {})
      return false
    }
    let begun = before
    let last: StepRecord | undefined
    for (;;) {
      const attempt = this.#record.attempts.get(step.id) ?? 1
      const end = await this.#slot(run.priority ?? priorities.lowest, begun, async () => {
        if (!this.#record.started.has(step.id)) await book.stepStarted(token, step.id)
        tasks.tell('step.started', this.#request, { step: step.id, attempt })
        return this.#stage.run({
          key: stepKey(token, step.id, attempt),
          script: step.script,
          begun,
          timeoutMs: step.timeoutMs ?? this.#parts.stepTimeoutMs,
          onUnderWay: () => crashPoint('effect.started'),
        })
      })
      if (end === undefined) {
        if (last) await book.stepDone(token, step.id, last)
        return false
      }
      if (end.kind !== 'exit') {
        this.#failBy(step, end)
        return false
      }
      crashPoint('effect.done')
      const log = await this.#parts.outputs.keep(this.#request, step.id, end.output)
      const record = { exit: end.code, late: end.late, log }
      const delayMs = isGood(record) ? undefined : this.#delay(step, record, attempt, random())
      if (delayMs !== undefined) {
        await book.stepAgain(token, step.id, attempt + 1)
        const again = { step: step.id, exit: end.code, attempt: attempt + 1 }
        tasks.tell('step.retried', this.#request, again)
        // The run may fail meanwhile: then there is no other attempt.
        await sleep(clock, delayMs, this.#noMore.signal).catch(() => {})
        this.#parts.signal.throwIfAborted()
        begun = false
        last = record
        if (!this.#failure) continue
      }
      await book.stepDone(token, step.id, record)
      tasks.tell('step.done', this.#request, { step: step.id, exit: end.code })
      return this.#judge(step, record)
    }
  }

  /** Runs it with a slot. Undefined when the run failed before there was one; what was begun goes on. */
  async #slot<T>(priority: number, begun: boolean, work: () => Promise<T>): Promise<T | undefined> {
    const { slots, signal } = this.#parts
    const until = begun ? signal : this.#noMore.signal
    let giveBack: () => void
    try {
      giveBack = await slots.take(priority, until)
    } catch (thrown) {
      if (signal.aborted || !this.#failure) throw thrown
      return undefined
    }
    try {
      if (!begun && this.#failure) return undefined
      return await work()
    } finally {
      giveBack()
    }
  }

  /** How long until the next attempt; undefined when there is none. */
  #delay(step: OpStep, { exit }: StepRecord, attempt: number, random: number): Millis | undefined {
    if (this.#failure || (step.giveUpOn ?? []).includes(exit)) return undefined
    const retry = { ...retries.step, attempts: step.attempts ?? 1 }
    return retryDelayMs(retry, { attempt: attempt + 1, random })
  }

  /** Takes back what was done, each once, the last one first. Answers with the run's failure. */
  async #back({ steps }: Graph): Promise<RunOutcome | undefined> {
    const { book, tasks } = this.#parts
    const { token } = this.#request
    if (this.#failure?.outcome !== 'failed') return this.#failure
    const failure = this.#failure
    const undoOf = new Map(steps.map(({ id, undo }) => [id, undo]))
    const well = [...this.#record.done].filter(([, record]) => isGood(record)).map(([id]) => id)
    const toUndo = well.filter((id) => undoOf.get(id) !== undefined).reverse()
    if (toUndo.length === 0) return failure
    if (!this.#record.failing) await book.failing(token, failure)
    const byId = new Map(steps.map((step) => [step.id, step]))
    for (const id of toUndo) {
      const before = this.#record.undone.get(id)
      const record = before ?? (await this.#undo(byId.get(id) as OpStep))
      const compensated = this.#record.undone.size
      if (!isGood(record)) {
        const { outcome, code, message } = unknownUndo(id, record, failure)
        return { outcome, code, message, detail: { ...failure.detail, undo: id, compensated } }
      }
      if (!before) tasks.tell('step.compensated', this.#request, { step: id })
    }
    const detail = { ...failure.detail, compensated: toUndo.length }
    // What no undo is declared for stays as it is, and the outcome says so.
    const left = well.length - toUndo.length
    return { ...failure, detail: { ...detail, ...(left > 0 && { not_compensated: left }) } }
  }

  /** Its record, or why nobody knows. */
  async #undo(step: OpStep): Promise<StepRecord | string> {
    const { book, slots, signal, outputs } = this.#parts
    const { token } = this.#request
    const giveBack = await slots.take(priorities.undo, signal)
    try {
      try {
        await this.#stage.ready()
      } catch (thrown) {
        if (signal.aborted || !ProvError.is(thrown)) throw thrown
        return thrown.message
      }
      const begun = this.#record.undoing.has(step.id)
      if (!begun) await book.undoStarted(token, step.id)
      const end = await this.#stage.run({
        key: stepKey(token, step.id, 'undo'),
        script: step.undo as string,
        begun,
        timeoutMs: step.timeoutMs ?? this.#parts.stepTimeoutMs,
        onUnderWay: () => crashPoint('undo.started'),
      })
      if (end.kind !== 'exit') return end.why
      crashPoint('undo.done')
      const log = await outputs.keep(this.#request, `${step.id}.undo`, end.output)
      const record = { exit: end.code, late: end.late, log }
      await book.undoDone(token, step.id, record)
      return record
    } finally {
      giveBack()
    }
  }

  #judge(step: OpStep, record: StepRecord): boolean {
    if (isGood(record)) return true
    const { exit, late, log } = record
    const timeoutMs = step.timeoutMs ?? this.#parts.stepTimeoutMs
    const error = late
      ? runErrors.PROV_RUN_STEP_TIMEOUT({ step: step.id, timeoutMs, log })
      : runErrors.PROV_RUN_STEP_FAILED({ step: step.id, exit, log })
    this.#fail(error, { step: step.id, exit, log })
    return false
  }

  #failBy({ id }: OpStep, end: Exclude<StepEnd, { kind: 'exit' }>): void {
    const { why } = end
    if (end.kind === 'unknown') return this.#fail(unknownStep(id, why), { step: id })
    if (end.kind === 'unable') {
      return this.#fail(runErrors.PROV_RUN_STEP_UNABLE({ step: id, why }), { step: id, why })
    }
    const provider = { name: this.#request.run.provider }
    this.#fail(machineLost(provider, this.#request, this.#record.done.size), { step: id, why })
  }

  /** The first failure is the run's; an unknown one outweighs it. */
  #fail(error: ProvError, detail: Detail): void {
    const unknown = error.disposition === 'unknown'
    this.#noMore.abort()
    if (this.#failure && !(unknown && this.#failure.outcome === 'failed')) return
    this.#failure = {
      outcome: unknown ? 'unknown' : 'failed',
      code: error.code,
      message: error.message,
      detail: this.#detail({ done: this.#record.done.size, ...detail }),
    }
  }

  #detail(more: Detail): Detail {
    const { provider, steps } = this.#request.run
    return { provider, steps: steps.length, ...this.#stage.facts(), ...more }
  }
}

const isGood = (record: StepRecord | string): record is StepRecord =>
  typeof record !== 'string' && record.exit === 0 && !record.late

const unknownStep = (step: string, why: string): ProvError =>
  runErrors.PROV_PROVIDER_STEP_UNKNOWN({ step, why })

function unknownUndo(step: string, record: StepRecord | string, failure: RunOutcome) {
  const why =
    typeof record === 'string'
      ? record
      : record.late
        ? `it was ended for taking too long, see ${record.log}`
        : `it ended with exit code ${record.exit}, see ${record.log}`
  const because = failure.outcome === 'applied' ? '' : failure.code
  const { code, message } = runErrors.PROV_RUN_UNDO_FAILED({ step, why, because })
  return { outcome: 'unknown', code, message } as const
}
