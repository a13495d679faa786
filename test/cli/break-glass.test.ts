import t from 'tap'
import { sampleCopy } from '../support/workspace.ts'

t.test(
  'glass that was broken is in sight everywhere until another person reviews it',
  async (t) => {
    const { json, run, edit } = sampleCopy(t)
    edit(
      'keeper_policy.ncl',
      'auto_sign = [',
      'break_glass = [{ op_type = "deploy", at_most_minutes = 30 }], auto_sign = [',
    )
    await run('setup', '--actor', 'alice')
    for (const actor of ['bob', 'carol'])
      await run('actor', 'create', actor, '--no-seal', '--actor', 'alice')
    const held = await json(
      'op',
      'submit',
      'deploy',
      'app-cluster/cert-manager',
      '--actor',
      'alice',
    )
    const op = held.data.op as string
    const approve = ['op', 'approve', op, '--actor', 'bob', '--break-glass'] as const
    const because = ['--reason', 'the site is down'] as const
    t.equal((await run(...approve, '--for', '15m')).code, 64, 'no reason')
    t.equal((await run(...approve, ...because)).code, 64, 'no time')
    t.match(await run(...approve, ...because, '--for', '31m'), {
      code: 4,
      err: /PROV_OP_BREAK_GLASS/,
    })
    t.match(await run(...approve, ...because, '--for', '15m', '--dry-run'), {
      code: 0,
      out: /would break the glass/,
    })
    t.equal((await run('doctor')).out.includes('broken glass'), false)
    t.equal((await run(...approve, ...because, '--for', '15m')).code, 0)

    t.match(await run('keeper', 'status'), { code: 1, out: /Broken glass[^]*bob[^]*site is down/ })
    t.match((await run('op', 'list')).out, /broken glass by bob/)
    t.match((await run('op', 'show', op)).out, /broken by bob as break_glass\[0\] lets them/)
    t.match((await run('doctor')).out, /BAD +broken glass[^]*prov keeper review/)
    const review = ['keeper', 'review', op.slice(0, 14), '--reason', 'it was down'] as const
    t.match(await run(...review, '--actor', 'bob'), { code: 4, err: /they broke it themselves/ })
    t.match(await run(...review, '--actor', 'carol'), { code: 0, out: /reviewed, by carol/ })
    t.equal((await run('keeper', 'status')).code, 0)
    t.notMatch((await run('op', 'list')).out, /broken glass/)
    t.match((await json('op', 'list')).data, [{ op, glass: { by: 'bob', reviewed: true } }])
  },
)
