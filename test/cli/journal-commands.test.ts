/** The journal at a terminal: looked at beside a writer, repaired, and adopted after a restore. */
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openJournal } from '../../core/journal/file.ts'
import { sampleCopy } from '../support/workspace.ts'
import type { Printed } from '../support/workspace.ts'

t.test('a restored workspace is refused, adopted by a person, and goes on', async (t) => {
  const { json, run, root } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await json('actor', 'create', 'bot', '--no-seal', '--kind', 'agent', '--actor', 'alice')
  const dir = join(root, '.prov', 'journal')
  const backup = `${root}-backup`
  t.teardown(() => rmSync(backup, { recursive: true, force: true }))
  cpSync(dir, backup, { recursive: true })
  const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice'] as const
  t.match(await json(...deploy), { code: 5 })
  const { data: before } = await json('journal', 'stats')
  rmSync(dir, { recursive: true })
  cpSync(backup, dir, { recursive: true })

  t.match(await json(...deploy), { code: 4, data: { code: 'PROV_JOURNAL_BEHIND' } })
  t.match(await json('journal', 'verify'), {
    code: 1,
    data: { problems: [{ what: /older state/ }] },
  })
  const adopt = ['journal', 'adopt', '--reason', 'the disk was lost'] as const
  t.match(await json(...adopt, '--actor', 'bot'), {
    code: 4,
    data: { code: 'PROV_KEY_ADOPTION_REFUSED' },
  })
  t.match(await json(...adopt, '--dry-run'), {
    code: 0,
    data: { from: before.head.journal, to: null },
  })
  const adopted = await json(...adopt, '--actor', 'alice')
  t.match(adopted, { code: 0, data: { from: before.head.journal } })
  t.match(await json(...deploy), { code: 5 }, 'work goes on')
  const { findings, ledger } = (await json('audit', 'verify')).data
  t.same(findings, [], 'the trail is whole over both ids')
  t.match(ledger.left, [/^left\/[0-9a-f]{12}$/], 'and the ledger still tells what was lost')
  const { data: stats } = await json('journal', 'stats')
  t.same(stats.lineage, [adopted.data.from, adopted.data.to])
  t.match((await run('journal', 'stats')).out, /adopted from/)
})

t.test(
  'stats and dump answer beside a writer; tokens are shown without their signatures',
  async (t) => {
    const { json, run, root } = sampleCopy(t)
    await run('setup', '--actor', 'alice')
    await json('op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice')
    const journal = await openJournal({ dir: join(root, '.prov', 'journal') })
    t.teardown(() => journal.close())
    const { data: stats } = await json('journal', 'stats')
    t.equal(stats.writer.pid, process.pid)
    const { data: all } = await json('journal', 'dump', '--limit', '100000')
    t.equal(all.length, stats.records)
    const text = JSON.stringify(all)
    t.match(text, /"eyJ[\w-]+\.[\w-]+\.…"/)
    t.notMatch(text, /eyJ[\w-]+\.[\w-]+\.[\w-]{40}/)
    const some = await json(
      'journal',
      'dump',
      '--partition',
      'keeper',
      '--type',
      'audit',
      '--to',
      '40',
    )
    t.ok(some.data.length > 0)
    t.ok(
      some.data.every(
        ({ partition, type, position }: Printed) =>
          partition === 'keeper' && type === 'audit' && position <= 40,
      ),
    )
    const two = await run('journal', 'dump', '--from', '2', '--limit', '2')
    t.same(
      two.out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { position: number }).position),
      [2, 3],
    )
    t.match(two.err, /--from 4/)
    t.match(await json('journal', 'repair'), { code: 7, data: { code: 'PROV_JOURNAL_LOCKED' } })
  },
)

t.test('repair at a terminal looks first', async (t) => {
  const { json, run, root } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const dir = join(root, '.prov', 'journal')
  await json('op', 'submit', 'deploy', 'app-cluster/cert-manager', '--actor', 'alice')
  t.match(await json('journal', 'repair'), { code: 0, data: { done: true } })
  const [first = '', second = ''] = readdirSync(dir)
    .filter((name) => name.endsWith('.log'))
    .sort()
  cpSync(join(dir, second), `${root}-second`)
  t.teardown(() => rmSync(`${root}-second`))
  rmSync(join(dir, second))
  t.match(await json('journal', 'verify'), { code: 1, data: { problems: [{ what: /up to/ }] } })
  cpSync(`${root}-second`, join(dir, second))
  t.match(await json('journal', 'verify'), { code: 0 })
  rmSync(join(dir, first))
  const told = await json('journal', 'repair')
  t.match(told, { code: 1, data: { done: false, lost: { from: 1 } } })
  t.match((await run('journal', 'repair')).out, /would be lost/)
  t.match(await json('journal', 'repair', '--yes'), { code: 0, data: { done: true } })
  t.match(await json('journal', 'verify'), { code: 4, data: { code: 'PROV_JOURNAL_GONE' } })
})
