/**
 * The start of a runtime, left to right, and its end, right to left:
 *
 *     home ─▶ files ─▶ journal (lock) ─▶ bus ─▶ contract ─▶ kernel ─▶ plugins
 *
 * Whatever fails on the way undoes what was opened before it, so a failed start holds no lock.
 *
 * @module
 */
import { join } from 'node:path'
import { hooksOf } from './actor/inspect.ts'
import { startActors } from './actor/start.ts'
import type { Bus } from './bus/bus.ts'
import { embeddedBus } from './bus/embedded.ts'
import { systemClock } from './clock.ts'
import type { Clock } from './clock.ts'
import type { ProvError } from './errors.ts'
import { anchorsDir, ensureHome, homeDir, homeOutside } from './config/home.ts'
import type { Environment } from './config/home.ts'
import { passphraseFrom } from './config/passphrase.ts'
import { findWorkspace, openWorkspaceFiles } from './config/workspace.ts'
import type { WorkspaceFiles } from './config/workspace.ts'
import { asProvError } from './errors.ts'
import { openJournal } from './journal/file.ts'
import { logFor, stderrSink } from './log.ts'
import type { Log } from './log.ts'
import * as core from './plugin/core-services.ts'
import { discoverPlugins } from './plugin/discover.ts'
import { pluginErrors } from './plugin/errors.ts'
import { defaultLimits } from './plugin/isolation/tier.ts'
import type { Discovery } from './plugin/discover.ts'
import type { ReadTable } from './plugin/define.ts'
import { startPlugins } from './plugin/host.ts'
import type { PluginHost } from './plugin/host.ts'
import { knownReads, readOnce } from './plugin/reads.ts'
import { PluginMemory } from './plugin/remembered.ts'
import type { ServiceRef } from './plugin/service.ts'
import { Stopwatch } from './plugin/tree.ts'
import { shelvesFolder } from './protocol/checkpoint.ts'
import { openContract } from './protocol/contract.ts'
import type { ContractOptions } from './protocol/contract.ts'
import type { Office } from './protocol/office.ts'
import type { PlaneName } from './protocol/planes.ts'
import type { Journal } from './journal/journal.ts'
import type { Contract } from './protocol/contract.ts'
import { ecosystem, ecosystemOver } from './protocol/ecosystem.ts'
import { eventBus } from './protocol/event-bus.ts'
import { isFenced } from './protocol/evidence.ts'
import { opHandle } from './protocol/handle.ts'
import type { LinkParts } from './protocol/link-from.ts'
import { openKeyStore } from './protocol/keys.ts'
import { crashPoint } from './protocol/crash.ts'
import type { NoticeParts } from './protocol/notices.ts'
import { operatorDesk, operatorDeskOver } from './protocol/operator-desk.ts'
import { outboxItem } from './protocol/outbox.ts'
import { runsIn } from './protocol/planes.ts'
import { auditTrail, contract, keyStore, submissions } from './protocol/services.ts'
import type { Runtime, RuntimeOptions } from './runtime.ts'
import type { Count } from './units.ts'

/** Until then nobody watches what a runtime does that was opened for one question. */
const watchAfterMs = 1_000

/** A holder that died without a word is over by then, if its lease was as long as usual. */
const officeWaitMs = 30_000

/** What a simulated process has instead of waiting for its turn and for ten thousand records. */
export interface BootParts extends Pick<ContractOptions, 'keepEvery' | 'files'> {
  /** The lease that was had before the journal was opened. */
  readonly office?: Office | undefined
  /** See `ActorsOptions`. */
  readonly snapshotEvery?: Count | undefined
}

