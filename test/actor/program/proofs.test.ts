/** A machine proves itself once per shape; what is remembered of it is digests, and nothing else is believed. */
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { and, not, raise, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../../core/actor/define.ts'
import { programFor } from '../../../core/actor/program/choose.ts'
import { keptProofs, shapeOf } from '../../../core/actor/program/proofs.ts'
import { startActors } from '../../../core/actor/start.ts'

const machineOf = (changed: { target?: string; event?: string; guard?: unknown; ms?: number }) => {
  const { target = 'b', event = 'more', guard = 'ready', ms = 1_000 } = changed
  return setup({
    types: { events: {} as { type: string } },
    guards: { ready: () => true, able: () => false },
    actions: { again: raise({ type: event }) },
  }).createMachine({
    initial: 'a',
    states: {
      a: { on: { go: { target, guard, actions: 'again' } }, after: { [ms]: 'b' } },
      b: {},
      c: {},
    },
  } as never) as unknown as AnyStateMachine
}

const defOf = (machine: AnyStateMachine) =>
  defineActor({ type: 'test.shape', version: 1, machine, durability: 'volatile' })

const linesOf = (path: string): readonly string[] => readFileSync(path, 'utf8').trim().split('\n')

t.test('another shape is another text, another function of the author is not', async (t) => {
  const shape = shapeOf(machineOf({}))
  t.equal(shapeOf(machineOf({})), shape)
  for (const change of [
    { target: 'c' },
    { event: 'less' },
    { guard: 'able' },
    { guard: not('ready') },
    { guard: and(['ready', 'able']) },
    { ms: 2_000 },
  ]) {
    t.not(shapeOf(machineOf(change)), shape, JSON.stringify(change))
  }
  t.not(
    shapeOf(machineOf({ guard: and(['ready', 'able']) })),
    shapeOf(machineOf({ guard: and(['able', 'ready']) })),
  )
})

t.test('a machine that no text tells is walked each time', async (t) => {
  const meta: { self?: unknown } = {}
  meta.self = meta
  const machine = setup({}).createMachine({ meta })
  t.equal(shapeOf(machine), undefined)
  const path = join(t.testdir(), 'proofs')
  t.equal(programFor(defOf(machine), keptProofs(path)).mode, 'compiled')
  t.throws(() => statSync(path), 'nothing is kept of it')
})

t.test('one start proves, the next one knows', async (t) => {
  const path = join(t.testdir(), 'proofs')
  for (let start = 0; start < 2; start++) {
    const system = await startActors({ proofs: path })
    system.register(defOf(machineOf({})))
    await system.close()
    t.equal(linesOf(path).length, 1, 'one line')
  }
  t.match(readFileSync(path, 'utf8'), /^[0-9a-f]{64}\n$/)
  t.equal(statSync(path).mode & 0o777, 0o600)
  const known = keptProofs(path)
  t.equal(known.has(shapeOf(machineOf({})) as string), true)
  t.equal(known.has(shapeOf(machineOf({ target: 'c' })) as string), false)
})

t.test('what is torn, foreign or too large is not believed', async (t) => {
  const path = join(t.testdir(), 'proofs')
  const shape = shapeOf(machineOf({})) as string
  keptProofs(path).add(shape)
  const [line = ''] = linesOf(path)
  writeFileSync(path, `${line.slice(0, 40)}\n{"${line}":true}\n`)
  t.equal(keptProofs(path).has(shape), false)
  appendFileSync(path, `${line}\n`)
  t.equal(keptProofs(path).has(shape), true, 'the others are still read')
  writeFileSync(path, `${line}\n`.repeat(1_100))
  t.equal(keptProofs(path).has(shape), false)
  t.equal(readFileSync(path, 'utf8'), '', 'it is begun anew')
})

t.test('a home that cannot be written costs a walk, nothing more', async (t) => {
  const path = join(t.testdir(), 'folder')
  mkdirSync(path)
  t.equal(programFor(defOf(machineOf({})), keptProofs(path)).mode, 'compiled')
})
