/**
 * The controller's plane: verifies, persists, acknowledges, lets it run once, records what came of
 * it. It speaks to the bus and the orchestrator; it knows no provider and holds no secret of one.
 *
 * @module
 */
import {
  asProvError,
  bus,
  contract,
  controllerDesk,
  crashPoint,
  defineActor,
  definePlugin,
  factRecorder,
  isAudit,
  journal,
  isTerminal,
  orchestrator,
  Refusals,
  retireEnded,
  streams,
  topology,
} from 'prov'
import type { ActorRef, Contract, Emitter, Log, OpPhase, OpRow } from 'prov'
import { operationMachine } from 'prov/machines'
import type { OperationContext, OperationEffect, OperationFact } from 'prov/machines'
import { commands } from './commands/index.ts'
import { Controller } from './controller.ts'
import { Desk } from './desk.ts'
import { EvidenceInbox } from './evidence.ts'
import { Letters } from './letters.ts'
import { reads } from './reads/index.ts'

const nothing = (): readonly never[] => []

/** Rejects with the reason, but not before the signal aborts. */
function stopped(signal: AbortSignal, reason: unknown): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(asProvError(reason))
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}
const isEnded = (row: OpRow | undefined): boolean => row !== undefined && isTerminal(row.phase)
/** Each is kept and answered at once: what is open together shares a sync. */
const credits = 128

/** What an earlier life left, and what becomes of it: the effects go on by themselves. */
function tellWhatStands(deal: Contract, log: Log): void {
  const { open } = deal.store.get()
  const count = (...phases: readonly OpPhase[]): number =>
    [...open.values()].filter(({ phase }) => phases.includes(phase)).length
  const asked = count('claimed', 'applying')
  const doubt = count('in_doubt')
  const awaited = count('approved')
  if (asked + doubt + awaited === 0) return
  log.info(
    `reconciled: ${asked} claimed and asked for again, ${awaited} approved and awaited, ${doubt} in doubt and held`,
    { claimed: asked, approved: awaited, in_doubt: doubt },
  )
}

export default definePlugin({
  name: 'controller',
  api: 1,
  describe: 'verifies approvals, claims operations in order, runs each once',
  needs: { bus, contract, journal, orchestrator, topology },
  provides: { controllerDesk },
  commands,
  reads,
  async setup({ actors, needs, provide, clock, log, signal }) {
    const { contract: deal } = needs
    const ref = (op: string) =>
      actors.ref(`controller/${op}`) as ActorRef<OperationContext> | undefined
    const refusals = new Refusals({ contract: deal, role: 'controller', clock })
    const letters = new Letters({ journal: needs.journal, clock })
    const controller = new Controller({
      contract: deal,
      clock,
      log,
      topology: needs.topology,
      orchestrator: needs.orchestrator,
      refusals,
      letters,
      knows: (op) => ref(op) !== undefined || isEnded(deal.store.get().ops.get(op)),
      start: (op, input) => actors.spawn(operation, op, input),
      token: (op) => ref(op)?.snapshot().context.token ?? undefined,
      signal,
    })
    signal.addEventListener('abort', () => controller.stop(), { once: true })
    const operation = defineActor({
      type: 'controller',
      version: 1,
      machine: operationMachine,
      effects: {
        execute: async ({ op, providerToken }: OperationEffect, { signal: end }) => {
          crashPoint('claim')
          const run = (epoch: number) => controller.execute(op, providerToken ?? '', epoch)
          const answer = deal.anchor().then(run)
          // Given up with the kernel only: then it is owed and asked again at the next start.
          return (await answer.catch((thrown) => stopped(end, thrown))) as never
        },
      },
      records: {
        record: factRecorder(deal.emitter('controller')),
        judge: nothing,
        count: nothing,
        dispatch: nothing,
        probe: nothing,
      },
    })
    /** From the moment that it says so, what a plane's next key signs is believed here. */
    const confirmed = new Set<string>()
    const confirm = (role: Emitter): void => {
      const next = deal.keyring.offered(role)
      const from = deal.keyring.service(role)?.kid
      if (!next || from === undefined || confirmed.has(next.kid)) return
      confirmed.add(next.kid)
      if (deal.keyring.confirmation(role)) return
      const data = { role, kid: next.kid, from }
      deal
        .emit('controller', { type: 'key.confirmed', subject: `service-${role}`, data })
        .catch((thrown: unknown) => {
          if (!signal.aborted) log.error('the next key waits', asProvError(thrown).toJSON())
        })
    }
    const stop = deal.follow((event) => {
      if (isAudit(event, 'key.offered')) confirm(event.data.role)
      if (event.emitter !== 'controller') return
      const ended = isAudit(event, 'op.applied') || isAudit(event, 'op.failed')
      if (!ended) return
      crashPoint('result')
      controller.release(event.subject)
    })
    signal.addEventListener('abort', stop, { once: true })
    actors.register(operation)
    retireEnded({ contract: deal, actors, type: 'controller', clock, log, signal })
    deal.outbox('controller', { signal })
    await controller.genesis()
    tellWhatStands(deal, log)
    for (const role of ['keeper', 'submitter', 'controller', 'orchestrator'] as const) confirm(role)
    const evidence = new EvidenceInbox({ contract: deal, clock, log, refusals })
    // What this process itself leaves, once it is replaced, is for the next one.
    const { over = signal } = needs.journal
    const leading = AbortSignal.any([signal, over])
    const stream = streams.command(deal.workspace)
    await needs.bus.ensureConsumer({ stream, name: 'controller' })
    void (async () => {
      // What waits there stays there: it comes again to whoever has the newest journal.
      await deal.sure()
      if (needs.bus.kind !== 'embedded') void evidence.listen(needs.bus, leading)
      for await (const delivery of needs.bus.pull(stream, 'controller', { credits, signal })) {
        void controller.take(delivery)
      }
    })().catch((thrown: unknown) => {
      if (!signal.aborted) {
        log.error('the controller takes nothing more', asProvError(thrown).toJSON())
      }
    })
    const apply = async (op: string, fact: OperationFact): Promise<void> => {
      await ref(op)?.apply(fact)
    }
    provide.controllerDesk(
      new Desk({ contract: deal, clock, controller, refusals, letters, apply }),
    )
  },
})