/** See `createRuntime`. */
export async function bootRuntime(
  options: RuntimeOptions,
  parts: BootParts = {},
): Promise<Runtime> {
  const clock = options.clock ?? systemClock
  const env = options.env ?? process.env
  const sink = options.log ?? stderrSink
  const log = logFor('runtime', sink)
  const watch = new Stopwatch('prov', clock)
  const undo: (() => Promise<void>)[] = []
  let closing: Promise<void> | undefined

  /** Every step back is taken, also when one of them throws; the first failure is told at the end. */
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      const failures: unknown[] = []
      for (let step = undo.pop(); step; step = undo.pop()) {
        await step().catch((thrown: unknown) => failures.push(thrown))
      }
      if (failures.length > 0) throw failures[0]
    })())

  try {
    const root = findWorkspace(options.workspace)
    const discovery: Discovery =
      options.discover === false
        ? { found: [], refused: [], nickel: discoverPlugins().nickel, config: {} }
        : await watch.time('discover', () => discoverPlugins({ workspace: root }))
    const files = await watch.time('files', () =>
      openWorkspaceFiles(options.workspace, {
        nickel: discovery.nickel,
        env,
        state: options.state,
      }),
    )
    const home = ensureHome(options.home ?? homeDir(env), files.root)

    const signal = options.signal ?? new AbortController().signal
    let vouched = (): boolean => false
    const waits = options.standby === true && !options.journal && options.bus === undefined
    const turn = waits
      ? await watch.time('turn', async () => {
          const { awaitTurn } = await import('./protocol/apart.ts')
          return awaitTurn({ files, home, env, clock, log, signal, speaks: () => vouched() })
        })
      : undefined
    if (turn) undo.push(() => turn.bus.close())
    let office = turn?.office ?? parts.office
    /** Given back when nothing is written any more, and while the server can still be told. */
    let leave = async (): Promise<void> => office?.close()
    if (office) undo.push(() => leave())
    const journal =
      options.journal ??
      (await watch.time('journal', () =>
        openJournal({
          dir: join(files.stateDir, 'journal'),
          anchors: anchorsOf(options, env, files.root),
          clock,
          supersede: () => office?.leads() === true,
          speaks: () => vouched(),
        }),
      ))
    if (!options.journal) undo.push(() => journal.close())
    undo.push(async () => crashPoint('close'))
    leave = async () => {
      if (office && !options.journal) await journal.close()
      await office?.close()
    }
    await office?.bind(journal)
    const port = await watch.time(
      'bus',
      async () =>
        turn?.bus ??
        openBus(options, {
          journal,
          clock,
          files,
          home,
          env,
          carried: (record) => outboxItem(record, files.name),
        }),
    )
    const bus = eventBus(port, () => opened, log)
    if (typeof options.bus !== 'object' && !turn) undo.push(() => bus.close())
    undo.push(() => leave())
    const keys = openKeyStore({
      home,
      clock,
      passphrase: passphraseFrom(env, options.passphrase),
    })
    const ended = new AbortController()
    undo.push(async () => ended.abort())
    const opened: Contract = await watch.time('contract', () =>
      openContract({
        journal,
        bus,
        keys,
        clock,
        workspace: files.name,
        log,
        signal: ended.signal,
        office: () => office,
        shelves: journal.dir === undefined ? undefined : shelvesFolder(journal.dir),
        keepEvery: parts.keepEvery,
        files: parts.files,
      }),
    )
    undo.push(() => opened.keep())
    vouched = () => opened.vouched
    if (!options.journal) await journal.anchor()
    office ??= await watch.time('office', () =>
      officeFor(opened.planes, {
        bus: port,
        journal,
        files,
        home,
        env,
        clock,
        log,
        signal,
        speaks: () => vouched(),
      }),
    )
    const actors = await watch.time('kernel', () =>
      startActors({
        journal,
        clock,
        inspect: options.inspect,
        tracing: options.tracing,
        random: options.random,
        snapshotEvery: parts.snapshotEvery,
        proofs: join(home, 'proofs'),
        memory: { spill: join(files.stateDir, 'resting'), ...options.memory },
      }),
    )
    let host: PluginHost | undefined
    // Whose journal is elsewhere, its workspace is only read.
    const memory = options.journal
      ? undefined
      : new PluginMemory({
          stateDir: files.stateDir,
          clock,
          env,
          handed: discovery.found.flatMap((found) => found.env ?? []),
          types: () => actors.types(),
        })
    undo.push(async () => memory?.close())
    if (clock === systemClock) {
      const blocked = (owner: string, error: ProvError): void => {
        const row = host?.rows().find(({ name }) => name === owner)
        if (row) memory?.troubled(row.id, error)
      }
      undo.push(await watchdogOf(options, { stateDir: files.stateDir, log, blocked }))
    }
    // After the kernel: steps that it still owes run in the threads of plugins.
    undo.push(async () => host?.release())
    undo.push(() => actors.close())

    const pairs: readonly (readonly [ServiceRef<unknown>, unknown])[] = [
      [core.journal, journal],
      [core.bus, bus],
      [core.workspace, files],
      [core.home, { dir: home }],
      [keyStore, keys],
      [contract, opened],
      [auditTrail, opened],
      [ecosystem, ecosystemOver(bus, files.name, clock)],
      [
        operatorDesk,
        operatorDeskOver({
          actors,
          plugins: () => host?.rows() ?? [],
          boot: () => watch.span(),
        }),
      ],
    ]
    for (const { id, error } of discovery.refused) {
      log.warn(`${id}: ${error.message}`, { code: error.code })
    }
    const started = await watch.time('plugins', (plugins) =>
      startPlugins({
        found: discovery.found.filter(({ id }) => runsIn(id, opened.planes)),
        given: options.plugins?.filter(({ name }) => runsIn(name, opened.planes)),
        trust: { home, workspace: files.root },
        config: { ...discovery.config, ...options.config },
        actors,
        clock,
        log: sink,
        core: new Map(pairs.map(([ref, service]) => [ref.id, service])),
        guarded: new Set(pairs.flatMap(([ref]) => (ref.guarded ? [ref.id] : []))),
        strict: options.strict,
        isolation: options.isolation,
        env,
        hidden: [files.stateDir],
        troubled: (id, error) => memory?.troubled(id, error),
        watch: plugins,
      }),
    )
    host = started
    const way = { bus: port, files, home, env, clock, log }
    undo.push(await waysOut(way, { contract: opened, journal, signal: ended.signal }))
    memory?.started(
      started
        .rows()
        // That nobody trusted it is no fault of its, and seen by looking.
        .filter(({ error }) => error?.code !== 'PROV_PLUGIN_UNTRUSTED')
        .map(({ id, isolation, error }) => ({ id, isolation, fault: error })),
    )
    undo.push(() => started.stop({ keepThreads: true }))
    // First of all: an effect must not meet the end of the plugin whose it is and call that an answer.
    undo.push(async () => actors.halt())
    const ends = [office?.over, opened.over, journal.over].filter((one) => one !== undefined)
    // Not even that where another process has the journal now: what is answered here is evidence for it.
    undo.push(async () => {
      if (ends.some(({ reason }) => isFenced(reason))) await opened.evidence.hold()
    })
    // Before even that: what is being handed in is finished, and nothing more is taken.
    if (options.serve === true && !options.journal) {
      const { serveRuntime } = await import('./socket/serve.ts')
      const service = <T>(ref: ServiceRef<T>): T => started.service(ref)
      const parts = { contract: opened, service, reload: (id: string) => started.reload(id) }
      const { stateDir } = files
      const served = await serveRuntime({ stateDir, env, clock, log, ...parts })
      undo.push(() => served.close())
    }
    watch.stop()

    const reads = await readsOf(discovery, started)
    const read: Runtime['read'] = (name, args) =>
      readOnce({
        table: reads,
        files,
        journal,
        clock,
        contributions: async (point) => started.contributions(point),
      })(name, args)
    const service: Runtime['service'] = (ref) => started.service(ref)
    if (port.kind === 'nats') {
      const { deskOf } = await import('./desk/serve.ts')
      const desk = await deskOf({ bus: port, contract: opened, service, look: read, clock, log })
      undo.push(() => desk.close())
    }
    const handle = (id: string) => opHandle(id, () => service(submissions), clock)
    return {
      files,
      actors,
      boot: watch.span(),
      over: AbortSignal.any(ends),
      plugins: () => started.rows(),
      reload: (plugin) => started.reload(plugin),
      read,
      service,
      submit: async (proposal) => handle((await service(submissions).submit(proposal)).op),
      op: handle,
      close,
      [Symbol.asyncDispose]: close,
    }
  } catch (thrown) {
    await close().catch((again: unknown) => {
      log.error('a part could not be closed after the start failed', { reason: String(again) })
    })
    throw thrown
  }
}

