/** A simulated world: a whole operation, killed at every named point, happens exactly once. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { definePlugin, journal, keeperDesk } from 'prov'
import { codeOf, simulate } from 'prov/testing'
import { repoRoot } from '../support/root.ts'

const workspace = join(repoRoot, 'extensions/provisioning/sample')
const restart = { type: 'restart', target: 'staging-eu-west-1/web' }

const every = ['submit', 'claim', 'effect.started', 'effect.done', 'result', 'mirrored'] as const
const points = process.env['PROV_SOAK'] ? every : (['claim', 'effect.done'] as const)

t.test(
  'an operation runs from proposal to result, without a server and without waiting',
  async (t) => {
    const world = simulate({ seed: 7, workspace })
    const op = await world.run((prov) => prov.submit(restart))
    t.match(world.model().ops.get(op?.id ?? ''), { type: 'restart', phase: 'applied' })
    t.equal(world.count('restart submitted'), 1)
    t.equal(world.count('restart applied'), 1)
    t.equal(world.starts, 1)
    world.close()
    t.notOk(existsSync(world.root))
  },
)

for (const crashAt of points) {
  t.test(`killed at ${crashAt}, it is applied once: not lost, not doubled`, async (t) => {
    const world = simulate({ seed: 7, workspace, crashAt })
    await world.run((prov) => prov.submit(restart))
    t.equal(world.starts, 2, 'it died once')
    t.equal(world.count('restart submitted'), 1)
    t.equal(world.count('restart claimed'), 1)
    t.equal(world.count('restart applied'), 1)
    world.close()
  })
}

t.test('what a dead life still tries to write is lost', async (t) => {
  const seen: string[] = []
  const writer = definePlugin({
    name: 'writer',
    api: 1,
    needs: { journal },
    setup: ({ needs, defer }) => {
      defer(async () => {
        const code = await codeOf(
          needs.journal.append([{ partition: 'w', type: 'late', body: null }]),
        )
        seen.push(code)
      })
    },
  })
  const world = simulate({ workspace, plugins: [writer], crashAt: 'submit' })
  await world.run((prov) => prov.submit(restart))
  t.same(seen, ['PROV_JOURNAL_CLOSED', 'none'])
  world.close()
})

t.test('a script that died with its life runs again and proposes nothing twice', async (t) => {
  const world = simulate({ crashAt: 'submit' })
  let runs = 0
  const end = await world.run(async ({ submit }) => {
    runs++
    return (await submit({ type: 'dimension.transition', target: 'service', params: { to: 'on' } }))
      .id
  })
  t.equal(runs, 2)
  t.equal(world.starts, 2)
  t.match([...world.model().ops.values()], [{ id: end, phase: 'held', by: 'alice' }])
  const rest = await world.run(async ({ prov, service }) => {
    await service(keeperDesk).vote({ op: end, as: 'bob', decision: 'approve', reason: 'fine' })
    return (await prov.read('state')) as unknown
  })
  t.ok(rest)
  t.equal(world.count('dimension.transition applied'), 1)
  t.match(world.model().positions['service'], { state: 'on', version: 1 })
  t.equal(world.events().at(-1)?.type, 'prov.op.applied')
  world.close()
})

t.test('a process that ends badly says which seed repeats it', async (t) => {
  const program = fileURLToPath(new URL('../support/failing-world.js', import.meta.url))
  const TMPDIR = t.testdir()
  const env = { ...process.env, TMPDIR }
  const ended = (code: string) =>
    spawnSync(process.execPath, [program, code], { encoding: 'utf8', env })
  t.match(ended('1').stderr, /seed 4711/)
  t.equal(ended('0').stderr, '')
  t.same(readdirSync(TMPDIR), [], 'and leaves no folder behind')
})

t.test('a script that fails ends the run with its own error', async (t) => {
  const world = simulate({ workspace })
  await t.rejects(
    world.run(async () => {
      throw new Error('of the script')
    }),
    /of the script/,
  )
  t.equal(
    await codeOf(world.run((prov) => prov.submit({ ...restart, type: 'nope' }))),
    'PROV_OP_TYPE_UNKNOWN',
  )
  world.close()
})
