/**
 * `npm run bench -- neighbours`: how long a step of an actor in Prov's own thread takes, asked for every millisecond, alone
 * and while a plugin in a thread or process of its own does its worst, some beats after it began: loops,
 * floods kernel and bus, fails each step, makes garbage. Its p99 must stay within twice that of the same
 * actor alone, in the same rounds. Not: plugins that end; the tests of `test/plugin/isolation` count what
 * those cost others.
 *
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Isolation } from '../core/plugin/isolation/tier.ts'
import { neighbour, world } from '../test/plugin/isolation/world.ts'
import { quantile, sortedCopy } from './harness.ts'

const source = `
import { bus, defineActor, definePlugin } from 'prov'
import { setup } from 'xstate'
const fail = () => { throw new Error('no') }
const machine = setup({
  guards: { forever: () => { for (;;); } },
  actions: { fail, floods: () => {}, litters: () => {} },
}).createMachine({
  on: {
    loop: { guard: 'forever' },
    fail: { actions: 'floods', guard: fail },
    flood: { actions: 'floods' },
    litter: { actions: 'litters' },
  },
})
let needs, kernel
const effects = {
  floods: async (_, { signal }) => {
    for (let n = 0; !signal.aborted; n++) {
      needs.bus.publish('flood.it', { id: 'f' + n, body: 'x'.repeat(1_000) }).catch(() => {})
      kernel.send('guest.worst/other', { type: 'none' })
      if (n % 200 === 0) await new Promise((turn) => setImmediate(turn))
    }
  },
  litters: async (_, { signal }) => {
    let kept = []
    while (!signal.aborted) {
      kept = Array.from({ length: 20_000 }, (_, n) => ({ n, text: 'x' + n, kept: kept[n]?.text }))
      await new Promise((turn) => setImmediate(turn))
    }
  },
}
const actor = defineActor({ type: 'guest.worst', version: 1, machine, effects, durability: 'volatile' })
  export default definePlugin({
    name: 'guest', api: 1, needs: { bus }, actors: { actor },
    setup: (parts) => { needs = parts.needs; kernel = parts.actors },
  })
`

/** By arm the message that begins it and where; the first one is the floor. */
const arms: Readonly<Record<string, readonly [bad?: string, tier?: Isolation]>> = {
  'floor: alone': [],
  'beside one that loops': ['loop'],
  'beside one that floods bus and kernel': ['flood'],
  'the same from a process': ['flood', 'process'],
  'beside one whose every step fails': ['fail'],
  'beside one that makes garbage': ['litter'],
}
const steps = 400
/** Steps before that, for some beats in which it is found to be busy. */
const before = 250

/** Microseconds of each step, in a world of its own that ends with it. */
async function round(bad?: string, tier?: Isolation): Promise<readonly number[]> {
  const undo: (() => unknown)[] = []
  try {
    // As patient as the worst needs to do its worst all the while.
    const limits = { stallMs: 600_000, memoryBytes: 512 * 1024 * 1024 }
    const install = { 'index.js': source }
    const { actors } = await world(
      { teardown: (step) => undo.push(step) },
      { install, limits, ...(tier && { tier }) },
    )
    const ref = await actors.spawn(neighbour, 'a')
    const worst = await actors.spawn({ type: 'guest.worst' } as never, 'one')
    await actors.spawn({ type: 'guest.worst' } as never, 'other')
    if (bad !== undefined) worst.send({ type: bad })
    const times: number[] = []
    for (let n = -before; n < steps; n++) {
      const from = performance.now()
      await ref.apply({ type: 'ok' })
      if (n >= 0) times.push((performance.now() - from) * 1_000)
      if (bad === 'fail') worst.send({ type: bad })
      await sleep(1)
    }
    return times
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

/** Arms in turn; rows as JSON lines to stdout, a readable line to stderr. */
export async function neighboursBench(rounds: number): Promise<void> {
  const names = Object.keys(arms)
  const p99s = new Map(names.map((name) => [name, [] as number[]]))
  const all = new Map(names.map((name) => [name, [] as number[]]))
  for (let at = 0; at < rounds; at++) {
    for (const name of names) {
      const times = await round(...(arms[name] ?? []))
      all.get(name)?.push(...times)
      p99s.get(name)?.push(quantile(sortedCopy(times), 0.99))
    }
  }
  const floor = p99s.get('floor: alone') as readonly number[]
  for (const name of names) {
    const own = p99s.get(name) as readonly number[]
    const ratios = sortedCopy(own.map((p99, at) => p99 / (floor[at] as number)))
    const p50 = quantile(sortedCopy(all.get(name) as readonly number[]), 0.5)
    const [q1, p99, q3] = [0.25, 0.5, 0.75].map((share) => quantile(sortedCopy(own), share))
    const ratio = quantile(ratios, 0.5)
    const row = { bench: 'neighbours', arm: name, p50us: p50, p99us: p99, q1, q3, ratio, rounds }
    process.stdout.write(`${JSON.stringify(row)}\n`)
    const us = (value = NaN): string => `${value.toFixed(0)} us`
    process.stderr.write(
      `neighbours     ${name.padEnd(44)} p50 ${us(p50).padStart(8)}  p99 ${us(p99).padStart(8)}  [${us(q1)}-${us(q3)}]  x${ratio.toFixed(2)} (wanted: 2)\n`,
    )
  }
}
