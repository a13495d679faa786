/**
 * An agreement holds for one plan, under one policy, on one state, by keys that count, once, and for a
 * while. Each of these moves here after bob agreed: what becomes of the operation, and what is said.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { codeOf } from '../../core/kit.ts'
import { live, people, ready, usualPolicy } from './stage.ts'
import type { Life, Stage } from './stage.ts'

const asks = (quorum: number): string =>
  usualPolicy.replace(
    'require_manual = [',
    `require_manual = [{ id = "some", op_type = "deploy", quorum = { at_least = ${quorum} } },`,
  )

type Team = Life & { readonly on: Stage }

async function team(t: Test, quorum: number): Promise<Team> {
  const life = await ready(t, asks(quorum))
  const record = await people(life.on).create({ actor: 'carol', kind: 'human', passphrase: '' })
  await life.deal.enrol({ record, as: 'alice' })
  return life
}

async function activate({ on, desk }: Team, policy: string): Promise<void> {
  writeFileSync(join(on.workspace, 'keeper_policy.ncl'), policy)
  // What is said anew is said later.
  await on.clock.advance(1_000)
  await desk.activatePolicy({ as: 'alice' })
}

const vote = ({ desk }: Life, op: string, as: string) =>
  desk.vote({ op, as, decision: 'approve', reason: 'looked at it' })

const rows: Readonly<
  Record<
    string,
    {
      readonly moves: (life: Team, op: string) => Promise<unknown>
      readonly ends: 'held' | 'refused' | 'expired' | 'withdrawn' | 'applied'
      readonly code?: string
      readonly why: RegExp
      /** Whether what bob said still counts. Default: it does not. */
      readonly counts?: true
      /** Whether one vote is enough from then on. Default: it takes two. */
      readonly one?: true
    }
  >
> = {
  'another policy that asks for the same': {
    moves: (life) => activate(life, asks(2).replace('"never"', '"never again"')),
    ends: 'held',
    why: /policy 2 came into force; void: the votes of bob/,
  },
  'a policy that asks for more': {
    moves: (life) => activate(life, asks(3)),
    ends: 'held',
    why: /policy 2 came into force; void: the votes of bob/,
  },
  'a policy that asks for no more than there are': {
    moves: (life) => activate(life, asks(1)),
    ends: 'held',
    why: /policy 2 came into force; void: the votes of bob/,
    one: true,
  },
  'a policy that denies it': {
    moves: (life) => activate(life, asks(2).replace('op_type = "drain"', 'op_type = "deploy"')),
    ends: 'refused',
    code: 'PROV_OP_DENIED',
    why: /never[^]*; void: the votes of bob/,
  },
  'a policy that signs it by itself': {
    moves: (life) =>
      activate(life, '{ policy = { auto_sign = [{ id = "go", op_type = "deploy" }] } }'),
    ends: 'applied',
    why: /.*/,
  },
  'a policy with no word about it': {
    moves: (life) => activate(life, '{ policy = { deny = [{ op_type = "drain" }] } }'),
    ends: 'held',
    why: /no rule[^]*policy 2 came into force; void: the votes of bob/,
    one: true,
  },
  'the state that it counts on': {
    async moves(life) {
      const { op } = await life.ops.submit({ type: 'deploy', target: 'other/y', as: 'alice' })
      await life.until(op, 'held')
      for (const as of ['bob', 'carol']) await vote(life, op, as)
      await life.until(op, 'applied')
    },
    ends: 'refused',
    code: 'PROV_OP_VERSION_MOVED',
    why: /cluster moved: .*; void: the votes of bob/,
  },
  'the key that agreed': {
    moves: ({ desk }) => desk.revoke({ actor: 'bob', reason: 'laptop lost', as: 'alice' }),
    ends: 'held',
    why: /the key of bob was revoked; void: the votes of bob/,
  },
  'the key that asked': {
    moves: ({ desk }) => desk.revoke({ actor: 'alice', reason: 'laptop lost', as: 'carol' }),
    ends: 'refused',
    code: 'PROV_TOKEN_KEY_REVOKED',
    why: /; void: the votes of bob/,
  },
  'the time that was given': {
    moves: ({ on }) => on.clock.advance(7 * 86_400_000),
    ends: 'expired',
    why: /intent[^]*; void: the votes of bob/,
  },
  'the mind of who asked': {
    moves: ({ ops }, op) => ops.withdraw({ op, as: 'alice', reason: 'not today' }),
    ends: 'withdrawn',
    why: /not today/,
  },
  'the mode of the keeper alone': {
    moves: ({ desk }) => desk.setMode({ mode: 'manual', as: 'alice' }),
    ends: 'held',
    why: /bob votes approve/,
    counts: true,
  },
  'the groups of who agreed, which nobody asks for': {
    async moves({ deal }) {
      const record = deal.keyring.actor('bob')
      if (record) await deal.enrol({ record, as: 'alice', groups: ['ops'] })
    },
    ends: 'held',
    why: /bob votes approve/,
    counts: true,
  },
}

