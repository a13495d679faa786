/** Waiting for an operation, beside others that act on it. */
import t from 'tap'
import { provChild } from '../support/cli.ts'
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
