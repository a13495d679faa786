/**
 * A process with actors on the journal in argv[2], killed by its test. `k.sender` tells `k.target`
 * `hit`, at which it breaks. argv[3] says what this life does:
 *
 *     fail      sends once, in the first life; says `failed <tries> <decision>` when that is durable
 *     replay    knows no `k.target`; replays letter 1, says `replayed` when that is durable
 *     mended    `k.target` breaks no more; says `hits <n> letters <n>` when all is quiet
 */
import { assign, setup } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import { startActors } from '../../core/actor/start.ts'
import type { WatchEvent } from '../../core/actor/system.ts'
import { openJournal } from '../../core/journal/file.ts'

const [, , dir = '', mode = ''] = process.argv
const say = (line: string): void => void process.stdout.write(`${line}\n`)

const sender = defineActor({
  type: 'k.sender',
  version: 1,
  machine: setup({
    actions: { tell: (_args, _params: { to: string; event: { type: string } }) => {} },
  }).createMachine({
    on: {
      go: {
        actions: {
          type: 'tell',
          params: { to: 'k.target/t', event: { type: 'hit', n: 7 } as never },
        },
      },
    },
  }),
})

const target = defineActor({
  type: 'k.target',
  version: 1,
  machine: setup({
    types: { context: {} as { readonly hits: number } },
    actions: {
      hit: assign({
        hits: ({ context }) => {
          if (mode !== 'mended') throw new Error('it breaks')
          return context.hits + 1
        },
      }),
    },
  }).createMachine({ context: { hits: 0 }, on: { hit: { actions: 'hit' } } }),
  // One failure per life: the pause outlives it.
  supervision: { backoff: { firstMs: 600_000, maxMs: 600_000 } },
})

const journal = await openJournal({ dir })
const system = await startActors({ journal })
/** Whatever was noted before is on the disk then. */
const durable = () => journal.append([{ partition: 'test', type: 'mark', body: null }])
setInterval(() => {}, 60_000)
system.watch('k.target/t', ({ crash }: WatchEvent) => {
  if (crash) void durable().then(() => say(`failed ${crash.tries} ${crash.decision}`))
})
system.register(sender)
if (mode === 'replay') {
  await system.replay(1)
  say('replayed')
} else {
  system.register(target)
  const from = await system.spawn(sender, 's')
  const to = await system.spawn(target, 't')
  if (mode === 'fail' && from.snapshot().sequence === 1) await from.apply({ type: 'go' } as never)
  if (mode === 'mended') {
    for (let turn = 0; turn < 5; turn++) await durable()
    const [row] = system.list({ type: 'k.target' })
    say(`hits ${to.snapshot().context.hits} letters ${system.deadLetters().rows.length}`)
    say(`crashes ${row?.crashes?.map(({ tries }) => tries).join(' ')}`)
  }
}
