/**
 * The start of one generation of a plugin, and what it may not change against the one before.
 *
 * @module
 */
import { systemClock } from '../../clock.ts'
import type { Count } from '../../units.ts'
import type { Description } from './description.ts'
import { Generation } from './generation.ts'
import { hostRoot } from './host-root.ts'
import type { Pen, PenOptions } from './pen.ts'
import type { Steps } from './steps.ts'

/** More lines than somebody reads. */
const linesPerSecond: Count = 200

/** `pen` is undefined while the first generation opens. Throws what refuses it. */
export function openGeneration(
  options: PenOptions,
  number: Count,
  steps: Steps,
  pen: () => Pen | undefined,
): Promise<Generation> {
  const { found, tier, limits, env, hidden, actors, log } = options
  const name = (): string => pen()?.name ?? found.id
  return Generation.open({
    number,
    found,
    tier,
    limits,
    env,
    hidden,
    actors,
    root: hostRoot({
      plugin: name,
      actors: () => actors,
      register: async (traits) => pen()?.register(traits),
    }),
    onText: linesOf((line) => log(name()).info(line)),
    stepped: (batch, answer) => steps.answered(batch, answer),
    odd: (error) => pen()?.odd(error),
    lost: (generation, error, doing) => pen()?.ended(generation, error, doing),
    name: (generation, doing) => {
      switch (doing.kind) {
        case 'step':
          return steps.name(doing)
        case 'effect':
          return `effect ${generation.effects.get(doing.a) ?? ''}`
        case 'setup':
          return 'its setup'
        case 'import':
          return 'its import'
        case 'call':
          return 'a call'
        case 'nothing':
          return 'its own time'
      }
    },
  })
}

/**
 * Lines of what a plugin prints, so many of them in a second; the rest is only counted, so that one
 * that prints without end neither fills a log nor costs the others their turns.
 */
function linesOf(say: (line: string) => void): (text: string) => void {
  let [from, left, more] = [-Infinity, 0, 0]
  return (text) => {
    const now = systemClock.monotonic()
    if (now - from > 1_000) {
      if (more > 0) say(`… and ${more} characters more, which are left out`)
      ;[from, left, more] = [now, linesPerSecond, 0]
    }
    const lines = left > 0 ? text.split('\n', left) : []
    more += text.length
    for (const line of lines) {
      more -= line.length + 1
      if (!line.trim()) continue
      left--
      say(line.slice(0, 2_000))
    }
    more = Math.max(0, more)
  }
}

/** What a new generation may not change: others were told of it. */
export function differenceOf(old: Description, next: Description): string | undefined {
  const ids = (table: Description['needs']) =>
    JSON.stringify(Object.entries(table).map(([key, { id }]) => [key, id]))
  if (old.name !== next.name) return 'its name'
  if (old.api !== next.api) return 'its api'
  if (ids(old.needs) !== ids(next.needs)) return 'what it needs'
  if (ids(old.provides) !== ids(next.provides)) return 'what it provides'
  const added = ({ contributes }: Description) =>
    JSON.stringify(contributes.map(({ point, name }) => [point, name]))
  if (added(old) !== added(next)) return 'what it contributes'
  for (const [key, { type, version }] of Object.entries(old.actors)) {
    const now = next.actors[key]
    if (now?.type !== type) return `actor type ${type}`
    if (now.version !== version) return `the version of ${type}`
  }
  return undefined
}
