/** Mutants of the kernel; see `test/support/mutation.ts`. */
import t from 'tap'
import { noticed } from '../support/mutation.ts'
import { mutants } from './mutants.ts'

t.setTimeout(1_800_000)

t.test('every mutant of the kernel is noticed by the promise that is named for it', (t) =>
  noticed(t, mutants),
)
