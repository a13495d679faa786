/**
 * One run in a process of its own, or a row of them: `node dist/test/simulation/once.js <seed> [<count>]`
 * prints a line per run; `--seeds=2,8,2` runs these. `--story` prints what happens, `--log` what everybody
 * says; `--stop` ends with the first run that breaks a promise.
 *
 * @module
 */
import { runStory } from './run.ts'
import { storyOf } from './story.ts'

const given = process.argv.slice(2)
const [first = '1', count = '1'] = given.filter((word) => !word.startsWith('--'))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const listed = given.find((word) => word.startsWith('--seeds='))?.slice('--seeds='.length)
const seeds =
  listed?.split(',').map(Number) ??
  Array.from({ length: Number(count) }, (_, nth) => Number(first) + nth)

let bad = 0
const all: Record<string, number> = {}
for (const seed of seeds) {
  const story = storyOf(seed)
  if (given.includes('--story')) say(JSON.stringify(story, undefined, 1))
  const { broken, digest, counts } = await runStory(
    story,
    given.includes('--log') ? say : undefined,
  )
  const { seen, ...few } = counts
  say(`${seed} ${story.shape} ${digest} ${JSON.stringify(few)}`)
  for (const [what, often] of Object.entries(seen)) all[what] = (all[what] ?? 0) + often
  for (const line of broken) say(`  ${line}`)
  if (broken.length > 0) bad++
  if (bad > 0 && given.includes('--stop')) break
}
say(JSON.stringify(all, undefined, 1))
// Lives that ended in the middle of something hold nothing open, and wait for ever.
process.exit(bad === 0 ? 0 : 1)
