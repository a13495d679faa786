/** How much crosses at once: each message is bounded, and what is more comes in several, or is refused by name. */
import t from 'tap'
import type { ActorDef } from '../../../core/actor/define.ts'
import { codeOf } from '../../../core/kit.ts'
import { serviceRef } from '../../../core/plugin/service.ts'
import { counted, world } from './world.ts'

t.setTimeout(600_000)

/** Holds a text as long as it is told, and hands out bytes. */
const guest = {
  'index.js': `
    import { defineActor, definePlugin, serviceRef } from 'prov'
    import { assign, setup } from 'xstate'
    const machine = setup({
      actions: {
        hold: assign(({ context, event }) => ({ n: context.n + 1, text: 'x'.repeat(event.length) })),
      },
    }).createMachine({ context: { n: 0, text: '' }, on: { hold: { actions: 'hold' } } })
    const actor = defineActor({
      type: 'guest.holder', version: 1, machine, durability: 'volatile', supervision: { onFailure: 'resume' },
    })
    /* the one */ export default definePlugin({
      name: 'guest', api: 1, actors: { actor }, provides: { bytes: serviceRef('guest.bytes') },
      setup: ({ provide }) => provide.bytes({
        of: async (length) => new Uint8Array(length),
        part: async () => Buffer.from('a secret beside it, and this').subarray(-4),
        shown: async (view) => [view.byteLength, view.buffer.byteLength],
      }),
    })`,
}

interface Bytes {
  of(length: number): Promise<Uint8Array>
  part(): Promise<Uint8Array>
  shown(view: ArrayBufferView): Promise<readonly [number, number]>
}

const kb = 1024
const mb = 1024 * kb
const hold = (length: number) => ({ type: 'hold', length })

for (const tier of ['worker', 'process'] as const) {
  t.test(`${tier}: many actors that hold much are answered in parts`, async (t) => {
    const here = await world(t, { install: guest, tier, limits: { memoryBytes: 256 * mb } })
    const many = await Promise.all(
      Array.from({ length: 256 }, (_, n) =>
        here.actors.spawn({ type: 'guest.holder' } as ActorDef, `a${n}`),
      ),
    )
    for (let round = 0; round < 2; round++) {
      await Promise.all(many.map((ref) => ref.apply(hold(300 * kb))))
    }
    t.ok(many.every((ref) => counted(ref) === 2))

    const [one, other] = many as [(typeof many)[0], (typeof many)[0]]
    await Promise.all(Array.from({ length: 30 }, () => one.apply(hold(300 * kb))))
    t.equal(counted(one), 32, 'also steps of a single turn')

    const [failed, well] = [codeOf(one.apply(hold(9 * mb))), other.apply(hold(1))]
    t.equal(await failed, 'PROV_ACTOR_STEP_FAILED')
    await well
    t.equal(counted(one), 32, 'one step that is too long is that step’s failure')
    t.match(here.row(), { state: 'running', error: undefined, restarts: undefined })
  })

  t.test(`${tier}: bytes are counted like text, and only those that are shown cross`, async (t) => {
    const here = await world(t, { install: guest, tier })
    const bytes = here.host.service(serviceRef<Bytes>('guest.bytes'))
    t.equal((await bytes.of(7 * mb)).byteLength, 7 * mb)
    await t.rejects(bytes.of(9 * mb), {
      code: 'PROV_PLUGIN_CANNOT_CROSS',
      message: /so many bytes .*guest/,
    })
    const given = await bytes.part()
    t.equal(Buffer.from(given).toString(), 'this')
    // Of a process they lie in the memory of their message, which is theirs alone.
    const alone = tier === 'worker'
    if (alone) t.equal(given.buffer.byteLength, 4, 'nothing of what lay beside it')
    for (const view of [
      Buffer.from('a secret beside it, and this').subarray(-4),
      new Float64Array([1, 2, 3]).subarray(1, 2),
      new DataView(new ArrayBuffer(64), 8, 8),
    ]) {
      const { byteLength } = view
      const [shown, held] = await bytes.shown(view)
      t.equal(shown, byteLength)
      if (alone) t.equal(held, byteLength)
    }
    t.equal(here.row().error, undefined)
  })
}
