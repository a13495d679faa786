/** A seed is a run: the same again, in this process and in another one, to the last signature. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { plainEnv, plainNode } from '../support/plain-env.ts'
import { runSeed } from './run.ts'
import { storyOf } from './story.ts'

t.setTimeout(600_000)

t.test('the same seed is the same run, whatever ran before it', async (t) => {
  const seeds = [2, 8, 19, 27]
  t.same(
    new Set(seeds.map((seed) => storyOf(seed).shape)).size,
    2,
    'planes together and planes apart',
  )
  const first = new Map<number, string>()
  for (const seed of seeds) first.set(seed, (await runSeed(seed)).digest)
  for (const seed of seeds.toReversed()) {
    t.equal((await runSeed(seed)).digest, first.get(seed), `seed ${seed}`)
  }
  t.equal(new Set(first.values()).size, seeds.length, 'and another seed is another one')

  const program = fileURLToPath(new URL('./once.js', import.meta.url))
  // What the runner loads into its own processes takes part in their chance: two plain ones are compared.
  const how = { encoding: 'utf8', env: plainEnv() } as const
  const [one, other] = [0, 1].map(() => spawnSync(...plainNode(program, '27'), how).stdout)
  t.match(one, new RegExp(`^27 ${storyOf(27).shape} [0-9a-f]{64} `))
  t.equal(one, other, 'in another process, too')
})
