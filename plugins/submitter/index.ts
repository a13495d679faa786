/**
 * The submitter's plane: turns a proposal into a signed intent, keeps it, hands it over, and tells
 * whoever waits how it goes.
 *
 *     proposal ─▶ topology ─▶ intent ─▶ frame { submitter/<op>, op.submitted, outbox } ─▶ ops.pending
 *                                              ▲
 *     ops.audit ─▶ facts of keeper and controller
 *
 * @module
 */
import {
  bus,
  contract,
  crashPoint,
  defineActor,
  definePlugin,
  factRecorder,
  followAudit,
  journal,
  opErrors,
  opFact,
  ProvError,
  retireEnded,
  submissions,
  topology,
} from 'prov'
import type { ActorRef, OpFact } from 'prov'
import { operationMachine } from 'prov/machines'
import { commands } from './commands/index.ts'
import { Pace } from './pace.ts'
import { reads } from './reads/index.ts'
import { Submitter } from './submitter.ts'

const nothing = (): readonly never[] => []

/**
 * On its way where nobody held it: the row says how far, and its end makes up for what was left out (O1).
 * Kept as steps, these two would be a third of what this plane writes.
 */
const passes = ({ type }: OpFact, ref: ActorRef): boolean =>
  (type === 'op.approved' || type === 'op.claimed') && ref.snapshot().value === 'submitted'

export default definePlugin({
  name: 'submitter',
  api: 1,
  describe: 'proposes operations as signed intents and follows them',
  needs: { bus, contract, journal, topology },
  provides: { submissions },
  commands,
  reads,
  async setup({ actors, needs, provide, clock, log, signal }) {
    const { contract: deal } = needs
    const operation = defineActor({
      type: 'submitter',
      version: 1,
      machine: operationMachine,
      records: {
        record: factRecorder(deal.emitter('submitter')),
        // Every phase after the first belongs to others: here they are only followed.
        judge: nothing,
        count: nothing,
        dispatch: nothing,
        execute: nothing,
        probe: nothing,
      },
    })
    actors.register(operation)
    retireEnded({ contract: deal, actors, type: 'submitter', clock, log, signal })
    deal.outbox('submitter', { signal })
    const pace = new Pace(() => deal.store.get().open.size)
    signal.addEventListener('abort', () => pace.end(), { once: true })
    await followAudit({
      bus: needs.bus,
      contract: deal,
      name: 'submitter',
      log,
      signal,
      async take(event) {
        pace.look()
        const fact = event.emitter === 'submitter' ? undefined : opFact(event)
        const ref = fact && actors.ref(`submitter/${event.subject}`)
        if (!fact || !ref || passes(fact, ref)) return
        const { status } = await ref.apply(fact).catch((thrown: unknown) => {
          // An instance that reached its end takes no more facts, and needs none.
          if (ProvError.is(thrown) && thrown.code === 'PROV_ACTOR_STOPPED')
            return { status: 'done' }
          throw thrown
        })
        if (status === 'done') pace.heard(event.subject)
      },
      failed: () => pace.end(),
    })
    const desk = new Submitter({
      contract: deal,
      journal: needs.journal,
      topology: needs.topology,
      clock,
      room: () => pace.room(),
      start: async (op, input) => {
        const ref = await actors.spawn(operation, op, input)
        pace.begun(op)
        crashPoint('submit')
        const { digest } = ref.snapshot().context
        // Somebody else was faster with the same id: theirs counts when it is the same.
        if (digest !== input.digest) throw opErrors.PROV_OP_ID_REUSED({ op })
      },
    })
    provide.submissions(desk)
  },
})
