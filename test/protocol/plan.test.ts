/** Plans as documents: the same again is the same bytes, what moved is named, what was changed is found. */
import t from 'tap'
import {
  maskSecrets,
  opDigest,
  parsePlan,
  planDrift,
  planFileDigest,
  planText,
  secretParam,
} from 'prov'
import type { OpBody, OpPlan } from 'prov'
import { codeOf } from 'prov/testing'

const body: OpBody = {
  type: 'deploy',
  target: 'eu/web',
  image: 'web:2',
  scope: [],
  destructive: false,
  achieves: [{ dimension: 'web', from: 'off', to: 'on' }],
  gains: ['http'],
  loses: [],
  requires: [],
}

function plan(more: Partial<OpPlan> = {}): OpPlan {
  const made = {
    kind: 'prov-plan',
    version: 1,
    workspace: 'eu',
    journal: 'j-1',
    proposal: { type: 'deploy', target: 'eu/web', image: 'web:2' },
    body,
    op_digest: opDigest(more.body ?? body),
    state: { web: 3 },
    changes: [{ what: 'dimension', id: 'web', from: 'off', to: 'on', because: 'it does' }],
    empty: false,
    obstacles: [],
    policy: { version: 1, digest: 'sha256:p', verdict: 'hold', rule: null, why: '', trace: [] },
    ...more,
  } as const
  return { ...made, digest: planFileDigest(made) }
}

t.test('a file is read back as it was, and says what is wrong with it', async (t) => {
  const text = planText(plan())
  t.same(parsePlan(text, 'x.plan'), plan())
  t.equal(planText(parsePlan(text, 'x.plan')), text, 'the same bytes')
  const code = (broken: string) => codeOf((async () => parsePlan(broken, 'x.plan'))())
  t.equal(await code('{'), 'PROV_PLAN_UNREADABLE')
  t.equal(await code('null'), 'PROV_PLAN_UNREADABLE')
  t.equal(await code('{"kind":"prov-plan","version":2}'), 'PROV_PLAN_UNREADABLE')
  t.equal(await code('{"kind":"prov-plan","version":1}'), 'PROV_PLAN_UNREADABLE')
  t.equal(await code(`"${'x'.repeat(1_048_577)}"`), 'PROV_PLAN_UNREADABLE')
  for (const [from, to] of [
    ['"web:2"', '"web:3"'],
    ['"because": "it does"', '"because": "it does not"'],
    ['"web": 3', '"web": 4'],
    ['"empty": false', '"empty": true'],
    ['"digest": "sha256:p"', '"digest": "sha256:q"'],
  ] as const) {
    const altered = text.replace(from, to)
    t.not(altered, text)
    t.equal(await code(altered), 'PROV_PLAN_ALTERED', `${from} ${to}`)
  }
})

t.test('what moved is named, and a forecast is no part of what is agreed', async (t) => {
  const policy = plan().policy
  t.same(planDrift(plan(), plan()), [])
  t.same(
    planDrift(plan(), plan({ policy: { ...policy, verdict: 'auto-sign', why: 'at night' } })),
    [],
  )
  t.same(planDrift(plan(), plan({ state: { web: 4, db: 1 } })), [
    'version of db was nothing, is 1',
    'version of web was 3, is 4',
  ])
  t.same(planDrift(plan(), plan({ policy: { ...policy, version: 2, digest: 'sha256:q' } })), [
    'policy was 1, is 2',
  ])
  t.same(planDrift(plan(), plan({ policy: { ...policy, digest: 'sha256:q' } })), [
    'policy digest was sha256:p, is sha256:q',
  ])
  t.same(planDrift(plan(), plan({ journal: 'j-2' })), ['journal was j-1, is j-2'])
  t.same(planDrift(plan(), plan({ body: { ...body, gains: [] } })), [
    'what the operation declares as `gains` changed',
  ])
  t.same(planDrift(plan(), plan({ obstacles: [{ code: 'PROV_X', message: '' }] })), [
    'what is in its way was [], is ["PROV_X"]',
  ])
  t.same(planDrift(plan(), plan({ changes: [] })), ['what it would bring about changed'])
})

t.test('secrets: a parameter names a place, and content is shown with them covered', async (t) => {
  t.equal(secretParam({ replicas: 3, name: 'x' }), undefined)
  t.equal(secretParam({ password: 'hunter2' }), 'password')
  t.equal(secretParam({ db: { apiKey: 'abc' } }), 'db.apiKey')
  t.equal(secretParam({ list: [{ auth_token: 'abc' }] }), 'list[0].auth_token')
  for (const [given, at] of [
    [{ password: 12_345_678 }, 'password'],
    [{ password: 'abc:hunter2' }, 'password'],
    [{ password: [1, 2] }, 'password[0]'],
    [{ db: { password: { value: 'hunter2' } } }, 'db.password.value'],
    [{ pwd: 'x' }, 'pwd'],
    [{ headers: { authorization: 'Bearer abcdefgh' } }, 'headers.authorization'],
    [{ header: 'Bearer abcdefgh0123' }, 'header'],
    [{ dsn: 'postgres://u:hunter2@h/db' }, 'dsn'],
    [{ env: ['DB_PASSWORD=hunter2'] }, 'env[0]'],
  ] as const) {
    t.equal(secretParam(given), at, at)
  }
  t.equal(secretParam({ dsn: 'postgres://u@h/db', to: null, token: true }), undefined)
  t.equal(secretParam({ note: '-----BEGIN OPENSSH PRIVATE KEY-----\nx' }), 'note')
  for (const fine of ['secret:db/password', 'env:DB_PASSWORD', 'file:/run/secrets/db', '']) {
    t.equal(secretParam({ password: fine }), undefined, fine)
  }
  t.equal(secretParam({ tokens: 4, keyboard: 'de', monkey: 'x' }), undefined)
  for (const [text, masked] of [
    ['export DB_PASSWORD=hunter2 && run', 'export DB_PASSWORD=(secret) && run'],
    ['{"apiKey": "abc123"}', '{"apiKey": "(secret)"}'],
    ['login --password hunter2 --user x', 'login --password (secret) --user x'],
    ['curl https://me:hunter2@host/x', 'curl https://me:(secret)@host/x'],
    ['git clone with ghp_0123456789abcdefghij', 'git clone with (secret)'],
    ['curl -H "Authorization: Bearer abcdefgh01"', 'curl -H "Authorization: Bearer (secret)"'],
    ['TOKEN=$TOKEN run', 'TOKEN=$TOKEN run'],
    ['the token is made by the server', 'the token is made by the server'],
    ['a\n-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\nb', 'a\n(secret)\nb'],
  ] as const) {
    t.equal(maskSecrets(text), masked)
  }
})
