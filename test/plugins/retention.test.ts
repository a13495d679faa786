/**
 * An operation keeps its answer for ever: also when it left memory, after a restart, and when what
 * the disk knew of it had to be made again (D-42).
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { defineOpType } from '../../core/protocol/op-type.ts'
import { definePlugin } from '../../core/plugin/define.ts'
import { createRuntime } from '../../core/runtime.ts'
import type { Runtime } from '../../core/runtime.ts'
import { codeOf } from '../../core/kit.ts'
import { keepEvery } from '../../core/protocol/keeping.ts'
import { contract, keeperDesk, keyStore } from '../../core/protocol/services.ts'
import controller from '../../plugins/controller/index.ts'
import keeper from '../../plugins/keeper/index.ts'
import orchestrator from '../../plugins/orchestrator/index.ts'
import submitter from '../../plugins/submitter/index.ts'
import workspace from '../../plugins/workspace/index.ts'
import { sampleCopy } from '../support/workspace.ts'

const type = 'test.note'
const brought = definePlugin({
  name: 'brought',
  api: 1,
  contributes: [defineOpType({ type, describe: 'changes nothing', targets: ['**'] })],
  setup() {},
})
const plugins = [workspace, submitter, keeper, controller, orchestrator, brought]
const ops = keepEvery.ended + 40

async function submitted(prov: Runtime, op: string, size = 1) {
  return (await prov.submit({ type, target: 'a', params: { size }, as: 'ann', opId: op })).id
}

// A thousand operations: minutes on a machine that has other things to do.
const timeout = 600_000

t.setTimeout(timeout)
t.test(
  'the same again is the same answer for ever, another body never counts',
  { timeout },
  async (t) => {
    const on = sampleCopy(t)
    on.edit('keeper_policy.ncl', /"dimension\.declare"/, `"${type}"`)
    const options = { workspace: on.root, home: on.home, discover: false, plugins }
    const first = await createRuntime({ ...options, log: () => {} })
    const record = await first
      .service(keyStore)
      .create({ actor: 'ann', kind: 'human', passphrase: '' })
    await first.service(contract).enrol({ record })
    await first.service(keeperDesk).activatePolicy({ as: 'ann' })
    const left: string[] = []
    const gone = new Promise<void>((resolve) => {
      first.service(contract).onLeft((some) => {
        left.push(...some)
        resolve()
      })
    })
    let n = 0
    const lane = async () => {
      while (n < ops) {
        const id = await submitted(first, `old_${++n}`)
        const { outcome } = await first.op(id).settled()
        if (outcome !== 'applied') throw new Error(`${id} ended ${outcome}`)
      }
    }
    await Promise.all(Array.from({ length: 64 }, lane))
    await gone
    const old = left[0] as string
    const listed = () => first.actors.list({ type: 'submitter' }).length
    while (listed() >= ops) await new Promise((resolve) => setImmediate(resolve))
    t.ok(left.length >= keepEvery.ended, `${left.length} of ${ops} left memory`)

    const answers = async (prov: Runtime, when: string) => {
      const events = prov.service(contract).emitter('submitter').end.n
      t.equal(await submitted(prov, old), old, `${when}: the same again`)
      t.match(await prov.op(old).settled(), { outcome: 'applied' }, when)
      t.equal(await codeOf(submitted(prov, old, 2)), 'PROV_OP_ID_REUSED', `${when}: another body`)
      t.equal(
        prov.service(contract).emitter('submitter').end.n,
        events,
        `${when}: nothing was said`,
      )
    }
    await answers(first, 'in the same life')
    const judged = first.service(contract).store.get().ops.get(old)
    await first.close()
    /** Each rule that was looked at, and why it matched or not, as it was said when it was judged. */
    const told = async (when: string) => {
      const { trace } = (await on.json('why', old)).data as { trace: object[] }
      t.ok(trace.length > 1, when)
      t.same(trace, judged?.trace, `${when}: rule by rule`)
      t.match((await on.run('why', old)).out, /Policy looked at[^]*auto_sign\[\d\].*matches/, when)
    }
    await told('from a shelf')
    // Another policy says something else now, and nothing about what was.
    on.edit('keeper_policy.ncl', `"${type}"`, '"something.else"')
    t.equal((await on.run('policy', 'activate', '--actor', 'ann')).code, 0)
    t.equal((await on.run('journal', 'archive')).code, 0)
    const packed = readdirSync(join(on.root, '.prov', 'journal')).filter((one) =>
      one.endsWith('.gz'),
    )
    t.ok(packed.length > 0, 'and the segments of then are packed')
    await told('under another policy, from a packed journal')
    on.edit('keeper_policy.ncl', '"something.else"', `"${type}"`)
    t.equal((await on.run('policy', 'activate', '--actor', 'ann')).code, 0)
    const folder = join(on.root, '.prov', 'ops')
    t.ok(readdirSync(folder).length > 0)
    const shown = await on.json('op', 'show', old)
    t.match(shown.data, { id: old, phase: 'applied' })

    const second = await createRuntime({ ...options, log: () => {} })
    await answers(second, 'after a restart')
    t.match(await second.op(await submitted(second, 'new_1')).settled(), { outcome: 'applied' })
    await second.close()

    rmSync(folder, { recursive: true })
    t.match((await on.json('op', 'show', old)).data, { id: old, phase: 'applied' })
    const third = await createRuntime({ ...options, log: () => {} })
    await answers(third, 'made again from the journal')
    t.ok(readdirSync(folder).length > 0, 'and it is back')
    t.equal(third.service(contract).store.get().ops.size, ops + 1)
    await third.close()
    await told('made again from a packed journal')
  },
)
