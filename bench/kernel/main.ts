/**
 * `npm run bench -- kernel [words] [--rounds n] [--arms a,b] [--against revision] [--ms n] [--no-peers]
 * [--profile]`
 *
 * Words pick subjects whose name holds one of them. `--against` adds the kernel of another revision
 * to the same run. `--profile` measures nothing and says where the time goes instead. Rows go to stdout as JSON lines, people read stderr.
 *
 * @module
 */
import { parseArgs } from 'node:util'
import { buildRevision } from '../compare.ts'
import { actorPeers, havePeers } from '../peers.ts'
import { bareKernel } from './bare.ts'
import { profile } from './profile.ts'
import { runCells, thisRoot } from './runner.ts'
import type { CellResult, Column, Plan } from './runner.ts'
import { goals, subjects } from './subjects.ts'
import type { Subject } from './subjects.ts'
import { goalLine, judge, lineOf, rowOf } from './table.ts'

const say = (text: string): void => void process.stderr.write(`${text}\n`)

const namesOf = (all: readonly Subject[]): string => all.map(({ name }) => name).join(', ')

/** Runs and prints. Resolves with the cells, for whoever wants to judge them. */
export async function kernelBench(words: readonly string[]): Promise<readonly CellResult[]> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      ms: { type: 'string', default: '200' },
      arms: { type: 'string' },
      against: { type: 'string' },
      profile: { type: 'boolean', default: false },
      'no-peers': { type: 'boolean', default: false },
    },
  })
  const wanted = subjects.filter(
    ({ name }) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
  )
  if (wanted.length === 0) {
    say(`nothing measured is called ${positionals.join(' ')}; there are ${namesOf(subjects)}`)
    process.exitCode = 64
    return []
  }
  const only = values.arms?.split(',')
  const armsOf = (subject: Subject): readonly string[] =>
    subject.arms.filter((arm) => only === undefined || only.includes(arm))
  const isPeer = (arm: string): boolean => actorPeers.some((name) => name === arm)
  const needsPeers = !values['no-peers'] && wanted.some((one) => armsOf(one).some(isPeer))
  const missing = needsPeers ? havePeers(actorPeers, say) : new Map<string, string>()
  const older = values.against === undefined ? undefined : await buildRevision(values.against, say)

  const plans: Plan[] = wanted.map((subject) => {
    const columns: Column[] = []
    for (const arm of armsOf(subject)) {
      if (isPeer(arm) && (values['no-peers'] || missing.has(arm))) continue
      if (arm === 'ours.bare') {
        columns.push({ name: arm, arm: 'ours', root: bareKernel() })
        continue
      }
      columns.push({ name: arm, arm, root: thisRoot })
      if (older && arm.startsWith('ours')) {
        columns.push({ name: `${arm}@${older.name}`, arm, root: older.root })
      }
    }
    return { subject, columns }
  })
  if (values.profile) {
    for (const { subject, columns } of plans) for (const column of columns) tell(subject, column)
    return []
  }
  for (const [name, reason] of missing) say(`${name} is left out: ${reason}`)
  const cells = await runCells(plans, {
    rounds: Number(values.rounds),
    sampleMs: Number(values.ms),
    note: (text) => void (process.stderr.isTTY && say(text)),
  })
  for (const { subject } of plans) {
    say(`\n${subject.name}: ${subject.what}`)
    for (const cell of cells.filter((one) => one.subject === subject)) {
      const row = rowOf(cell, cells)
      process.stdout.write(`${JSON.stringify(row)}\n`)
      say(`  ${lineOf(row)}`)
    }
  }
  say('\ngoals')
  const names = [(arm: string) => arm, ...(older ? [(arm: string) => `${arm}@${older.name}`] : [])]
  for (const goal of goals) {
    for (const rename of names) {
      const row = judge(goal, cells, rename)
      if (!row) continue
      process.stdout.write(`${JSON.stringify(row)}\n`)
      say(`  ${goalLine(row)}`)
    }
  }
  return cells
}

function tell(subject: Subject, column: Column): void {
  say(`\n${subject.name} ${column.name}: share of the functions' own time`)
  for (const { name, share } of profile(subject, column).slice(0, 16)) {
    process.stdout.write(
      `${JSON.stringify({ bench: 'kernel-profile', subject: subject.name, arm: column.name, name, share })}\n`,
    )
    say(`  ${(share * 100).toFixed(1).padStart(5)} %  ${name}`)
  }
}
