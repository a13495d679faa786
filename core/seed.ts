/**
 * Chance that repeats: one seed, one run. Whoever simulates takes its seed from here, so that
 * `PROV_SEED` sets it everywhere and a run that failed says which one it was.
 *
 * @module
 */
import type { Count } from './units.ts'

/** Small and repeatable; quality of randomness does not matter here. Whole numbers from 0. */
export function seeded(seed: Count): (below: number) => number {
  let state = (seed * 2_654_435_761) % 4_294_967_296
  return (below) => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296
    return Math.floor((state / 4_294_967_296) * below)
  }
}

/** Seeds that were used, by what they were used for; the newest few are worth printing. */
const used = new Map<string, Set<Count>>()
const printed = 10

/**
 * The seed to use: the given one, else PROV_SEED, else 1. When the process ends with a failure, it is
 * printed with `what` was simulated.
 */
export function seedFor(what: string, given?: Count): Count {
  const seed = given ?? Number(process.env['PROV_SEED'] ?? 1)
  const seeds = used.get(what) ?? new Set<Count>()
  used.set(what, seeds)
  seeds.delete(seed)
  seeds.add(seed)
  return seed
}

process.once('exit', (code) => {
  if (code === 0) return
  for (const [what, seeds] of used) {
    const newest = [...seeds].slice(-printed)
    const word = newest.length === 1 ? 'seed' : 'seeds'
    process.stderr.write(`${what} simulated with ${word} ${newest.join(', ')}\n`)
  }
})
