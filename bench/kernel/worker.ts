/**
 * One cell in one process: `node --expose-gc worker.js <json>`. Warms up, takes repeats, prints their
 * median as one line. Time is CPU time of the main thread, from the scheduler's own books: a
 * neighbour on the machine costs wall time, but none of that.
 *
 * @module
 */
import { readFileSync } from 'node:fs'
import { PerformanceObserver } from 'node:perf_hooks'
import { loadPeer } from '../peers.ts'
import type { Arm, Cell, Place, Sample } from './cell.ts'
import type { Subject } from './subjects.ts'
import { mainOf, middle } from './table.ts'

/** What the runner hands over. */
export interface Order {
  readonly subject: Subject
  readonly arm: string
  readonly root: string
  readonly sampleMs: number
  /** The compiler's share: nothing is taken for settled before so much of it. */
  readonly warmMs: number
}

const collect = (globalThis as { gc?: () => void }).gc ?? (() => {})

const books = `/proc/self/task/${process.pid}/schedstat`
function threadNs(): number | undefined {
  try {
    return Number(readFileSync(books, 'utf8').split(' ')[0])
  } catch {
    return undefined
  }
}
const clock = threadNs() === undefined ? 'process' : 'thread'

function processNs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) * 1_000
}

interface Span {
  readonly cpuNs: number
  readonly processNs: number
  readonly wallNs: number
}

async function timed(cell: Cell, times: number): Promise<Span> {
  const wall = process.hrtime.bigint()
  const whole = processNs()
  const thread = threadNs() ?? whole
  await cell.run(times)
  const threadAfter = threadNs() ?? processNs()
  return {
    cpuNs: (threadAfter - thread) / times,
    processNs: (processNs() - whole) / times,
    wallNs: Number(process.hrtime.bigint() - wall) / times,
  }
}

function median(spans: readonly Span[]): Span {
  return {
    cpuNs: middle(spans.map((span) => span.cpuNs)),
    processNs: middle(spans.map((span) => span.processNs)),
    wallNs: middle(spans.map((span) => span.wallNs)),
  }
}

type Make = () => Promise<Cell> | Cell
type Measured = Omit<Sample, 'clock'>

/** Operations that fill a sample, found while the compiler warms up. */
async function warmUp(
  once: (times: number) => Promise<Span>,
  byWall: boolean,
  { sampleMs, warmMs }: Order,
): Promise<{ readonly times: number; readonly spans: Span }> {
  const wantedNs = sampleMs * 1e6
  let spentNs = 0
  for (let times = 1_000; ;) {
    const span = await once(times)
    const tookNs = (byWall ? span.wallNs : span.cpuNs) * times
    spentNs += span.wallNs * times
    const near = tookNs > 0.6 * wantedNs && tookNs < 1.6 * wantedNs
    if ((near && spentNs > warmMs * 1e6) || spentNs > 1e10) return { times, spans: span }
    const factor = Math.min(4, Math.max(0.5, wantedNs / Math.max(tookNs, 1)))
    times = Math.max(1_000, Math.round((times * factor) / 1_000) * 1_000)
  }
}

/** The same cell again: as many operations as fill a sample, found by doubling, which warms it up. */
async function rate(make: Make, order: Order): Promise<Measured> {
  const { subject } = order
  const cell = await make()
  let total = 0
  const once = async (times: number): Promise<Span> => {
    collect()
    const span = await timed(cell, times)
    cell.check((total += times))
    return span
  }
  const { times, spans: warm } = await warmUp(once, mainOf(subject) === 'wallNs', order)
  const spans: Span[] = [warm]
  for (let left = subject.repeats ?? 4; left > 0; left--) spans.push(await once(times))
  const figures = cell.figures?.(total) ?? {}
  await cell.close?.()
  return { ...median(spans.slice(1)), times, figures }
}

/** A new cell per repeat. */
async function once(make: Make, { subject }: Order): Promise<Measured> {
  const times = subject.times ?? 1
  const spans: Span[] = []
  let figures = {}
  for (let left = subject.repeats ?? 4; left > 0; left--) {
    const cell = await make()
    collect()
    spans.push(await timed(cell, times))
    cell.check(times)
    figures = cell.figures?.(times) ?? {}
    await cell.close?.()
  }
  return { ...median(spans.slice(1)), times, figures }
}

function held(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What `times` things keep. A first small run of another cell loads what is loaded only once. */
async function size(make: Make, { subject }: Order): Promise<Measured> {
  const times = subject.times ?? 1
  const warm = await make()
  await warm.run(1_000)
  await warm.close?.()
  const cell = await make()
  const before = held()
  const span = await timed(cell, times)
  // Whatever the work left to be done after it: timers of a turn, promises.
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve))
  await cell.settle?.()
  const bytes = (held() - before) / times
  const rssMB = process.memoryUsage().rss / 1e6
  cell.check(times)
  const figures = { bytes, rssMB, ...cell.figures?.(times) }
  await cell.close?.()
  return { ...span, times, figures }
}

/** Bytes allocated per operation: the young generation is large enough that none is collected. */
async function alloc(make: Make, { subject }: Order): Promise<Measured> {
  const times = subject.times ?? 1
  const cell = await make()
  const warm = 8
  for (let run = 0; run < warm; run++) await cell.run(times)
  let collections = 0
  const watch = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  collect()
  await new Promise((resolve) => setTimeout(resolve, 20))
  watch.observe({ entryTypes: ['gc'] })
  const before = process.memoryUsage()
  const span = await timed(cell, times)
  const after = process.memoryUsage()
  await new Promise((resolve) => setTimeout(resolve, 20))
  watch.disconnect()
  cell.check(times * (warm + 1))
  if (collections > 0) throw new Error(`${collections} collections in between: no figure`)
  const bytes = (after.heapUsed + after.external - before.heapUsed - before.external) / times
  const figures = { bytes, ...cell.figures?.(times * (warm + 1)) }
  await cell.close?.()
  return { ...span, times, figures }
}

const kinds = { rate, once, size, alloc }

async function main(order: Order): Promise<void> {
  const [name = '', variant = ''] = order.arm.split('.')
  const { arm } = (await import(new URL(`./arms/${name}.js`, import.meta.url).href)) as { arm: Arm }
  const { subject, root } = order
  const make = arm.cells[subject.cell ?? subject.name]
  if (!make) throw new Error(`${order.arm} has no cell ${subject.cell ?? subject.name}`)
  const place: Place = {
    root,
    variant,
    actors: subject.actors ?? 1,
    peer: loadPeer,
  }
  const measured = await kinds[subject.kind](() => make(place), order)
  process.stdout.write(`${JSON.stringify({ ...measured, clock } satisfies Sample)}\n`)
}

try {
  await main(JSON.parse(process.argv[2] ?? '') as Order)
  process.exit(0)
} catch (thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  process.stdout.write(`${JSON.stringify({ failed: `${error.name}: ${error.message}` })}\n`)
  process.exit(1)
}
