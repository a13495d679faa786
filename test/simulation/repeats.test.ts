/**
 * A seed is a run: the same again, in one process and in another one, to the last signature. The runs are
 * made by plain processes: what the runner loads into its own takes its time at each import.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { plainEnv, plainNode } from '../support/plain-env.ts'
import { storyOf } from './story.ts'

t.setTimeout(600_000)

const program = fileURLToPath(new URL('./once.js', import.meta.url))

/** Seed, shape and digest of each run of one process. */
function runs(...words: readonly string[]): readonly string[] {
  const how = { encoding: 'utf8', env: plainEnv() } as const
  const { stdout } = spawnSync(...plainNode(program, ...words), how)
  return stdout.match(/^\d+ \w+ [0-9a-f]{64}(?= )/gm) ?? []
}

t.test('the same seed is the same run, whatever ran before it', async (t) => {
  // Of these one has a standby that takes over, one a journal that is set back, two keep and pack.
  const seeds = [2, 19, 20, 60]
  const shapes = new Set(seeds.map((seed) => storyOf(seed).shape))
  t.equal(shapes.size, 2, 'planes together and planes apart')
  const all = runs(`--seeds=${[...seeds, ...seeds.toReversed()].join(',')}`)
  const first = all.slice(0, 4)
  t.equal(all.length, 8)
  t.same(all.slice(4).toReversed(), first)
  t.equal(new Set(first).size, seeds.length, 'and another seed is another one')
  t.same(runs('60'), first.slice(3), 'in another process, too')
})