for (const [what, { moves, ends, code, why, counts, one }] of Object.entries(rows)) {
  t.test(`one of two agreed, and then comes ${what}`, async (t) => {
    const life = await team(t, 2)
    const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await life.until(op, 'held')
    await vote(life, op, 'bob')
    await moves(life, op)
    await life.until(op, ends)
    const row = () => life.deal.store.get().ops.get(op)
    t.match(row()?.why, why)
    if (code !== undefined) t.equal(row()?.code, code)
    if (ends === 'held') {
      t.same(
        row()?.votes.map(({ actor }) => actor),
        counts ? ['bob'] : [],
      )
      await vote(life, op, 'carol')
      if (counts || one) await life.until(op, 'applied')
      t.equal(row()?.phase === 'held', !counts && !one, 'whether those who agreed now suffice')
    }
    if (ends !== 'applied' && row()?.phase !== 'applied') {
      t.equal(life.on.effects.get(op), undefined)
    }
    if (ends === 'applied') t.equal(life.on.effects.get(op), 1)
  })
}

const signed: Readonly<
  Record<string, { readonly moves: (life: Team) => Promise<unknown>; readonly why: RegExp }>
> = {
  'another policy': {
    moves: (life) => activate(life, asks(1).replace('"never"', '"never again"')),
    why: /its command had no force any more; void: the votes of bob/,
  },
  'a policy under which it waits for more people': {
    moves: (life) => activate(life, asks(2)),
    why: /its command had no force any more; void: the votes of bob/,
  },
  'the loss of the key that agreed': {
    moves: ({ desk }) => desk.revoke({ actor: 'bob', reason: 'laptop lost', as: 'alice' }),
    why: /the key of bob was revoked; void: the votes of bob/,
  },
}

for (const [what, { moves, why }] of Object.entries(signed)) {
  t.test(`it was signed and nobody claimed it yet, and then comes ${what}`, async (t) => {
    const whole = await team(t, 1)
    const { on } = whole
    await whole.close()
    on.deaf = ['controller']
    const first = Object.assign(await live(on), { on })
    const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    await first.until(op, 'held')
    await vote(first, op, 'bob')
    await first.until(op, 'approved')
    await moves(first)
    await first.close()
    on.deaf = []
    const life = await live(on)
    t.teardown(() => life.close())
    await life.until(op, 'held')
    const row = life.deal.store.get().ops.get(op)
    t.same(row?.votes, [])
    t.match(row?.why, why)
    t.equal(on.effects.get(op), undefined, 'nothing was done by what moved')
  })
}

t.test('what the mode alone holds stays held when its policy stops to sign it', async (t) => {
  const life = await team(t, 1)
  await life.desk.setMode({ mode: 'manual', as: 'alice' })
  const { op } = await life.ops.submit({ type: 'restart', target: 'staging-1/api', as: 'alice' })
  await life.until(op, 'held')
  await activate(life, asks(1).replace('op_type = "restart"', 'op_type = "gated"'))
  await life.desk.setMode({ mode: 'hybrid', as: 'alice' })
  const { op: next } = await life.ops.submit({ type: 'gated', target: 'staging-1/b', as: 'alice' })
  await life.until(next, 'applied')
  t.match(life.deal.store.get().ops.get(op), { phase: 'held', why: /no rule/ })
  await vote(life, op, 'bob')
  await life.until(op, 'applied')
})

t.test('an agreement is used once: signed, run, and never again', async (t) => {
  const life = await team(t, 1)
  const { op } = await life.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
  await life.until(op, 'held')
  await vote(life, op, 'bob')
  await life.until(op, 'applied')
  t.equal(await codeOf(vote(life, op, 'carol')), 'PROV_OP_NOT_HELD')
  t.equal(life.on.effects.get(op), 1)
})
