/**
 * An actor on a real journal in a process of its own, whose wall clock is set by what it reads: `sleep`
 * sets a timer of 400 ms, `set <ms>` moves the wall clock. `clock-jumps.test.ts` starts it.
 *
 *     node dist/test/actor/clock-jumper.js <folder of the journal> <ms that the wall clock is off>
 *
 * The clock is the machine's own in all but `Date.now`, so that looks at it are shared as ever.
 *
 * @module
 */
import { createInterface } from 'node:readline'
import { argv } from 'node:process'
import { setup } from 'xstate'
import { systemClock } from '../../core/clock.ts'
import { defineActor } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import { openJournal } from '../../core/journal/file.ts'

const wall = Date.now.bind(Date)
let offset = Number(argv[3])
Date.now = () => wall() + offset

const def = defineActor({
  type: 'test.napper',
  version: 1,
  machine: setup({}).createMachine({
    id: 'napper',
    initial: 'awake',
    states: { awake: { on: { sleep: 'asleep' } }, asleep: { after: { 400: 'awake' } } },
  }),
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const journal = await openJournal({ dir: argv[2] as string })
const system = await startActors({ journal })
let since = systemClock.monotonic()
system.register(def)
const ref = await system.spawn(def, 'a')
ref.changes(({ value }) => {
  if (value === 'awake') say(`rang after ${Math.round(systemClock.monotonic() - since)}`)
})
createInterface({ input: process.stdin }).on('line', (line) => {
  const [what, ms] = line.split(' ')
  if (what === 'set') offset += Number(ms)
  if (what !== 'sleep') return
  since = systemClock.monotonic()
  void ref.apply({ type: 'sleep' }).then(() => say('asleep'))
})
say('ready')
