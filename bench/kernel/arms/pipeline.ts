/**
 * The whole way of an operation, counted: records, messages of the bus, frames, syncs and bytes from
 * the proposal to its RESULT. It only moves state, so no machine is started.
 *
 * @module
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as face from '../../../core/index.ts'
import { mustBe } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'
import { openTree, partOf } from '../tree.ts'

type Face = typeof face

async function op({ root }: Place): Promise<Cell> {
  const { openJournal } = await openTree(root)
  const prov = (await partOf(root, 'core/index')) as unknown as Face
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  const workspace = join(dir, 'my-infra')
  cpSync(join(root, 'extensions/provisioning/sample'), workspace, { recursive: true })
  const file = join(workspace, 'keeper_policy.ncl')
  const policy = readFileSync(file, 'utf8')
  writeFileSync(file, policy.replace(/"dimension\.declare"/, '"dimension.transition"'))
  const counts = { syncs: 0, frames: 0, bytes: 0, records: 0, messages: 0 }
  const journal = await openJournal({
    dir: join(dir, 'journal'),
    onSync: ({ frames, bytes }) => {
      counts.syncs++
      counts.frames += frames
      counts.bytes += bytes
    },
  })
  const runtime = await prov.createRuntime({ workspace, home: join(dir, 'home'), journal })
  const record = await runtime
    .service(prov.keyStore)
    .create({ actor: 'ann', kind: 'human', passphrase: '' })
  await runtime.service(prov.contract).enrol({ record })
  await runtime.service(prov.keeperDesk).activatePolicy({ as: 'ann' })
  let there = false
  let applied = 0
  const one = async (): Promise<void> => {
    const handle = await runtime.submit({
      type: 'dimension.transition',
      target: 'gitops_sync',
      params: { to: there ? 'active' : 'paused' },
      as: 'ann',
    })
    const { outcome } = await handle.settled({ timeoutMs: 30_000 })
    if (outcome === 'applied') applied++
    there = !there
  }
  // The first one also makes what is made once: consumers, the first records of a day.
  await one()
  applied = 0
  for (const name of Object.keys(counts)) counts[name as keyof typeof counts] = 0
  journal.follow((records) => {
    counts.records += records.length
    counts.messages += records.filter(({ type }) => type === 'message.published').length
  })
  return {
    async run(times) {
      for (let at = 0; at < times; at++) await one()
    },
    check: (total) => mustBe('operations applied', applied, total),
    figures: (total) =>
      Object.fromEntries(
        Object.entries(counts).map(([name, count]) => [`${name}PerOp`, count / total]),
      ),
    async close() {
      await runtime.close()
      await journal.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export const arm: Arm = { cells: { op } }
