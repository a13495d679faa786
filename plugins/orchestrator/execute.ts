/**
 * One run from its token to its outcome:
 *
 *     page in the book ─▶ machine ─▶ steps, as the graph allows ─▶ outcome in the book ─▶ release
 *
 * Called again with the same token it goes on behind what the book says is done; a step that may
 * have been begun is asked for under its old key, and the machine itself answers once.
 *
 * @module
 */
import { errorRecord, ProvError } from 'prov'
import type { ProviderSpec, RunOutcome } from 'prov'
import type { RunRecord, StepsRequest } from './book.ts'
import { runErrors } from './errors.ts'
import { stepGraph } from './graph.ts'
import type { Stage } from './machine.ts'
import { Run } from './run.ts'
import type { RunParts } from './run.ts'

export interface ExecuteParts extends RunParts {
  /** Rejects with PROV_RUN_PROVIDER_UNKNOWN. */
  readonly provider: (name: string) => Promise<ProviderSpec>
  readonly stage: (request: StepsRequest, record: RunRecord, backend: ProviderSpec) => Stage
}

/**
 * Rejects with PROV_RUN_STOPPING when Prov ends meanwhile, with PROV_RUN_TOKEN_REUSED when the token
 * stands for another graph, and with what ended the journal; every other end is an outcome.
 */
export async function execute(request: StepsRequest, parts: ExecuteParts): Promise<RunOutcome> {
  const { book, signal, tasks } = parts
  const { op, token, run } = request
  const ended = book.find(request)?.outcome
  if (ended) return ended
  try {
    const graph = stepGraph(run)
    const backend = await parts.provider(run.provider)
    const tier = run.tier ?? 's'
    if (!(await backend.tiers(tier))) {
      throw runErrors.PROV_RUN_TIER_UNKNOWN({ provider: backend.name, tier })
    }
    const record = await book.begin(request)
    tasks.tell('task.queued', request, { steps: run.steps.length, priority: run.priority ?? 0 })
    const stage = parts.stage(request, record, backend)
    const outcome = await new Run(request, parts, record, stage).walk(graph)
    await book.ended(token, outcome)
    tasks.tell('task.ended', request, { outcome: outcome.outcome })
    await stage.release()
    return outcome
  } catch (thrown) {
    if (signal.aborted) throw runErrors.PROV_RUN_STOPPING({ op }, { cause: thrown })
    if (!ProvError.is(thrown) || thrown.code.startsWith('PROV_JOURNAL_')) throw thrown
    const { code, message } = errorRecord(thrown)
    const begun = (book.get(token)?.started.size ?? 0) > 0
    // In an earlier life a step may have run; else it was refused before a provider was asked.
    const outcome = begun ? 'unknown' : 'failed'
    return { outcome, code, message, detail: { provider: run.provider } }
  }
}
