/**
 * Plans as files: 0600, put in place whole, never over something that is not a plan.
 *
 * @module
 */
import { randomUUID } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { opErrors, parsePlan, planDrift, planText, ProvError } from 'prov'
import type { OpPlan } from 'prov'
import { askErrors } from '../errors.ts'

/** Throws PROV_PLAN_UNREADABLE, PROV_PLAN_ALTERED. */
export async function readPlan(cwd: string, file: string): Promise<OpPlan> {
  const text = await readFile(resolve(cwd, file), 'utf8').catch((thrown: unknown) => {
    const code = (thrown as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`
    throw opErrors.PROV_PLAN_UNREADABLE({ file, reason }, { cause: thrown })
  })
  return parsePlan(text, file)
}

/** Throws PROV_PLAN_NOT_OURS, PROV_PLAN_UNREADABLE. */
export async function writePlan(cwd: string, file: string, plan: OpPlan): Promise<void> {
  const path = resolve(cwd, file)
  await readPlan(cwd, file).catch((thrown: unknown) => {
    // A plan that somebody changed is still a plan, and making it anew is the remedy.
    if (ProvError.is(thrown) && thrown.code === 'PROV_PLAN_ALTERED') return
    const cause = (thrown as Error).cause as NodeJS.ErrnoException | undefined
    if (cause?.code === 'ENOENT') return
    throw askErrors.PROV_PLAN_NOT_OURS({ file }, { cause: thrown })
  })
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, planText(plan), { mode: 0o600, flag: 'wx' })
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    const reason = `it cannot be written (${(thrown as NodeJS.ErrnoException).code ?? 'unknown'})`
    throw opErrors.PROV_PLAN_UNREADABLE({ file, reason }, { cause: thrown })
  }
}

/** Throws PROV_PLAN_STALE with everything that is otherwise now. */
export function assertCurrent(file: string, planned: OpPlan, now: OpPlan): void {
  const drift = planDrift(planned, now)
  if (drift.length > 0) throw opErrors.PROV_PLAN_STALE({ file, drift })
}
