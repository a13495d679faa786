/**
 * What the conformance kits share. A kit owns no test runner: it takes anything that looks like
 * tap's `Test`, so that a stranger's plugin can run it with the runner it has.
 *
 * @module
 */
import { ProvError } from './errors.ts'

/** The part of tap's `Test` that kits use. */
export interface KitTest {
  test(name: string, body: (t: KitTest) => Promise<void> | void): PromiseLike<unknown>
  equal(found: unknown, wanted: unknown, ...message: [] | [string]): unknown
  same(found: unknown, wanted: unknown, ...message: [] | [string]): unknown
  ok(found: unknown, ...message: [] | [string]): unknown
  fail(...message: [] | [string]): unknown
  teardown(undo: () => unknown): unknown
}

/** The code that a promise rejects with; `none` when it does not. */
export async function codeOf(promise: Promise<unknown> | undefined): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (thrown) {
    return ProvError.is(thrown) ? thrown.code : String(thrown)
  }
}
