/**
 * The orchestrator: runs the declared graph of an operation on a machine of the provider it names,
 * each step at most once, and says what came of it. Provider APIs and machine keys are known here
 * and nowhere else; the controller hands over a token and gets an outcome.
 *
 * @module
 */
import { join } from 'node:path'
import {
  bus,
  contract,
  definePlugin,
  isComponentRun,
  journal,
  opTypePoint,
  orchestrator,
  parseDuration,
  providerPoint,
  workspace,
} from 'prov'
import type { Millis, ProviderSpec, RunOutcome } from 'prov'
import { openBackend } from './backend.ts'
import { RunBook } from './book.ts'
import type { RunRequest } from './book.ts'
import { commands } from './commands/index.ts'
import { runComponent } from './component.ts'
import { runErrors } from './errors.ts'
import { execute } from './execute.ts'
import { forgetEnded } from './forget.ts'
import { leasedBy, leaseType } from './lease-address.ts'
import { leaseActor } from './lease.ts'
import { leasedMachine, releaseLease } from './machine.ts'
import { fileOutputs } from './outputs.ts'
import { reads } from './reads/index.ts'
import { Slots } from './slots.ts'
import { busTasks } from './tasks.ts'

interface OrchestratorConfig {
  readonly parallel: number
  readonly stepTimeoutMs: Millis
  readonly machineTtlMs: Millis
}

/** Throws PROV_RUN_CONFIG. */
function parseConfig(raw: unknown): OrchestratorConfig {
  const refuse = (what: string) => runErrors.PROV_RUN_CONFIG({ what })
  if (raw !== undefined && (typeof raw !== 'object' || raw === null || Array.isArray(raw))) {
    throw refuse('it must be an object')
  }
  const {
    parallel = 4,
    stepTimeout = '30m',
    machineTtl = '30m',
    ...rest
  } = (raw ?? {}) as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined) throw refuse(`there is no setting "${unknown}"`)
  if (!Number.isInteger(parallel) || (parallel as number) < 1 || (parallel as number) > 64) {
    throw refuse('parallel is a whole number from 1 to 64')
  }
  const duration = (name: string, value: unknown): Millis => {
    const ms = typeof value === 'string' ? parseDuration(value) : undefined
    if (ms === undefined || ms < 1_000) throw refuse(`${name} is a time such as "30m", 1s or more`)
    return ms
  }
  return {
    parallel: parallel as number,
    stepTimeoutMs: duration('stepTimeout', stepTimeout),
    machineTtlMs: duration('machineTtl', machineTtl),
  }
}

export default definePlugin({
  name: 'orchestrator',
  api: 1,
  describe: 'runs the steps of an operation on a machine of its provider, each at most once',
  needs: { journal, bus, contract, workspace },
  provides: { orchestrator },
  config: parseConfig,
  commands,
  reads,
  async setup({ name, config, needs, actors, provide, contributions, allStarted, ...rest }) {
    const { clock, log, signal, defer } = rest
    const { stateDir, root } = needs.workspace
    const { evidence } = needs.contract
    const book = await RunBook.open(needs.journal, (answer) => evidence.leave(answer))
    const destroying = new Set<Promise<unknown>>()

    const provider = async (wanted: string): Promise<ProviderSpec> => {
      const all = contributions(providerPoint)
      const found = all.find((one) => one.name === wanted)
      if (found) return openBackend(() => found.value.open({ stateDir }), clock, signal)
      const known = all.map((one) => one.name)
      throw runErrors.PROV_RUN_PROVIDER_UNKNOWN({ provider: wanted, known })
    }
    const epochs = new Map<string, number>()
    const lease = leaseActor({
      epoch: (token) => epochs.get(token),
      clock,
      log,
      provider,
      book,
      machineTtlMs: config.machineTtlMs,
      destroying(attempt) {
        const settled: Promise<unknown> = attempt
          .catch(() => undefined)
          .then(() => destroying.delete(settled))
        destroying.add(settled)
      },
    })
    actors.register(lease, { owner: name })
    // A machine whose run ended while nobody was there to let it go.
    for (const row of actors.list({ type: leaseType })) {
      const token = leasedBy(row.address)
      if (row.status === 'active' && book.get(token)?.outcome) await releaseLease(actors, token)
    }
    const stop = forgetEnded({ book, actors, contract: needs.contract, log, signal })
    defer(async () => {
      stop()
      await book.keep()
    })
    // Whoever stops Prov right after an operation must not leave its machine behind.
    defer(async () => void (await Promise.all(destroying)))

    const slots = new Slots(config.parallel)
    const outputs = fileOutputs({ dir: join(stateDir, 'runs'), root, log })
    const tasks = busTasks({ bus: needs.bus, workspace: needs.workspace.name, clock })
    const common = { stepTimeoutMs: config.stepTimeoutMs, clock, signal }
    const components = {
      book,
      actors,
      opType: (component: string) =>
        contributions(opTypePoint).find(({ name }) => name === component)?.value,
      signal,
    }
    const begin = async (request: RunRequest): Promise<RunOutcome> => {
      // What a former life began goes on while plugins still start: backend and component may be
      // among those whose turn is to come.
      await allStarted()
      if (signal.aborted) throw runErrors.PROV_RUN_STOPPING({ op: request.op })
      const { run } = request
      if (isComponentRun(run)) return runComponent({ ...request, run }, components)
      return execute(
        { ...request, run },
        {
          book,
          slots,
          provider,
          stage: (of, record, backend) =>
            leasedMachine({ actors, lease, backend, request: of, record, ...common }),
          outputs,
          tasks,
          random: Math.random,
          ...common,
        },
      )
    }
    const underWay = new Map<string, Promise<RunOutcome>>()
    provide.orchestrator({
      run(request) {
        const known = underWay.get(request.token)
        if (known) return known
        const { token, epoch } = request
        if (epoch !== undefined) epochs.set(token, epoch)
        const work = begin(request).finally(() => {
          underWay.delete(token)
          epochs.delete(token)
        })
        underWay.set(request.token, work)
        evidence.awaits(work)
        return work
      },
    })
  },
})
