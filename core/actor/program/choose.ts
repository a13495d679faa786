import { Program as Old } from '../program.ts'
import type { Live } from '../program.ts'
import type { ActorDef } from '../define.ts'
import { none } from './program.ts'
import type { Config, Program, Standing, Step } from './program.ts'

export function programFor(def: ActorDef): Program {
  const old = new Old(def)
  const lives = new WeakMap<Config, Live>()
  const standing = (live: Live): Standing => {
    const s = live.snapshot
    const nodes = s.historyValue as Readonly<Record<string, readonly { id: string }[]>>
    let history: Record<string, readonly string[]> | undefined
    for (const key in nodes) (history ??= {})[key] = (nodes[key] ?? []).map(({ id }) => id)
    const config = {
      value: s.value,
      text: JSON.stringify(s.value),
      tags: s.tags,
      status: s.status,
      output: s.output,
      history,
    } as unknown as Config
    lives.set(config, live)
    return { config, context: s.context, timers: live.timers }
  }
  const liveOf = (at: Standing): Live => ({ ...(lives.get(at.config) as Live), timers: at.timers })
  const step = (s: ReturnType<Old['start']>): Step => ({
    ...standing(s.live),
    asked: s.asked.length ? s.asked : none,
    logs: s.logs.length ? s.logs : none,
  })
  return {
    def,
    mode: 'interpreted',
    why: undefined,
    start: (input, nowMs) => step(old.start(input, nowMs)),
    step: (at, event, nowMs, timer) => {
      const before = liveOf(at)
      const s = old.step(before, event, nowMs, timer)
      if (s.live.snapshot === before.snapshot)
        return {
          config: at.config,
          context: at.context,
          timers: s.live.timers,
          asked: s.asked.length ? s.asked : none,
          logs: none,
        }
      return step(s)
    },
    restore: (state) => standing(old.restore(state)),
    snapshot: (at) => liveOf(at).snapshot,
  }
}
