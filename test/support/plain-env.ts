/**
 * A program that is started by a test and is no test: without what the runner hands on to every child of
 * its own, which would load the runner there as well. It sets NODE_OPTIONS whatever environment is
 * given, so `env` takes that away again.
 *
 * @module
 */
export const plainEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !/TAP/.test(key)))

/** Words for `execFile` and its like, behind which a plain Node runs these arguments. */
export const plainNode = (...args: readonly string[]): readonly [string, readonly string[]] => [
  'env',
  ['-u', 'NODE_OPTIONS', process.execPath, ...args],
]
