/**
 * Arms of one question, measured side by side. Machines are shared and noisy, so an absolute time
 * means nothing: arms run interleaved in one process, every figure is a median with its spread, and
 * what counts is the ratio to the floor arm of the same run.
 *
 * @module
 */

/** One way of doing the thing. `run(n)` does it n times; what it returns is kept alive, not used. */
export interface Arm {
  readonly name: string
  readonly run: (times: number) => unknown
  /** Least times of a sample, where fewer would be another question. Default 1. */
  readonly atLeast?: number
  /** Done once before the first round, for example opening a journal. */
  readonly before?: () => Promise<void> | void
  readonly after?: () => Promise<void> | void
  /** What else it saw in its rounds, by name: quantiles of single ones, counts. Asked once, at the end. */
  readonly figures?: () => Promise<Readonly<Record<string, number>>>
}

export interface Bench {
  readonly name: string
  /** The first arm is the floor that the others are compared with. */
  readonly arms: readonly Arm[]
  /** Wanted length of one sample. Default 40 ms. */
  readonly sampleMs?: number
}

export interface Row {
  readonly bench: string
  readonly arm: string
  /** Median nanoseconds of one operation. */
  readonly ns: number
  /** First and third quartile, ns. */
  readonly q1: number
  readonly q3: number
  /** Median over rounds of this arm's time divided by the floor's time in the same round. */
  readonly ratio: number
  /** Median processor time of one operation, ns: all threads of this process, and no other process. */
  readonly cpuNs: number
  /** As `ratio`, of processor time: what neighbours leave alone, where an arm has no process beside it. */
  readonly cpuRatio: number
  readonly rounds: number
  readonly times: number
  readonly figures?: Readonly<Record<string, number>>
}

export function bench(
  name: string,
  arms: readonly Arm[],
  options: { sampleMs?: number } = {},
): Bench {
  return { name, arms, ...options }
}

export const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN

export const sortedCopy = (values: readonly number[]) => [...values].sort((a, b) => a - b)

interface Sample {
  readonly ns: number
  readonly cpuNs: number
}

async function timed(arm: Arm, times: number): Promise<Sample> {
  const before = process.cpuUsage()
  const start = process.hrtime.bigint()
  await arm.run(times)
  const ns = Number(process.hrtime.bigint() - start)
  const { user, system } = process.cpuUsage(before)
  return { ns, cpuNs: (user + system) * 1_000 }
}

/** Median over rounds of one arm's figure divided by the floor's in the same round. */
const ratioOf = (own: readonly number[], floor: readonly number[]): number =>
  quantile(sortedCopy(own.map((one, round) => one / (floor[round] as number))), 0.5)

/** How many times fit into a sample, found by doubling: also the warm-up. */
async function calibrate(arm: Arm, sampleMs: number): Promise<number> {
  for (let times = 1; ; times *= 2) {
    const { ns } = await timed(arm, times)
    if (ns > (sampleMs * 1e6) / 2 || times > 1e8) {
      return Math.max(arm.atLeast ?? 1, Math.round((times * sampleMs * 1e6) / Math.max(ns, 1)))
    }
  }
}

/** Runs all arms in turn, `rounds` times. Throws what an arm throws: a broken arm is no figure. */
export async function measure(suite: Bench, rounds: number): Promise<readonly Row[]> {
  const times: number[] = []
  const samples: Sample[][] = suite.arms.map(() => [])
  const figures: (Row['figures'] | undefined)[] = []
  try {
    for (const arm of suite.arms) await arm.before?.()
    for (const arm of suite.arms) times.push(await calibrate(arm, suite.sampleMs ?? 40))
    for (let round = 0; round < rounds; round++) {
      for (const [at, arm] of suite.arms.entries()) {
        const n = times[at] as number
        const { ns, cpuNs } = await timed(arm, n)
        samples[at]?.push({ ns: ns / n, cpuNs: cpuNs / n })
      }
    }
    for (const arm of suite.arms) figures.push(await arm.figures?.())
  } finally {
    for (const arm of suite.arms) await arm.after?.()
  }
  const of = (at: number, figure: keyof Sample) =>
    (samples[at] as readonly Sample[]).map((sample) => sample[figure])
  return suite.arms.map((arm, at) => {
    const sorted = sortedCopy(of(at, 'ns'))
    return {
      bench: suite.name,
      arm: arm.name,
      ns: quantile(sorted, 0.5),
      q1: quantile(sorted, 0.25),
      q3: quantile(sorted, 0.75),
      ratio: ratioOf(of(at, 'ns'), of(0, 'ns')),
      cpuNs: quantile(sortedCopy(of(at, 'cpuNs')), 0.5),
      cpuRatio: ratioOf(of(at, 'cpuNs'), of(0, 'cpuNs')),
      rounds,
      times: times[at] as number,
      ...(figures[at] && { figures: figures[at] }),
    }
  })
}
