/** Waiting for an operation, beside others that act on it. */
import t from 'tap'
import { runCommandLine } from '../../core/cli/cli.ts'
import { simulatedClock, systemClock } from '../../core/clock.ts'
import { provChild } from '../support/cli.ts'
import { infra } from '../support/infra.ts'
import { sampleCopy } from '../support/workspace.ts'

const deploy = ['deploy', 'app-cluster/cert-manager'] as const

t.test(
  'waiting drives what was left, and says on timeout what blocks and who may act',
  async (t) => {
    const { json, run, root, home } = sampleCopy(t)
    await run('setup', '--actor', 'alice')
    await run('actor', 'create', 'bob', '--no-seal')
    const left = ['op', 'submit', 'scale', 'monitoring/loki', '--param', 'replicas=3'] as const
    const scale = await json(...left, '--no-wait', '--actor', 'alice')
    t.match(await json('op', 'wait', scale.data.op), { code: 0, data: { outcome: 'applied' } })

    const held = await json('op', 'submit', ...deploy, '--actor', 'alice')
    const op = held.data.op as string
    t.match(
      await json('op', 'wait', op),
      { code: 5, data: { timedOut: false } },
      'people are asked',
    )
    const late = await json('op', 'wait', op, '--for', 'ended', '--timeout', '1s')
    t.match(late, { code: 7, data: { timedOut: true, phase: 'held' } })
    t.match(late.data.blocks.remedies, [{ command: `prov op approve ${op}`, who: /alice/ }])

    // While it waits for people it holds nothing: another terminal can answer.
    const waiting = provChild(['op', 'wait', op, '--for', 'ended', '--json'], {
      cwd: root,
      env: { PROV_HOME: home },
    })
    await waiting.said('held')
    t.match(await json('op', 'approve', op, '--actor', 'bob'), { code: 0 })
    t.equal((await waiting).code, 0)
    t.match(await json('op', 'wait', 'nope'), { code: 64, data: { code: 'PROV_OP_NOT_FOUND' } })
  },
)

t.test('beside a holder it hears of the next phase, and looks no sooner', async (t) => {
  const here = await infra(t)
  const holder = here.child(['run'])
  await holder.said('is held by process')
  const { op } = await here.json<{ op: string }>('op', 'submit', ...deploy, '--again')
  // Nobody turns this clock: who sleeps before the next look sleeps for ever.
  const clock = simulatedClock({ startMs: systemClock.now() })
  let out = ''
  let err = ''
  let looked = (): void => {}
  const standing = new Promise<void>((resolve) => (looked = resolve))
  const waiting = runCommandLine(['op', 'wait', op, '--for', 'ended', '--json'], {
    cwd: here.workspace,
    env: { PROV_HOME: here.home, PROV_ACTOR: 'alice' },
    clock,
    streams: {
      out: { write: (text) => (out += text) },
      err: { write: (text) => ((err += text).includes('held: ') ? looked() : undefined) },
    },
  })
  await standing
  const no = ['--actor', 'bob', '--reason', 'not today'] as const
  t.match(await here.json('op', 'reject', op, ...no), { phase: 'refused' })
  t.equal(await waiting, 4, err)
  t.match(JSON.parse(out), { phase: 'refused', timedOut: false })
  holder.kill('SIGTERM')
  t.equal((await holder).code, 0)
})
