/** All four planes in simulated worlds, share 1 of 4 of the seeds: see README.md. */
import t from 'tap'
import { seedsOf } from './seeds.ts'

t.setTimeout(1_800_000)

t.test('whatever goes wrong, every promise of the op contract holds', (t) => seedsOf(t, 1))
