/**
 * Measures: an operation that the policy signs, from proposal to RESULT, on a journal on disk: two
 * tokens, the audit events of three planes, the embedded bus; one at a time and 128 at once. Against
 * exactly its signatures and checks, in one thread and on the pool. It changes nothing, so no machine
 * is started. Not: the ledger, which follows in its own time; the runtime's start; peers.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { contract, createRuntime, defineOpType, definePlugin, keeperDesk, keyStore } from 'prov'
import type { Runtime } from 'prov'
import controller from '../plugins/controller/index.ts'
import keeper from '../plugins/keeper/index.ts'
import orchestrator from '../plugins/orchestrator/index.ts'
import submitter from '../plugins/submitter/index.ts'
import workspacePlugin from '../plugins/workspace/index.ts'
import { bench } from './harness.ts'

const root = dirname(fileURLToPath(import.meta.resolve('prov/package.json')))
const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const workspace = join(dir, 'my-infra')
const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const text = Buffer.from('x'.repeat(900))
/** Intent, approval and five events, each signed once and checked once. */
const signatures = 7
const atOnce = 128
const type = 'bench.note'
let prov: Runtime

function crypto(times: number): void {
  for (let n = 0; n < times * signatures; n++) {
    if (!verify(null, text, publicKey, sign(null, text, privateKey))) throw new Error('broken')
  }
}

const pooled = (): Promise<void> =>
  new Promise((resolve, reject) => {
    sign(null, text, privateKey, (failed, signature) => {
      if (failed) return reject(failed)
      verify(null, text, publicKey, signature, (error, good) =>
        good ? resolve() : reject(error ?? new Error('broken')),
      )
    })
  })

async function together(times: number, one: () => Promise<void>): Promise<void> {
  let left = times
  const lane = async (): Promise<void> => {
    while (left-- > 0) await one()
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, lane))
}

async function open(): Promise<void> {
  cpSync(join(root, 'extensions/provisioning/sample'), workspace, { recursive: true })
  const file = join(workspace, 'keeper_policy.ncl')
  const policy = readFileSync(file, 'utf8')
  writeFileSync(file, policy.replace(/"dimension\.declare"/, `"${type}"`))
  const note = defineOpType({ type, describe: 'changes nothing', targets: ['**'] })
  const brought = definePlugin({ name: 'bench', api: 1, contributes: [note], setup() {} })
  prov = await createRuntime({
    workspace,
    home: join(dir, 'home'),
    discover: false,
    plugins: [workspacePlugin, submitter, keeper, controller, orchestrator, brought],
  })
  const record = await prov
    .service(keyStore)
    .create({ actor: 'ann', kind: 'human', passphrase: '' })
  await prov.service(contract).enrol({ record })
  await prov.service(keeperDesk).activatePolicy({ as: 'ann' })
}

async function operation(): Promise<void> {
  const params = { text: 'x'.repeat(200) }
  const op = await prov.submit({ type, target: 'a/b', params, as: 'ann' })
  const { outcome, why } = await op.settled({ timeoutMs: 120_000 })
  if (outcome !== 'applied') throw new Error(`the operation ended ${outcome}: ${why}`)
}

export default bench(
  'op',
  [
    { name: 'floor: its signatures and checks, in one thread', run: crypto },
    {
      name: 'its signatures and checks, on the pool',
      run: (times) => together(times * signatures, pooled),
    },
    {
      name: 'submit to RESULT, one at a time',
      before: open,
      async run(times) {
        for (let n = 0; n < times; n++) await operation()
      },
    },
    {
      name: 'submit to RESULT, 128 at once',
      run: (times) => together(times, operation),
      after: async () => {
        await prov.close()
        rmSync(dir, { recursive: true, force: true })
      },
    },
  ],
  { sampleMs: 300 },
)
