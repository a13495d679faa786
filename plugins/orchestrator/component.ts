/**
 * Work that a plugin does inside this process, under the same book as steps on a machine:
 *
 *     page in the book ─▶ component ─▶ outcome in the book
 *
 * Called again with the same token it answers what the book says. When the book has a page and no
 * outcome, a life ended in between: a `keyed` component is called again and must know its token, an
 * `opaque` one is not, and nobody knows.
 *
 * @module
 */
import { asProvError, crashPoint, ProvError } from 'prov'
import type { ActorSystem, Component, ComponentRun, OpType, RunOutcome } from 'prov'
import type { RunBook, RunRequest } from './book.ts'
import { runErrors } from './errors.ts'

export interface ComponentParts {
  readonly book: RunBook
  readonly actors: ActorSystem
  /** The op type of that name, when a plugin that is here brings it. */
  readonly opType: (component: string) => OpType | undefined
  readonly signal: AbortSignal
}

interface ComponentRequest extends RunRequest {
  readonly run: ComponentRun
}

/** Rejects as `execute` does: when Prov ends meanwhile, when the journal ended. */
export async function runComponent(
  request: ComponentRequest,
  { book, actors, opType, signal }: ComponentParts,
): Promise<RunOutcome> {
  const { op, token, body } = request
  const { component } = request.run
  const before = book.find(request)
  if (before?.outcome) return before.outcome
  const found = opType(component)
  const end = async (outcome: RunOutcome): Promise<RunOutcome> => {
    await book.ended(token, outcome)
    return outcome
  }
  if (before && (!found?.apply || found.class === 'opaque')) {
    return end(outcomeOf(runErrors.PROV_RUN_COMPONENT_LOST({ component }), component))
  }
  if (!found?.apply || !body) {
    // Nothing was asked of anybody, so the book stays empty.
    return outcomeOf(runErrors.PROV_RUN_COMPONENT_ABSENT({ component }), component)
  }
  await book.begin(request)
  try {
    const call = { op, token, body, actors, signal }
    const work = applied(found.apply, found.class, call)
    // In a simulated world the next line throws, and this promise is left to itself.
    work.catch(() => undefined)
    crashPoint('effect.started')
    const detail = await work
    crashPoint('effect.done')
    return await end({ outcome: 'applied', detail: { component, ...detail } })
  } catch (thrown) {
    if (signal.aborted) throw runErrors.PROV_RUN_STOPPING({ op }, { cause: thrown })
    const error = asProvError(thrown)
    if (error.code.startsWith('PROV_JOURNAL_')) throw error
    return end(outcomeOf(error, component))
  }
}

/** One that ended with the plugin's thread is called again where its token allows it, once. */
async function applied(
  apply: Component,
  kind: OpType['class'],
  ...call: Parameters<Component>
): ReturnType<Component> {
  try {
    return await apply(...call)
  } catch (thrown) {
    const lost = ProvError.is(thrown) && thrown.code === 'PROV_PLUGIN_CALL_LOST'
    if (!lost || kind !== 'keyed') throw thrown
    return apply(...call)
  }
}

function outcomeOf({ code, message, disposition }: ProvError, component: string): RunOutcome {
  const outcome = disposition === 'unknown' ? 'unknown' : 'failed'
  return { outcome, code, message, detail: { component } }
}
