/**
 * What failed in a test run, said again at its end: the log of a whole run is long, and whoever sees
 * only its last page must still learn which promise broke, where, and how.
 *
 *     node .ci/failures.mjs <log of npm test>
 *
 * Prints for each failed file its failed assertions (at most 60 lines) and its last 20 lines, then
 * one line for each failure. Prints nothing where nothing failed.
 */
import { readFileSync } from 'node:fs'

const EACH = 60
const TAIL = 20
const lines = readFileSync(process.argv[2], 'utf8').split('\n')
const indentOf = (line) => line.length - line.trimStart().length

/** Each failed file with the lines it printed; what no file printed (stderr, the runner) is passed by. */
function failedFiles() {
  const failed = []
  let from = 0
  for (const [at, line] of lines.entries()) {
    if (/^# Subtest: /.test(line)) from = at
    const [, no, name] = /^(not )?ok \d+ - (.*?)( # time=.*)?$/.exec(line) ?? []
    if (name === undefined) continue
    if (no) failed.push({ name, from, end: at + 1 })
    from = at + 1 + diagnosis(at).length
  }
  return failed
}

/** The indented YAML below an assertion, its fences included. */
function diagnosis(at) {
  const indent = indentOf(lines[at]) + 2
  if (lines[at + 1] !== `${' '.repeat(indent)}---`) return []
  const close = lines.indexOf(`${' '.repeat(indent)}...`, at)
  return close < 0 ? [] : lines.slice(at + 1, close + 1)
}

/** Without what only repeats the source or the command line; the place on one line. */
function brief(yaml) {
  const kept = []
  const place = {}
  let key = ''
  for (const line of yaml.slice(1, -1)) {
    const bare = line.slice(indentOf(yaml[0]))
    key = /^(\w+):/.exec(bare)?.[1] ?? key
    if (key === 'at') {
      const [, name, value] = /^ +(fileName|lineNumber|columnNumber): (.*)$/.exec(bare) ?? []
      if (name) place[name] = value
    } else if (!/^(source|args|command|stdio|cwd|externalID|jobId)$/.test(key)) kept.push(bare)
  }
  const where = place.fileName && `${place.fileName}:${place.lineNumber}:${place.columnNumber}`
  return { where, text: where ? [`at: ${where}`, ...kept] : kept }
}

/** Failures that have no failure below them: a test that failed because of its parts says nothing. */
function leaves({ name, from, end }) {
  const found = []
  const names = []
  for (let at = from; at < end; at++) {
    const line = lines[at]
    const indent = indentOf(line)
    const started = /^ *# Subtest: (.*)$/.exec(line)?.[1]
    if (started !== undefined) names.splice(indent / 4, Infinity, started)
    const title = /^ *not ok \d+ - (.*?)( # time=.*)?$/.exec(line)?.[1]
    if (title === undefined || / # TODO| # SKIP/.test(line)) continue
    const parts = found.filter((part) => part.indent > indent)
    for (const part of parts) part.indent = indent
    if (parts.length > 0) continue
    const path = indent === 0 ? [name] : [...names.slice(0, indent / 4), title]
    found.push({ indent, path: path.join(' > '), ...brief(diagnosis(at)) })
  }
  return found
}

const short = (text, most) =>
  text.length <= most ? text : [...text.slice(0, most), `… ${text.length - most} more lines`]

const failed = failedFiles().map((file) => ({ ...file, leaves: leaves(file) }))
for (const file of failed) {
  console.log(`\n-- ${file.name}`)
  const said = file.leaves.flatMap((leaf) => [
    `not ok: ${leaf.path}`,
    ...leaf.text.map((line) => `  ${line}`),
  ])
  console.log(short(said, EACH).join('\n'))
  console.log(`-- its last ${TAIL} lines`)
  console.log(lines.slice(Math.max(file.from, file.end - TAIL), file.end).join('\n'))
}
const all = failed.flatMap((file) => file.leaves)
if (all.length > 0) console.log('\n-- failed, all in all')
for (const line of short(
  all.map((leaf) => `${leaf.path}${leaf.where ? `  at ${leaf.where}` : ''}`),
  EACH,
))
  console.log(line)
