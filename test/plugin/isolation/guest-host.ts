/**
 * A program that keeps plugins in every tier and is killed: says what was committed, then that all of
 * them are at work. Run again, it says what it found.
 *
 * @module
 */
import type { ActorDef } from '../../../core/actor/define.ts'
import { createRuntime } from '../../../core/runtime.ts'

const [, , workspace = '', home = '', stallMs = '', mode = ''] = process.argv
const runtime = await createRuntime({
  workspace,
  home,
  log: () => {},
  isolation: { stallMs: Number(stallMs), beatMs: 50 },
})
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

for (const { id, state, isolation, error } of runtime.plugins()) {
  if (!id.startsWith('guest-')) continue
  const type = id.replace('-', '.')
  if (state !== 'running') {
    say({ id, isolation, state, code: error?.code })
    continue
  }
  const ref =
    runtime.actors.ref(`${type}/a`) ?? (await runtime.actors.spawn({ type } as ActorDef, 'a'))
  const { n } = ref.snapshot().context as { n: number }
  say({ id, isolation, found: n })
  for (let count = 1; count <= 20; count++) {
    await ref.apply({ type: 'ok' })
    say({ id, committed: n + count })
  }
  if (mode === 'work') await ref.apply({ type: 'work' })
}
if (mode === 'work') {
  say('at work')
  setInterval(() => {}, 1_000)
} else {
  await runtime.close()
  say('over')
}
