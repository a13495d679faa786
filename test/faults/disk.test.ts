/** A disk that fails under whoever holds a workspace: they end by name, and the next one goes on. */
import t from 'tap'
import type { CommandContext } from '../../core/cli/command.ts'
import { command as run } from '../../core/cli/commands/run.ts'
import { codeOf } from '../../core/kit.ts'
import { live, people, stage } from '../plugins/stage.ts'
import { diskPlace } from '../support/place.ts'

const restart = { type: 'restart', target: 'staging-1/api', as: 'alice' } as const

for (const [errno, code] of [
  ['ENOSPC', 'PROV_JOURNAL_NO_SPACE'],
  ['EIO', 'PROV_JOURNAL_POISONED'],
] as const) {
  t.test(`${errno}: prov run ends with ${code} instead of holding what it cannot do`, async (t) => {
    const on = stage(t)
    const place = await diskPlace(t)
    on.open = () => place.open()
    await people(on).create({ actor: 'alice', kind: 'human', passphrase: '' })
    const first = await live(on)
    await first.until((await first.ops.submit(restart)).op, 'held')
    const { signal } = new AbortController()
    const context = { clock: on.clock, signal, progress: () => {}, runtime: async () => first.prov }
    const ended = codeOf(Promise.resolve(run.run({}, context as unknown as CommandContext)))
    t.notOk(first.prov.over.aborted)
    place.trouble.write = () => {
      throw Object.assign(new Error(`${errno}: the disk said so`), { code: errno })
    }
    t.equal(await codeOf(first.ops.submit(restart)), code)
    t.equal(await ended, code)
    place.trouble.write = undefined
    await first.close()
    const second = await live(on)
    t.teardown(() => second.close())
    await second.until((await second.ops.submit(restart)).op, 'held')
    t.notOk(second.prov.over.aborted)
  })
}
