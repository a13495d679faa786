/**
 * What a record that could not be written says of an answer from outside: an end that a machine or a
 * component told this process, when another one had its journal already. Pure.
 *
 * @module
 */
import type { JsonObject, LateAnswer, RunOutcome } from 'prov'
import type { StepRecord } from './book.ts'

export type Answer = Omit<LateAnswer, 'op' | 'token'>

/** Undefined for a record that answers nothing: what was begun, and what nobody knows. */
export function answerIn(type: string, body: JsonObject): Answer | undefined {
  if (type === 'step.done' || type === 'undo.done') {
    const { step, exit, late, log } = body as unknown as StepRecord & { readonly step: string }
    return {
      what: type === 'step.done' ? 'step' : 'undo',
      step,
      outcome: exit === 0 && !late ? 'applied' : 'failed',
      message: late ? 'it was ended for taking too long' : `exit code ${exit}`,
      detail: { log },
    }
  }
  const said = type === 'run.ended' ? (body['outcome'] as unknown as RunOutcome) : undefined
  if (said?.outcome === 'applied') {
    return { what: 'run', outcome: 'applied', message: 'all of it is done', detail: said.detail }
  }
  if (said?.outcome !== 'failed') return undefined
  const { code, message, detail } = said
  return { what: 'run', outcome: 'failed', message: `${code}: ${message}`, detail }
}