/** Looks at this thread from another one; a short command ends before that one is even there. */
async function watchdogOf(
  { isolation, inspect, plugins = [] }: RuntimeOptions,
  on: {
    readonly stateDir: string
    readonly log: Log
    readonly blocked: (owner: string, error: ProvError) => void
  },
): Promise<() => Promise<void>> {
  const { stateDir, log, blocked } = on
  const { blockMs } = { ...defaultLimits, ...isolation }
  if (isolation === false || blockMs === 0) return async () => {}
  let end: (() => Promise<void>) | undefined
  const start = async (): Promise<void> => {
    const { startWatchdog } = await import('./plugin/isolation/watchdog.ts')
    if (over) return
    end = startWatchdog({
      blockMs,
      stateDir,
      back({ owner, doing, sure, forMs }) {
        const plugin = owner
        const error = pluginErrors.PROV_PLUGIN_BLOCKS({ plugin, doing, forMs })
        log.error(`it goes on; ${error.message}`, { code: error.code })
        if (sure) blocked(owner, error)
        const hear = hooksOf(inspect)['plugin.stalled']
        hear?.({ kind: 'plugin.stalled', owner, stalledMs: forMs })
      },
    })
  }
  let over = false
  // Code that a script hands in may never come back from its setup.
  if (plugins.length > 0) await start()
  const later = systemClock.after(watchAfterMs, () => void (end ?? start()), { background: true })
  return async () => {
    over = true
    later.cancel()
    await end?.()
  }
}

