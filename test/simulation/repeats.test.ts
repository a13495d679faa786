/** A seed is a run: the same again, in this process and in another one, to the last signature. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
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
  const child = spawnSync(process.execPath, [program, '27'], { encoding: 'utf8' })
  t.match(child.stdout, `27 ${storyOf(27).shape} ${first.get(27)}`, 'in another process, too')
})
