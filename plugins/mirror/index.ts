/**
 * The mirror: everything that planes say they did becomes a signed commit in a git repository that
 * anybody can verify with git alone. It holds the ledger key, and nothing else does.
 *
 * @module
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { bus, contract, definePlugin, journal, ledger, eventIn } from 'prov'
import { streams, workspace } from 'prov'
import type { Journal, Position } from 'prov'
import { commands } from './commands/index.ts'
import { mirrorErrors } from './errors.ts'
import { Mirror } from './mirror.ts'
import type { AuditRecord, MirrorCheckpoint } from './mirror.ts'
import { pointerFile, pointerText } from './place.ts'
import { reads } from './reads/index.ts'

interface MirrorConfig {
  /** Absolute path of the repository. */
  readonly dir?: string
}

/** Throws PROV_LEDGER_CONFIG. */
function parseConfig(raw: unknown): MirrorConfig {
  const refuse = (what: string) => mirrorErrors.PROV_LEDGER_CONFIG({ what })
  if (raw === undefined) return {}
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw refuse('it must be an object')
  }
  const { dir, ...rest } = raw as Record<string, unknown>
  const unknown = Object.keys(rest)[0]
  if (unknown !== undefined) throw refuse(`there is no setting "${unknown}"`)
  if (dir === undefined) return {}
  if (typeof dir !== 'string' || !isAbsolute(dir)) throw refuse('dir is an absolute path')
  return { dir }
}

export default definePlugin({
  name: 'mirror',
  api: 1,
  describe: 'one signed commit per audit event in <workspace>-state, verified by plain git',
  needs: { journal, bus, contract, workspace },
  provides: { ledger },
  config: parseConfig,
  commands,
  reads,
  async preflight({ config, needs }) {
    const { name, stateDir } = needs.workspace
    const { contract: deal, journal: own } = needs
    // A plane that hears may be behind, and a person who just adopted a journal knows that it is.
    if (deal.hears) return
    const dir = ledgerFolder(config, name, stateDir)
    if (own.lineage.length > 1 && (await (await import('./left.ts')).leaves(dir, own))) return
    const { refuseSetBack } = await import('./set-back.ts')
    await refuseSetBack(dir, (emitter) => deal.emitter(emitter).end)
  },
  async setup({ config, needs, provide, clock, log, signal, defer }) {
    const { name, stateDir } = needs.workspace
    const dir = ledgerFolder(config, name, stateDir)
    const stream = streams.audit(name)
    const { hears } = needs.contract
    if (!hears) await needs.bus.ensureConsumer({ stream, name: 'mirror' })

    const mirror = new Mirror({
      workspace: name,
      async open() {
        const { openLedger } = await import('./writer.ts')
        const key = needs.contract.service('ledger').keyObject
        const whose = { dir, workspace: name, key, signal }
        let writer = await openLedger(whose)
        if (!hears && needs.journal.lineage.length > 1) {
          const { leave } = await import('./left.ts')
          if (await leave(dir, needs.journal)) {
            log.warn(
              'the ledger keeps what the adopted journal does not know under refs/heads/left',
            )
            writer = await openLedger(whose)
          }
        }
        await mkdir(stateDir, { recursive: true })
        await writeFile(pointerFile(stateDir), pointerText(stateDir, dir), { mode: 0o600 })
        return writer
      },
      journal: (from) => auditRecords(needs.journal, from),
      async kept() {
        const snapshot = await needs.journal.snapshot(checkpointName)
        if (!snapshot) return undefined
        const { position, body } = snapshot
        const { ends } = body as unknown as Pick<MirrorCheckpoint, 'ends'>
        return { position, ends }
      },
      keep: ({ position, ends }) =>
        needs.journal.putSnapshot(checkpointName, { position, body: { ends } }),
      key: needs.contract.keyring.key,
      hears,
      clock,
      log,
      signal,
    })
    const stopHearing = needs.journal.follow((records) => {
      for (const record of records) {
        const event = eventIn(record)
        if (event) mirror.durable({ position: record.position, event })
      }
    })
    // A batch that is under way ends before it counts: who has the workspace next writes alone.
    defer(async () => {
      await mirror.rest()
      stopHearing()
    })
    provide.ledger({
      path: async () => dir,
      async settled(options = {}) {
        options.signal?.throwIfAborted()
        const commits = await abortable(mirror.catchUp(), options.signal)
        return { commits }
      },
    })

    const { Observable } = await import('rxjs')
    return new Observable<never>((life) => {
      mirror.failed().catch((error: unknown) => life.error(error))
      // Where planes are heard their events stand in this journal, checked and in order.
      let stirred = false
      const catchUp = async (): Promise<void> => {
        stirred = true
        await mirror.idle()
        stirred = false
        // Why it stopped is told by `failed`.
        await mirror.catchUp().catch(() => {})
      }
      const stop = needs.contract.follow(() => {
        if (hears && !stirred) void catchUp()
      })
      signal.addEventListener('abort', stop, { once: true })
      const follow = async (): Promise<void> => {
        await mirror.catchUp()
        if (hears) return
        const pulled = needs.bus.pull(stream, 'mirror', { credits: 256, signal })
        for await (const delivery of pulled) mirror.take(delivery)
      }
      follow().catch((error: unknown) => {
        if (!signal.aborted) life.error(error)
      })
    })
  },
})

const ledgerFolder = ({ dir }: MirrorConfig, workspace: string, stateDir: string): string =>
  dir ?? join(stateDir, `${workspace}-state`)

/** Name of the snapshot in the journal. */
const checkpointName = 'mirror'

async function* auditRecords(log: Journal, from: Position): AsyncGenerator<AuditRecord> {
  for await (const record of log.read({ from })) {
    const event = eventIn(record)
    if (event) yield { position: record.position, event }
  }
}

/** The promise, or the signal's reason when that comes first; the work itself goes on. */
function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
