/** Whoever agrees to something on a terminal sees what was signed, whatever is written in it. */
import t from 'tap'
import { makePaint } from '../../core/cli/output.ts'
import { printable } from '../../core/cli/printable.ts'
import { contract, keeperDesk, keyStore, submissions } from '../../core/protocol/services.ts'
import { createRuntime } from '../../core/runtime.ts'
import { sampleCopy } from '../support/workspace.ts'

t.test('signs that act are shown by their numbers; colours, lines and letters stay', async (t) => {
  const paint = makePaint({ colours: true })
  const painted = [paint.bold, paint.dim, paint.good, paint.bad, paint.warn].map((one) => one('x'))
  for (const text of [...painted, 'a\tb', 'x[1m y', 'Zürich, 東京 👩‍🚀', 'e\u0301'])
    t.equal(printable(text), text)
  for (const [text, shown] of [
    ['\u001b[2J\u001b[1;1Happroved', '\\u001b[2J\\u001b[1;1Happroved'],
    ['\u001b[8mhidden', '\\u001b[8mhidden'],
    ['deny\rsign', 'deny\\u000dsign'],
    ['restart\n  phase  applied', 'restart\\u000a  phase  applied'],
    ['\u009b2K', '\\u009b2K'],
    ['\r[1mx', '\\u000d[1mx'],
    ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
    ['a\u202egnp', 'a\\u202egnp'],
    ['a\u2066b\u2069', 'a\\u2066b\\u2069'],
    ['a\u2028b', 'a\\u2028b'],
    ['a\u200bb\u00adc\u061cd\ufeffe', 'a\\u200bb\\u00adc\\u061cd\\ufeffe'],
  ] as const) {
    t.equal(printable(text), shown)
  }
})

t.test('a reason that would redraw the screen redraws none', async (t) => {
  const on = sampleCopy(t)
  const reason = 'fine\u001b[2K\rapproved by bob \u202eon'
  const prov = await createRuntime({ workspace: on.root, home: on.home, log: () => {} })
  const { id } = await (async () => {
    for (const actor of ['alice', 'bob']) {
      const key = { actor, kind: 'human', passphrase: '' } as const
      const record = await prov.service(keyStore).create(key)
      await prov.service(contract).enrol({ record, as: 'alice' })
    }
    return prov.submit({ type: 'deploy', target: 'app-cluster/cert-manager', as: 'alice' })
  })()
  await prov.op(id).settled()
  await prov.service(keeperDesk).vote({ op: id, as: 'bob', decision: 'reject', reason })
  t.equal((await prov.service(submissions).phase(id))?.name, 'refused')
  await prov.close()
  for (const line of ['op list', `op show ${id}`, `why ${id}`, 'audit log']) {
    const { out, err } = await on.run(...line.split(' '))
    t.notMatch((out + err).replaceAll('\n', ''), /[\p{Cc}\u202e]/u, line)
  }
  t.match((await on.run('op', 'show', id)).out, 'fine\\u001b[2K\\u000dapproved by bob')
  t.match(
    JSON.stringify((await on.json('op', 'show', id)).data),
    JSON.stringify(reason).slice(1, 9),
  )
})
