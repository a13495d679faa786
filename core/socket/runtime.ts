/**
 * A runtime that lives in other processes, for a command that finds the workspace held, or far away: the
 * same services by questions, the same reads by looks. What must happen where the journal is written and
 * cannot be handed in is refused.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import type { WorkspaceFiles } from '../config/workspace.ts'
import type { ProvError } from '../errors.ts'
import { journalErrors } from '../journal/errors.ts'
import { lockHolder } from '../journal/lock.ts'
import { opHandle } from '../protocol/handle.ts'
import type { KeyStore } from '../protocol/keys.ts'
import type { OpRow } from '../protocol/fold.ts'
import { remoteServices } from '../protocol/remote.ts'
import { submissions } from '../protocol/services.ts'
import type { Runtime } from '../runtime.ts'
import type { Answerer, Holder } from './client.ts'

interface Common {
  readonly keys: KeyStore
  readonly clock: Clock
  readonly signal: AbortSignal
  /** A new look at what stands. */
  readonly look: () => Promise<Runtime['read']>
}

export interface RemoteRuntimeParts extends Common {
  readonly holder: Holder
  readonly files: WorkspaceFiles
}

/** Of whoever holds the workspace: what it cannot do throws PROV_JOURNAL_LOCKED as if there were no socket. */
export async function remoteRuntime(parts: RemoteRuntimeParts): Promise<Runtime> {
  const { holder, files, clock } = parts
  const dir = `${files.stateDir}/journal/lock`
  const owner = await lockHolder(dir)
  const locked = (): ProvError =>
    journalErrors.PROV_JOURNAL_LOCKED({
      dir,
      pid: owner?.pid ?? holder.hello.pid,
      since: new Date(owner?.sinceMs ?? clock.now()).toISOString(),
      where: owner?.where ?? '',
      file: owner?.file ?? dir,
    })
  return runtimeBy({ ...parts, files: () => files, refuse: locked })
}

export interface RuntimeByParts extends Common {
  readonly holder: Answerer
  /** May throw where there are none. */
  readonly files: () => WorkspaceFiles
  /** What is said to whatever cannot be done from here. */
  readonly refuse: () => ProvError
}

/** Over whoever answers for the workspace. Closing it closes nothing there. */
export function runtimeBy(parts: RuntimeByParts): Runtime {
  const { holder, clock, look, signal, refuse } = parts
  const read: Runtime['read'] = async (name, args) => (await look())(name, args)
  const row = async (id: string): Promise<OpRow> => (await read('op', { id })) as OpRow
  const find = remoteServices({ ...parts, row })
  const service: Runtime['service'] = (ref) => {
    const found = find(ref)
    if (found === undefined) throw refuse()
    return found
  }
  const handle = (op: string) => opHandle(op, () => service(submissions), clock)
  return {
    get files() {
      return parts.files()
    },
    read,
    service,
    submit: async (proposal) => handle((await service(submissions).submit(proposal)).op),
    op: handle,
    get actors(): never {
      throw refuse()
    },
    plugins: () => {
      throw refuse()
    },
    get boot(): never {
      throw refuse()
    },
    async reload(plugin) {
      const done = await holder.call('reload', { plugin }, { signal })
      return done as unknown as Awaited<ReturnType<Runtime['reload']>>
    },
    over: new AbortController().signal,
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
}
