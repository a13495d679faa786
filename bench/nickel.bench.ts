/**
 * Measures: evaluating and exporting a configuration of 20 Nickel files in one process, sources read
 * from disk each time. Not: process start, YAML, the cache.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { evaluate, exportJson } from '../core/nickel/index.ts'
import { bench } from './harness.ts'

const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const units = Array.from({ length: 18 }, (_, n) => `unit${n}`)

writeFileSync(
  join(dir, 'schema.ncl'),
  `{
  Size = [| 's, 'm, 'l |],
  Port = std.contract.from_predicate (fun p => std.is_number p && p > 0 && p < 65536),
  Unit = {
    name | String,
    size | Size | default = 's,
    port | Port | default = 8080,
    labels | { _ | String } | default = {},
    replicas | Number | default = 1,
    depends | Array String | default = [],
    ..
  },
}`,
)
for (const [n, unit] of units.entries()) {
  writeFileSync(
    join(dir, `${unit}.ncl`),
    `let s = import "schema.ncl" in {
  name = "${unit}",
  size = 'm,
  port = ${9_000 + n},
  labels = { zone = "eu-%{std.string.from_number replicas}", team = "t${n % 4}" },
  replicas = ${1 + (n % 3)},
  depends = ${n > 0 ? `["${units[n - 1]}"]` : '[]'},
  notes = std.array.map (fun d => "%{d} comes first") depends,
} | s.Unit`,
  )
}
writeFileSync(
  join(dir, 'main.ncl'),
  `{ units = [${units.map((unit) => `(import "${unit}.ncl")`).join(', ')}],
  total = std.array.fold_left (fun sum unit => sum + unit.replicas) 0 units,
}`,
)
const files = ['main', 'schema', ...units].map((name) => join(dir, `${name}.ncl`))
const main = files[0] as string
const exported = JSON.stringify(exportJson(evaluate(main)))

export default bench('nickel', [
  {
    name: 'floor: read the 20 files, parse the JSON they come to',
    run: (times) => {
      let total = 0
      for (let n = 0; n < times; n++) {
        for (const file of files) total += readFileSync(file, 'utf8').length
        JSON.parse(exported)
      }
      return total
    },
  },
  {
    name: 'evaluate + exportJson, 20 files',
    run: (times) => {
      for (let n = 0; n < times; n++) exportJson(evaluate(main))
    },
    after: () => rmSync(dir, { recursive: true, force: true }),
  },
])
