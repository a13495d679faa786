/**
 * Runs benches and writes one JSON row per arm to stdout, a readable line to stderr.
 *
 *     npm run bench                   all of them
 *     npm run bench -- journal gates  those whose name holds a word
 *     PROV_BENCH_ROUNDS=21            more rounds; default 11
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

for (const file of readdirSync(here).filter((name) => name.endsWith('.bench.js'))) {
  if (words.length > 0 && !words.some((word) => file.includes(word))) continue
  const module = (await import(pathToFileURL(join(here, file)).href)) as { default: Bench }
  for (const row of await measure(module.default, rounds)) {
    process.stdout.write(`${JSON.stringify(row)}\n`)
    const spread = `${readable(row.q1)}-${readable(row.q3)}`
    process.stderr.write(
      `${row.bench.padEnd(14)} ${row.arm.padEnd(44)} ${readable(row.ns).padStart(10)}  [${spread}]  x${row.ratio.toFixed(2)}\n`,
    )
  }
}
