/** Taking back what was applied: another operation, judged like any other, once. */
import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'

t.test('what was applied is taken back by its declared inverse, once', async (t) => {
  const { json, run, edit } = sampleCopy(t)
  edit(
    '.ontology/provisioning.ncl',
    /op_types = \[/,
    `op_types = [
      p.make_op_type { type = "label", targets = ["**"], gains = ["labelled"], inverse = "unlabel" },
      p.make_op_type { type = "unlabel", targets = ["**"], loses = ["labelled"] },`,
  )
  await run('setup', '--actor', 'alice')
  await run('actor', 'create', 'bob', '--no-seal')
  const approve = (op: string) => json('op', 'approve', op, '--actor', 'bob')
  const first = await json('op', 'submit', 'label', 'monitoring/loki', '--actor', 'alice')
  const op = first.data.op as string
  t.match(await json('op', 'compensate', op), { code: 3, data: { code: 'PROV_OP_NOT_APPLIED' } })
  t.match(await approve(op), { code: 0 })

  const back = await json('op', 'compensate', op, '--actor', 'alice')
  t.match(back, { code: 5, data: { phase: 'held' } }, 'policy judges it like any other')
  const again = await json('op', 'compensate', op, '--actor', 'alice')
  t.match(again, { code: 6, data: { code: 'PROV_OP_COMPENSATED' } })
  t.match(await approve(back.data.op as string), { code: 0 })
  const shown = await json('op', 'show', back.data.op as string)
  t.match(shown.data, { type: 'unlabel', body: { compensates: op } })
  t.match((await json('op', 'show', op)).data, { phase: 'applied' }, 'what happened, happened')
  const none = await json('op', 'compensate', back.data.op as string)
  t.match(none, { code: 3, data: { code: 'PROV_OP_NO_INVERSE' } })
})
