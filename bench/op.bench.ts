/**
 * Measures: an operation that the policy signs, from proposal to RESULT, on a journal on disk: two
 * tokens, the audit events of three planes, the embedded bus. It only moves state, so no machine is
 * started. Not: the ledger, which follows in its own time; the runtime's start.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contract, createRuntime, keeperDesk, keyStore, type Runtime } from 'prov'
import { openJournal } from '../core/journal/file.ts'
import type { Journal } from '../core/journal/journal.ts'
import { bench } from './harness.ts'

const root = dirname(fileURLToPath(import.meta.resolve('prov/package.json')))
const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const workspace = join(dir, 'my-infra')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const text = Buffer.from('x'.repeat(900))
const filler = { partition: 'bench', type: 'filler', body: { text: 'x'.repeat(900) } }
let journal: Journal
let prov: Runtime
let there = false

/** What the contract cannot do without: five signatures, five checks, four commits in a row. */
async function floor(times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    for (let part = 0; part < 5; part++) {
      if (!verify(null, text, publicKey, sign(null, text, privateKey))) throw new Error('broken')
    }
    for (let part = 0; part < 4; part++) await journal.append([filler])
  }
}

async function open(): Promise<void> {
  cpSync(join(root, 'extensions/provisioning/sample'), workspace, { recursive: true })
  const file = join(workspace, 'keeper_policy.ncl')
  const policy = readFileSync(file, 'utf8')
  writeFileSync(file, policy.replace(/"dimension\.declare"/, '"dimension.transition"'))
  prov = await createRuntime({ workspace, home: join(dir, 'home') })
  const record = await prov
    .service(keyStore)
    .create({ actor: 'ann', kind: 'human', passphrase: '' })
  await prov.service(contract).enrol({ record })
  await prov.service(keeperDesk).activatePolicy({ as: 'ann' })
}

/** Back and forth between two states, so that every operation has something to do. */
async function operate(times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const to = there ? 'active' : 'paused'
    const op = await prov.submit({
      type: 'dimension.transition',
      target: 'gitops_sync',
      params: { to },
      as: 'ann',
    })
    const { outcome, why } = await op.settled({ timeoutMs: 30_000 })
    if (outcome !== 'applied') throw new Error(`the operation ended ${outcome}: ${why}`)
    there = !there
  }
}

export default bench(
  'op',
  [
    {
      name: 'floor: its signatures, checks and commits alone',
      before: async () => void (journal = await openJournal({ dir: join(dir, 'floor') })),
      run: floor,
      after: () => journal.close(),
    },
    {
      name: 'submit to RESULT, one at a time',
      before: open,
      run: operate,
      after: async () => {
        await prov.close()
        rmSync(dir, { recursive: true, force: true })
      },
    },
  ],
  { sampleMs: 300 },
)
