/**
 * Whenever Prov is stopped, what was handed in goes on with the next start: a plane that closes says
 * nothing about the messages on its table.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { journal, Refusals } from 'prov'
import type { Delivery } from 'prov'
import { actorErrors } from '../../core/actor/errors.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import { Inbox } from '../../plugins/keeper/inbox.ts'
import type { Keeper } from '../../plugins/keeper/keeper.ts'
import { live, ready } from './stage.ts'

t.test('closed so many turns after it was handed in', async (t) => {
  for (const turns of [0, 1, 3, 9]) {
    const { on, ...first } = await ready(t)
    const { op } = await first.ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    for (let n = 0; n < turns; n++) await turn()
    await first.close()
    const second = await live(on)
    t.equal(await second.until(op, 'held', 'refused'), 'held', `${turns} turns`)
    t.same(second.codes(), [])
    await second.close()
  }
})

t.test(
  'an intent whose instance stops with the runtime comes again and is not refused',
  async (t) => {
    const { deal, ops, on, prov, events } = await ready(t)
    const { op } = await ops.submit({ type: 'deploy', target: 'app/x', as: 'alice' })
    const [submitted] = await events(op)
    const { intent } = Object(submitted?.data) as { readonly intent: string }
    const { clock } = on
    const inbox = new Inbox({
      contract: deal,
      journal: prov.service(journal),
      clock,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      keeper: {
        begin: async () => {
          throw actorErrors.PROV_ACTOR_STOPPED({ address: `keeper/${op}` })
        },
      } as unknown as Keeper,
      refusals: new Refusals({ contract: deal, role: 'keeper', clock }),
      ref: () => undefined,
    })
    const answers: string[] = []
    const answer = (name: string) => async () => void answers.push(name)
    await inbox.take({
      subject: subjects.pending('my-infra', 'deploy'),
      id: `intent:${op}`,
      body: { kind: 'intent', token: intent },
      ack: answer('ack'),
      nak: answer('nak'),
      term: answer('term'),
    } as unknown as Delivery)
    t.same(answers, ['nak'])
    t.notMatch(deal.store.get().ops.get(op)?.phase, 'refused')
  },
)
