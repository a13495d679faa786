import t from 'tap'
import type { AuditData, AuditEvent, AuditType } from '../../core/protocol/audit.ts'
import { emptyModel, foldAudit, isTerminal, outcomeOf } from '../../core/protocol/fold.ts'
import type { OpsModel } from '../../core/protocol/fold.ts'

const digest = `sha256:${'0'.repeat(64)}`
let n = 0
function event<T extends AuditType>(type: T, data: AuditData[T], subject = 'op_1'): AuditEvent {
  const id = `keeper:1:${++n}`
  const time = new Date(1_767_225_600_000 + n * 1_000).toISOString()
  return { id, type: `prov.${type}`, subject, time, data, correlationid: subject } as never
}
const submitted = (subject?: string) =>
  event(
    'op.submitted',
    {
      op: {
        type: 'deploy',
        target: 'app/cert-manager',
        scope: [],
        destructive: false,
        achieves: [{ dimension: 'cluster', from: 'boot', to: 'up' }],
        gains: ['tls'],
        loses: ['plain'],
        requires: [],
      },
      op_digest: digest,
      by: 'alice',
      kid: 'k',
      expected_state_version: { cluster: 0 },
      expires: 9,
      intent: '',
    },
    subject,
  )
const genesis = () =>
  event('state.genesis', { positions: { cluster: 'boot' }, capabilities: ['plain'] }, 'my-infra')
const matched = () =>
  event('op.matched', {
    verdict: 'hold',
    rule: null,
    policy_digest: digest,
    policy_version: 1,
    trace: [],
  })
const held = () =>
  event('op.held', {
    why: 'nobody said yes',
    plan_digest: digest,
    policy_digest: digest,
    needs: '1',
  })
const approved = (seq = 1) =>
  event('op.approved', {
    seq,
    keeper_epoch: 1,
    policy_digest: digest,
    approvals: [{ actor: 'bob', custody: 'shared' }],
    auto: false,
    approval: digest,
  })
const claimed = () =>
  event('op.claimed', {
    seq: 1,
    keeper_epoch: 1,
    epoch: 1,
    provider_token: 't',
    writes: ['cluster'],
  })
const applied = () =>
  event('op.applied', {
    moves: [{ dimension: 'cluster', from: 'boot', to: 'up', version: 1 }],
    gained: ['tls'],
    lost: ['plain'],
    detail: {},
  })
const story = (...events: readonly AuditEvent[]): OpsModel => events.reduce(foldAudit, emptyModel())

t.test('an operation goes from proposal to applied, and only then the dimension moves', (t) => {
  const before = story(genesis(), submitted(), matched(), held(), approved(), claimed())
  t.equal(before.ops.get('op_1')?.phase, 'claimed')
  t.same(before.positions, { cluster: { state: 'boot', version: 0 } })
  const after = foldAudit(before, applied())
  t.same(after.positions, { cluster: { state: 'up', version: 1, op: 'op_1' } })
  t.same(after.capabilities, ['tls'])
  const row = after.ops.get('op_1')
  t.equal(row?.outcome, 'applied')
  t.same(
    row?.notes.map(({ phase }) => phase),
    ['submitted', 'submitted', 'held', 'approved', 'claimed', 'applied'],
  )
  t.end()
})

t.test('a late command does not end an operation, an expired intent does', (t) => {
  const late = { what: 'command', code: 'PROV_OP_COMMAND_LATE', message: 'late' } as const
  const model = story(submitted(), held(), approved(), event('op.expired', late))
  t.equal(model.ops.get('op_1')?.phase, 'approved')
  const again = [event('op.expired', late), approved(2), claimed(), applied()]
  const row = again.reduce(foldAudit, model).ops.get('op_1')
  t.equal(row?.phase, 'applied')
  t.equal(row?.code, undefined, 'old trouble is gone')
  const gone = { what: 'intent', code: 'PROV_TOKEN_EXPIRED', message: 'over' } as const
  const ended = story(submitted(), held(), event('op.expired', gone)).ops.get('op_1')
  t.equal(ended?.outcome, 'expired')
  t.end()
})

t.test('events of an operation that nobody submitted change nothing', (t) => {
  const model = story(genesis(), applied(), held())
  t.equal(model.ops.size, 0)
  t.same(model.positions, { cluster: { state: 'boot', version: 0 } })
  t.end()
})

t.test('a second sight of the files never moves what is known', (t) => {
  const second = event(
    'state.genesis',
    { positions: { cluster: 'boot', gitops: 'off' }, capabilities: [] },
    'my-infra',
  )
  const model = story(genesis(), submitted(), claimed(), applied(), second)
  t.equal(model.positions['cluster']?.state, 'up')
  t.same(model.positions['gitops'], { state: 'off', version: 0 })
  t.end()
})

t.test('an end is an end, whatever comes later', (t) => {
  const refusal = { code: 'X', message: 'late', remedy: 'none' }
  const model = story(genesis(), submitted(), approved(), claimed(), applied())
  const after = [event('op.refused', refusal), applied()].reduce(foldAudit, model)
  t.equal(after.ops.get('op_1')?.phase, 'applied')
  t.equal(after.positions['cluster']?.version, 1)
  t.end()
})

t.test('each number is given to one operation and used up once', (t) => {
  const model = story(submitted(), approved(1), claimed())
  t.match(model.numbers.get(1, 1), { op: 'op_1', used: 'op.claimed', approval: digest })
  const skipped = event('seq.skipped', { seq: 2, keeper_epoch: 1 }, 'keeper')
  const after = [skipped, approved(3)].reduce(foldAudit, model)
  t.equal(after.numbers.get(1, 2)?.used, 'seq.skipped')
  t.equal(after.numbers.get(1, 3)?.used, undefined)
  t.same(after.highest, { keeperEpoch: 1, seq: 3 })
  t.end()
})

t.test('held and in doubt are standstills, not ends', (t) => {
  t.equal(outcomeOf('held'), 'held')
  t.equal(outcomeOf('in_doubt'), 'unknown')
  t.equal(outcomeOf('claimed'), undefined)
  t.notOk(isTerminal('held'))
  t.notOk(isTerminal('in_doubt'))
  t.ok(isTerminal('refused'))
  t.end()
})
