/** Measures: making and checking one intent token. Not: key loading, the journal. */
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../core/clock.ts'
import { newId } from '../core/ids.ts'
import { digestOf } from '../core/json.ts'
import type { Signer } from '../core/protocol/key.ts'
import { openKeyStore } from '../core/protocol/keys.ts'
import type { IntentClaims, OpBody } from '../core/protocol/op.ts'
import { openToken, openTokenNow, signToken, signTokenNow } from '../core/protocol/tokens.ts'
import { bench } from './harness.ts'

const home = mkdtempSync(join(tmpdir(), 'prov-bench-'))
const pair = generateKeyPairSync('ed25519')
const text = Buffer.from('x'.repeat(900))
let signer: Signer
let claims: IntentClaims
let token = ''

const op: OpBody = {
  type: 'deploy',
  target: 'app-cluster/cert-manager',
  scope: ['deploy:app-cluster'],
  destructive: false,
  achieves: [{ dimension: 'cluster', from: 'bootstrapped', to: 'operational' }],
  gains: ['cert-manager'],
  loses: [],
  requires: [],
  run: { provider: 'local', steps: [{ id: 'apply', script: 'true' }] },
}

async function open(): Promise<void> {
  const keys = openKeyStore({ home, clock: systemClock })
  await keys.create({ actor: 'bench', kind: 'human', passphrase: '' })
  signer = await keys.signer('bench')
  const iat = Math.floor(systemClock.now() / 1_000)
  claims = {
    iss: signer.record.kid,
    sub: newId('op', systemClock),
    aud: 'jrn_bench',
    jti: newId('jti', systemClock),
    iat,
    nbf: iat,
    exp: iat + 3_600,
    workspace: 'bench',
    op,
    op_digest: digestOf(op as never),
    scope: op.scope,
    expected_state_version: { cluster: 3 },
  }
  token = await signToken('intent', claims, signer)
}
const context = () => ({
  key: (kid: string) => (kid === signer.record.kid ? signer.record : undefined),
  audience: 'jrn_bench',
  workspace: 'bench',
  nowMs: systemClock.now(),
})

export default bench('sign', [
  {
    name: 'floor: node:crypto Ed25519 sign + verify',
    before: open,
    run: (times) => {
      let good = 0
      for (let n = 0; n < times; n++) {
        if (verify(null, text, pair.publicKey, sign(null, text, pair.privateKey))) good++
      }
      return good
    },
  },
  {
    name: 'intent signed and checked, hot path',
    run: (times) => {
      for (let n = 0; n < times; n++)
        openTokenNow('intent', signTokenNow('intent', claims, signer), context())
    },
  },
  {
    name: 'intent checked, hot path',
    run: (times) => {
      for (let n = 0; n < times; n++) openTokenNow('intent', token, context())
    },
  },
  {
    name: 'intent signed and checked, by jose',
    run: async (times) => {
      for (let n = 0; n < times; n++) {
        await openToken('intent', await signToken('intent', claims, signer), context())
      }
    },
    after: () => rmSync(home, { recursive: true, force: true }),
  },
])
