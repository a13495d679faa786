/**
 * The life behind `test/fixtures/kernel-names`: an actor whose steps set many delays and begin many
 * children without a name for any of them, on a clock that often stands still. The names that the kernel
 * of that time gave stand in its records. As `kernel-1.ts`: run as a program it writes them anew, so it is
 * only ever run when the rule for names is changed on purpose, which nobody should.
 *
 *     node dist/test/actor/kernel-names.js test/fixtures/kernel-names
 *
 * @module
 */
import { realpathSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { assign, enqueueActions, fromPromise, setup } from 'xstate'
import { simulatedClock } from '../../core/clock.ts'
import { defineActor } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import { openJournal } from '../../core/journal/file.ts'

/** What a step does, in this order. */
type Act =
  | { readonly raise: string; readonly times: number; readonly id?: string }
  | { readonly cancel: string; readonly from: number; readonly times: number }
  | { readonly begin: 'sleeper' | 'dozer'; readonly times: number }
  | { readonly note: string }

type Naming =
  | { readonly type: 'act'; readonly acts: readonly Act[] }
  | { readonly type: 'keep'; readonly times: number }
  | { readonly type: 'drop' }
  | { readonly type: 'ring' | 'other' }

const sleeping = fromPromise(() => new Promise(() => {}))

export const namer = defineActor({
  type: 'fix.namer',
  version: 1,
  machine: setup({
    types: {
      context: {} as { readonly note: string; readonly kids: readonly unknown[] },
      events: {} as Naming,
    },
    actors: { sleeper: sleeping, dozer: sleeping },
  }).createMachine({
    context: { note: '', kids: [] },
    on: {
      act: {
        actions: enqueueActions(({ event, enqueue }) => {
          for (const act of event.acts) {
            if ('note' in act) enqueue.assign({ note: act.note })
            else if ('cancel' in act) {
              for (let n = 0; n < act.times; n++) enqueue.cancel(`${act.cancel}#${act.from + n}`)
            } else {
              for (let n = 0; n < act.times; n++) {
                if ('begin' in act) enqueue.spawnChild(act.begin)
                else {
                  const id = act.id === undefined ? {} : { id: act.id }
                  enqueue.raise({ type: act.raise as 'ring' }, { delay: 1_000_000, ...id })
                }
              }
            }
          }
        }),
      },
      keep: {
        actions: assign({
          kids: ({ context, event, spawn }) => [
            ...context.kids,
            ...Array.from({ length: event.times }, () => spawn('sleeper')),
          ],
        }),
      },
      drop: { actions: assign({ kids: [] }) },
    },
  }),
})

/** The same list of events from the same seed. */
function events(seed: number, count: number, startMs: number): readonly Naming[] {
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const act = (): Act => {
    const type = random(2) === 0 ? 'ring' : 'other'
    switch (random(7)) {
      case 0:
        return { raise: type, times: random(20) }
      case 1:
        return { raise: type, times: 1 + random(3), id: `${type}#${random(60)}` }
      case 2:
      case 3:
        return { cancel: type, from: random(40), times: random(14) }
      case 4:
        return { begin: random(2) === 0 ? 'sleeper' : 'dozer', times: random(6) }
      case 5:
        return { note: `sleeper-${(startMs + random(4)).toString(36)}-${random(9)}` }
      default:
        return { raise: type, times: 1 }
    }
  }
  return Array.from({ length: count }, (): Naming => {
    const kind = random(8)
    if (kind === 0) return { type: 'keep', times: random(9) }
    if (kind === 1) return { type: 'drop' }
    return { type: 'act', acts: Array.from({ length: 1 + random(8) }, act) }
  })
}

async function write(dir: string): Promise<void> {
  rmSync(dir, { recursive: true, force: true })
  const clock = simulatedClock()
  const journal = await openJournal({ dir, clock })
  const system = await startActors({ journal, clock })
  system.register(namer)
  const ref = await system.spawn(namer, 'n')
  for (const [n, event] of events(7, 28, clock.now()).entries()) {
    await ref.apply(event)
    if (n % 6 === 5) await clock.advance(1)
  }
  await system.close()
  await journal.close()
}

const [, program, dir] = process.argv
if (dir && program && realpathSync(program) === fileURLToPath(import.meta.url)) await write(dir)
