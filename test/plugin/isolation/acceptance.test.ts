/**
 * Every kind of fault in a thread and in a process: the neighbour goes on, no committed event of anybody is
 * lost, also for the next start, and the culprit is named.
 */
import t from 'tap'
import type { ActorDef, ActorEvent } from '../../../core/actor/define.ts'
import { asProvError } from '../../../core/errors.ts'
import { memoryJournal } from '../../../core/journal/memory.ts'
import { counted, impatient, neighbour, work, world } from './world.ts'
import type { World, WorldOptions } from './world.ts'

t.setTimeout(900_000)

interface Kind {
  readonly install: string
  /** What begins it; a flood, and a setup that never answers, need nothing. */
  readonly bad?: ActorEvent
  readonly options?: Partial<WorldOptions>
  /** What names it, and where: the failed step, or the plugin's row. */
  readonly step?: string
  readonly row?: string
}

const event = (type: string, what?: string) => ({ type, what }) as ActorEvent
const kinds: Readonly<Record<string, Kind>> = {
  throws: { install: 'throws', bad: event('bad.guard'), step: 'PROV_ACTOR_STEP_FAILED' },
  rejects: { install: 'throws', bad: event('bad.forget'), row: 'PROV_PLUGIN_EXITED' },
  'loops for ever': {
    install: 'loops',
    bad: event('bad.assign'),
    options: { limits: impatient },
    step: 'PROV_ACTOR_STEP_FAILED',
    row: 'PROV_PLUGIN_STALLED',
  },
  'allocates without end': {
    install: 'eats',
    bad: event('bad.buffers'),
    row: 'PROV_PLUGIN_MEMORY',
  },
  'calls process.exit': { install: 'exits', bad: event('bad.effect'), row: 'PROV_PLUGIN_EXITED' },
  floods: {
    install: 'floods',
    options: { config: { bus: true, at: 4_000 } },
    row: 'PROV_PLUGIN_FLOODS',
  },
  'returns garbage': {
    install: 'garbage',
    bad: event('bad.assign', 'functions'),
    step: 'PROV_ACTOR_STEP_FAILED',
  },
  'never answers': {
    install: 'silent',
    options: { config: { setup: true }, startTimeoutMs: 2_000 },
    row: 'PROV_PLUGIN_TIMEOUT',
  },
}

for (const tier of ['worker', 'process'] as const) {
  for (const [kind, { install, bad, options, step, row }] of Object.entries(kinds)) {
    t.test(`${tier}: one that ${kind}`, async (t) => {
      const journal = memoryJournal()
      const run = async (use: (here: World) => Promise<void>): Promise<void> => {
        const undo: (() => unknown)[] = []
        try {
          const teardown = (one: () => unknown) => undo.push(one)
          await use(await world({ teardown }, { install, tier, journal, ...options }))
        } finally {
          for (const one of undo.reverse()) await one()
        }
      }
      const own = { type: `hostile.${install}` } as ActorDef
      let committed = 0

      await run(async (here) => {
        const kept = await here.actors.spawn(neighbour, 'kept')
        await kept.apply({ type: 'ok' })
        const ref = bad && (await here.actors.spawn(own, 'a'))
        await ref?.apply({ type: 'ok' })
        const named = async (): Promise<void> => {
          const failed = bad && (await ref?.apply(bad).then(() => undefined, asProvError))
          t.equal(failed?.code, step)
          if (step) t.match(failed?.message, `hostile.${install}/a`)
          if (!row) return
          while (here.row().error?.code !== row) await new Promise((turn) => setTimeout(turn, 10))
          t.match(here.row().error?.message, `hostile-${install}`)
        }
        await work(here.actors, named())
        await kept.apply({ type: 'ok' })
        await ref?.apply({ type: 'ok' })
        committed = ref ? counted(ref) : 0
        if (ref) t.ok(committed >= 2, 'it goes on from what was committed')
      })

      await run(async (here) => {
        const of = (address: `${string}/${string}`) => counted(here.actors.ref(address) as never)
        t.equal(of('neighbour.counter/kept'), 2)
        if (bad)
          t.ok(of(`hostile.${install}/a`) >= committed, 'nor is anything of the culprit lost')
      })
    })
  }
}
