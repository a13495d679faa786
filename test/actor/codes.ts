import { ProvError } from '../../core/errors.ts'

/** The code that a call throws; `none` when it does not. */
export function codeIn(call: () => unknown): string {
  try {
    call()
    return 'none'
  } catch (thrown) {
    return ProvError.is(thrown) ? thrown.code : String(thrown)
  }
}
