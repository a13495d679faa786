/** Mutants of the kernel; see `test/support/mutation.ts`. Those that are noticed late: with PROV_SOAK. */
import t from 'tap'
import { noticed } from '../support/mutation.ts'
import { mutants, slowMutants } from './mutants.ts'

t.setTimeout(1_800_000)

t.test('every mutant of the kernel is noticed by the promise that is named for it', (t) =>
  noticed(t, process.env['PROV_SOAK'] === undefined ? mutants : [...mutants, ...slowMutants]),
)
