/**
 * The keeper's plane: nothing reaches the controller but what policy or people agreed to, and this
 * plane alone signs that they did.
 *
 *     ops.pending ─▶ inbox ─▶ frame { keeper/<op> } ─▶ ack ─▶ judge ─▶ held | refused | approved
 *                                                                │          ▲
 *     votes ────────────────────────────────────────────────▶ count ────────┘
 *     approved = one frame { number, approval token, op.approved, outbox } ─▶ ops.cmd
 *
 * @module
 */
import {
  asProvError,
  bus,
  contract,
  defineActor,
  definePlugin,
  factRecorder,
  followAudit,
  isAudit,
  journal,
  keeperDesk,
  opFact,
  ProvError,
  Refusals,
  retireEnded,
  streams,
  workspace,
} from 'prov'
import type { EffectContext } from 'prov'
import { operationMachine } from 'prov/machines'
import type { OperationEffect, OperationInput } from 'prov/machines'
import { commands } from './commands/index.ts'
import { Desk } from './desk.ts'
import { Inbox } from './inbox.ts'
import { Keeper } from './keeper.ts'
import type { OperationRef } from './keeper.ts'
import { reads } from './reads/index.ts'
import { revive } from './revive.ts'

const nothing = (): readonly never[] => []
/** A failed act (a key that could not be read, say) is tried again after so long. */
const againMs = 5_000
/** Each is kept and answered at once: what is open together shares a sync. */
const credits = 128

export default definePlugin({
  name: 'keeper',
  api: 1,
  describe: 'judges operations by policy, counts votes, signs approvals',
  needs: { bus, contract, journal, workspace },
  provides: { keeperDesk },
  commands,
  reads,
  async setup({ actors, needs, provide, clock, log, signal }) {
    const { contract: deal } = needs
    const ref = (op: string) => actors.ref(`keeper/${op}`) as OperationRef | undefined
    const refusals = new Refusals({ contract: deal, role: 'keeper', clock })
    const start = (op: string, input: OperationInput) => actors.spawn(operation, op, input)
    const parts = { contract: deal, journal: needs.journal, clock, log, refusals, ref, signal }
    const keeper = new Keeper({ ...parts, start })
    signal.addEventListener('abort', () => keeper.stop(), { once: true })

    /** An act that fails leaves its operation where it is and is tried again. */
    const act =
      (run: (op: string, end: AbortSignal) => Promise<void>) =>
      async (effect: OperationEffect, { signal: end }: EffectContext) => {
        const { op } = effect
        await run(op, end).catch((thrown: unknown) => {
          // Given up with the kernel: it is owed and asked again at the next start.
          if (end.aborted) throw thrown
          if (signal.aborted) return
          log.error(`${op} waits`, asProvError(thrown).toJSON())
          clock.after(againMs, () => ref(op)?.send({ type: 'op.retry' }), { background: true })
        })
      }
    const operation = defineActor({
      type: 'keeper',
      version: 1,
      machine: operationMachine,
      effects: {
        judge: act((op, end) => keeper.judgeAfterPause(op, end)),
        count: act((op) => keeper.count(op)),
      },
      records: {
        record: factRecorder(deal.emitter('keeper')),
        dispatch: nothing,
        execute: nothing,
        probe: nothing,
      },
    })
    actors.register(operation)
    retireEnded({ contract: deal, actors, type: 'keeper', clock, log, signal })
    deal.outbox('keeper', { signal })
    const inbox = new Inbox({ ...parts, keeper })
    inbox.remember(deal.store.get().open.keys())
    const stop = deal.onLeft((ops) => inbox.forget(ops))
    signal.addEventListener('abort', stop, { once: true })
    const stream = streams.pending(deal.workspace)
    await needs.bus.ensureConsumer({ stream, name: 'keeper' })
    const desk = {
      contract: deal,
      clock,
      files: needs.workspace,
      keeper,
      log,
      refusals,
      ref,
      signal,
      journal: needs.journal,
    }
    const keepersDesk = new Desk(desk)
    provide.keeperDesk(keepersDesk)
    const goOn = async (): Promise<void> => {
      await revive({ contract: deal, ref, start })
      await keeper.resume()
      await followAudit({
        bus: needs.bus,
        contract: deal,
        name: 'keeper',
        log,
        signal,
        async take(event) {
          if (isAudit(event, 'policy.activated')) return keeper.adopt()
          if (isAudit(event, 'keeper.mode')) return keeper.switched()
          if (isAudit(event, 'actor.revoked')) return keeper.revoked()
          if (isAudit(event, 'actor.enrolled')) return keeper.recount()
          if (isAudit(event, 'op.applied') && event.data.moves.length > 0) await keeper.moved()
          const fact = event.emitter === 'keeper' ? undefined : opFact(event)
          const instance = fact && ref(event.subject)
          if (!fact || !instance) return
          await instance.apply(fact).catch((thrown: unknown) => {
            // An instance that reached its end takes no more facts, and needs none.
            if (!ProvError.is(thrown) || thrown.code !== 'PROV_ACTOR_STOPPED') throw thrown
          })
        },
      })
      void (async () => {
        for await (const delivery of needs.bus.pull(stream, 'keeper', { credits, signal })) {
          void inbox.take(delivery)
        }
      })().catch((thrown: unknown) => stopsFor('the keeper takes nothing more', thrown))
      // Nobody waits for it: the file only proposes, and the policy in force judges meanwhile.
      void keepersDesk
        .lookAtFile()
        .catch((thrown: unknown) => stopsFor('the policy file was not looked at', thrown))
    }
    const stopsFor = (what: string, thrown: unknown): void => {
      if (!signal.aborted) log.error(what, asProvError(thrown).toJSON())
    }
    if (deal.vouched) return goOn()
    // Another plane has to say first that this journal is the newest one; nobody need wait for that.
    void deal
      .sure({ signal })
      .then(() => {
        // Until now neither its anchor nor its lease was told of this journal.
        deal.anchor().catch((thrown: unknown) => stopsFor('the keeper left no anchor', thrown))
        return goOn()
      })
      .catch((thrown: unknown) => stopsFor('the keeper did not begin', thrown))
  },
})
