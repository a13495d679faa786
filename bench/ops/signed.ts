/**
 * An operation that the policy signs, from proposal to RESULT, on a journal on disk: two tokens, the
 * audit events of three planes, the embedded bus. It changes nothing, so no machine is started. Beside
 * it the floors: exactly the signatures and checks that it makes, which are counted as it makes them, and
 * one write that is on disk.
 *
 * @module
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import {
  closeSync,
  cpSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  contract,
  createRuntime,
  defineOpType,
  definePlugin,
  journal,
  keeperDesk,
  keyStore,
} from 'prov'
import type { Bus, Runtime } from 'prov'
import controller from '../../plugins/controller/index.ts'
import keeper from '../../plugins/keeper/index.ts'
import orchestrator from '../../plugins/orchestrator/index.ts'
import submitter from '../../plugins/submitter/index.ts'
import workspacePlugin from '../../plugins/workspace/index.ts'
import { quantile, sortedCopy } from '../harness.ts'
import type { Arm } from '../harness.ts'
import { countedCrypto } from './counted.ts'
import { atOnce, together } from './lanes.ts'

const { privateKey, publicKey } = generateKeyPairSync('ed25519')
const text = Buffer.from('x'.repeat(900))
/** What an operation of one process makes, see `figures` below: it does not check its own events again. */
const made = {
  /** Intent, approval and five events. */
  signatures: 7,
  /** Intent and approval. */
  checks: 2,
}
/** What one makes whose planes believe nothing of each other. */
const strangers = { signatures: 7, checks: 7 }
const signature = sign(null, text, privateKey)

function crypto(times: number, { signatures, checks } = made): void {
  for (let n = 0; n < times * signatures; n++) sign(null, text, privateKey)
  for (let n = 0; n < times * checks; n++) {
    if (!verify(null, text, publicKey, signature)) throw new Error('broken')
  }
}

type Ask<T> = (key: KeyObject, done: (error: Error | null, answer: T) => void) => void

const later = <T>(ask: Ask<T>, key: KeyObject): Promise<T> =>
  new Promise((resolve, reject) =>
    ask(key, (error, answer) => (answer ? resolve(answer) : reject(error ?? new Error('broken')))),
  )
const signLater = () => later((key, done) => sign(null, text, key, done), privateKey)
const checkLater = () => later((key, done) => verify(null, text, key, signature, done), publicKey)

export const signatureArms: readonly Arm[] = [
  { name: 'floor: its signatures and checks, in one thread', run: (times) => crypto(times) },
  {
    name: 'its signatures and checks, on the pool',
    async run(times) {
      await together(times * made.signatures, signLater)
      await together(times * made.checks, checkLater)
    },
  },
  {
    name: 'seven signatures and seven checks, in one thread',
    run: (times) => crypto(times, strangers),
  },
]

/** A record's worth of bytes, written and synced by itself. */
export function syncArm(): Arm {
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  let file = 0
  return {
    name: 'one write and its fdatasync',
    before: () => void (file = openSync(join(dir, 'file'), 'w')),
    run(times) {
      for (let n = 0; n < times; n++) {
        writeSync(file, text)
        fdatasyncSync(file)
      }
    },
    after() {
      closeSync(file)
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

async function timed(act: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint()
  await act()
  return Number(process.hrtime.bigint() - start)
}

const type = 'bench.note'

export async function openSigned(dir: string, bus?: () => Promise<Bus>): Promise<Runtime> {
  const root = dirname(fileURLToPath(import.meta.resolve('prov/package.json')))
  const workspace = join(dir, 'my-infra')
  cpSync(join(root, 'extensions/provisioning/sample'), workspace, { recursive: true })
  const file = join(workspace, 'keeper_policy.ncl')
  const policy = readFileSync(file, 'utf8')
  writeFileSync(file, policy.replace(/"dimension\.declare"/, `"${type}"`))
  const note = defineOpType({ type, describe: 'changes nothing', targets: ['**'] })
  const brought = definePlugin({ name: 'bench', api: 1, contributes: [note], setup() {} })
  const prov = await createRuntime({
    workspace,
    home: join(dir, 'home'),
    discover: false,
    bus,
    plugins: [workspacePlugin, submitter, keeper, controller, orchestrator, brought],
  })
  const record = await prov
    .service(keyStore)
    .create({ actor: 'ann', kind: 'human', passphrase: '' })
  await prov.service(contract).enrol({ record })
  await prov.service(keeperDesk).activatePolicy({ as: 'ann' })
  return prov
}

/** One operation from proposal to RESULT. */
export async function runSigned(prov: Runtime, body: string): Promise<void> {
  const op = await prov.submit({ type, target: 'a/b', params: { text: body }, as: 'ann' })
  const { outcome, why } = await op.settled({ timeoutMs: 120_000 })
  if (outcome !== 'applied') throw new Error(`the operation ended ${outcome}: ${why}`)
}

export function signedArms(body: string): readonly Arm[] {
  const dir = mkdtempSync(join(tmpdir(), 'prov-bench-'))
  const counted = countedCrypto()
  let prov: Runtime
  const operation = (): Promise<void> => runSigned(prov, body)
  const done = { operations: 0, syncs: 0 }
  const sync = syncArm()
  return [
    {
      name: 'ours: signed, submit to RESULT, one at a time',
      async before() {
        prov = await openSigned(dir)
        await sync.before?.()
      },
      async run(times) {
        for (let n = 0; n < times; n++) await operation()
      },
      async figures() {
        const least: number[] = []
        const whole: number[] = []
        for (let n = 0; n < 300; n++) {
          least.push(
            await timed(async () => {
              sync.run(1)
              crypto(1)
            }),
          )
          whole.push(await timed(operation))
        }
        const unit = quantile(sortedCopy(least), 0.5)
        const sorted = sortedCopy(whole)
        return {
          'p50, in times of one sync and its signatures (wanted: 8)': quantile(sorted, 0.5) / unit,
          'p99, the same (wanted: 40)': quantile(sorted, 0.99) / unit,
        }
      },
      after: () => sync.after?.(),
    },
    {
      name: 'ours: signed, submit to RESULT, 128 at once',
      atLeast: 4 * atOnce,
      async run(times) {
        const batches = async () => (await prov.service(journal).head())?.batch ?? 0
        const before = await batches()
        counted.begin()
        await together(times, operation)
        counted.end()
        done.operations += times
        done.syncs += (await batches()) - before
      },
      async figures() {
        const { signatures, checks } = counted
        const each = (count: number) => count / done.operations
        return {
          [`signatures (the floor has ${made.signatures})`]: each(signatures),
          [`checks (the floor has ${made.checks})`]: each(checks),
          'syncs of the journal (wanted: 0.05)': each(done.syncs),
        }
      },
      after: async () => {
        await prov.close()
        rmSync(dir, { recursive: true, force: true })
      },
    },
  ]
}