/** An anchor in the workspace would be copied and set back with what it is to watch. */
function anchorsOf({ home }: RuntimeOptions, env: Environment, root: string): string {
  const dir = anchorsDir(env, home)
  homeOutside(dir, root)
  return dir
}

/** Events go out where the settings say so; whatever is wrong with them keeps nothing from running. */
async function waysOut(
  parts: LinkParts,
  own: Pick<NoticeParts, 'contract' | 'journal' | 'signal'>,
): Promise<() => Promise<void>> {
  try {
    const { natsSettings } = await import('./config/nats.ts')
    const settings = await natsSettings(parts)
    if (!settings.enabled) return async () => {}
    if (parts.bus.kind === 'embedded') {
      const { linkFrom } = await import('./protocol/link-from.ts')
      const link = linkFrom({ ...parts, settings })
      return () => link.close()
    }
    const { tellOthers } = await import('./protocol/notices.ts')
    await tellOthers({ ...parts, ...own, settings })
  } catch (thrown) {
    const { code, message, remedy } = asProvError(thrown)
    parts.log.warn(`events stay here: ${message}`, { code, remedy })
  }
  return async () => {}
}

async function openBus(
  options: RuntimeOptions,
  parts: Parameters<typeof embeddedBus>[0] & {
    readonly files: WorkspaceFiles
    readonly home: string
    readonly env: Environment
  },
): Promise<Bus> {
  if (options.bus === undefined) {
    const { apartBus } = await import('./protocol/apart.ts')
    return (await apartBus(parts)) ?? embeddedBus(parts)
  }
  return typeof options.bus === 'function' ? options.bus(parts) : options.bus
}

/** Who is the one controller, or keeper, where several processes could be: settled on the server. */
async function officeFor(
  planes: readonly PlaneName[],
  parts: {
    readonly bus: Bus
    readonly journal: Journal
    readonly files: WorkspaceFiles
    readonly home: string
    readonly env: Environment
    readonly clock: Clock
    readonly log: Log
    readonly signal: AbortSignal
    readonly speaks: () => boolean
  },
): Promise<Office | undefined> {
  if (parts.bus.kind === 'embedded') return undefined
  const { Office, officeOf } = await import('./protocol/office.ts')
  const plane = officeOf(planes)
  if (!plane) return undefined
  const { files, home, env, ...rest } = parts
  const { stateDir, name: workspace } = files
  const { leaseMsOf } = await import('./protocol/apart.ts')
  const ttlMs = await leaseMsOf({ files, home, env })
  const waitMs = Math.max(officeWaitMs, 2 * (ttlMs ?? 0))
  const { joinedOf } = await import('./protocol/planes.ts')
  const { granted } = (await joinedOf(parts.journal)) ?? {}
  return Office.open({ ...rest, plane, workspace, stateDir, granted, ttlMs, waitMs })
}

/** Light tables first, so that a read answers the same with and without a runtime. */
async function readsOf(discovery: Discovery, host: PluginHost): Promise<ReadTable> {
  const started = host.started().map(({ plugin }) => plugin.reads ?? {})
  return Object.assign({}, ...started, await knownReads(discovery)) as ReadTable
}
