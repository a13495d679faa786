/**
 * Runs benches and writes one JSON row per arm to stdout, a readable line to stderr.
 *
 *     npm run bench                        all that run in one process
 *     npm run bench -- journal gates       those whose name holds a word
 *     npm run bench -- kernel [words]      the kernel, each cell in a fresh process; see kernel/main.ts
 *     npm run bench -- neighbours          a step beside plugins that do their worst
 *     npm run bench -- compare <revision>  the kernel against that of another revision
 *     npm run bench -- --check             what must not be lost, against budget.json
 *     PROV_BENCH_ROUNDS=21                 more rounds; default 11
 *
 * @module
 */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { measure, type Bench } from './harness.ts'

const here = dirname(fileURLToPath(import.meta.url))
const words = process.argv.slice(2)
const rounds = Number(process.env['PROV_BENCH_ROUNDS'] ?? 11)

function readable(ns: number): string {
  if (ns < 1e3) return `${ns.toFixed(0)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} us`
  return `${(ns / 1e6).toFixed(2)} ms`
}

async function inProcess(): Promise<void> {
  const all = readdirSync(here).filter((name) => name.endsWith('.bench.js'))
  const meant = all.filter(
    (file) => words.length === 0 || words.some((word) => file.includes(word)),
  )
  if (meant.length === 0) {
    const names = [
      ...all.map((file) => file.replace('.bench.js', '')),
      'kernel',
      'neighbours',
      'compare',
    ].join(', ')
    process.stderr.write(`no bench is called ${words.join(' ')}; there are ${names}\n`)
    process.exitCode = 64
  }
  for (const file of meant) {
    const module = (await import(pathToFileURL(join(here, file)).href)) as { default: Bench }
    for (const row of await measure(module.default, rounds)) {
      process.stdout.write(`${JSON.stringify(row)}\n`)
      const spread = `${readable(row.q1)}-${readable(row.q3)}`
      process.stderr.write(
        `${row.bench.padEnd(14)} ${row.arm.padEnd(44)} ${readable(row.ns).padStart(10)}  [${spread}]  x${row.ratio.toFixed(2)}, processor x${row.cpuRatio.toFixed(2)}\n`,
      )
      for (const [name, value] of Object.entries(row.figures ?? {})) {
        process.stderr.write(`${''.padEnd(15)}   ${name}: ${value.toPrecision(3)}\n`)
      }
    }
  }
}

const [first, ...rest] = words
if (first === '--check') {
  const { checkBudget } = await import('./budget.ts')
  process.exitCode = (await checkBudget()) ? 0 : 1
} else if (first === 'kernel') {
  const { kernelBench } = await import('./kernel/main.ts')
  await kernelBench(rest)
} else if (first === 'neighbours') {
  const { neighboursBench } = await import('./neighbours.ts')
  await neighboursBench(rounds)
} else if (first === 'compare') {
  const { kernelBench } = await import('./kernel/main.ts')
  const [revision = 'HEAD', ...more] = rest
  await kernelBench(['--against', revision, '--no-peers', ...more])
} else await inProcess()
