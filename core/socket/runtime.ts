/**
 * A runtime that lives in another process, for a command that found the workspace held: the same
 * services over the socket, the same reads from files and journal. What must happen where the journal
 * is written and cannot be handed in throws PROV_JOURNAL_LOCKED as if there were no socket.
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
import type { Holder } from './client.ts'

export interface RemoteRuntimeParts {
  readonly holder: Holder
  readonly files: WorkspaceFiles
  readonly keys: KeyStore
  readonly clock: Clock
  readonly signal: AbortSignal
  /** A new look at files and journal. */
  readonly look: () => Promise<Runtime['read']>
}

export async function remoteRuntime(parts: RemoteRuntimeParts): Promise<Runtime> {
  const { holder, files, clock, look, signal } = parts
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
  const read: Runtime['read'] = async (name, args) => (await look())(name, args)
  const row = async (id: string): Promise<OpRow> => (await read('op', { id })) as OpRow
  const find = remoteServices({ ...parts, row })
  const service: Runtime['service'] = (ref) => {
    const found = find(ref)
    if (found === undefined) throw locked()
    return found
  }
  const handle = (op: string) => opHandle(op, () => service(submissions), clock)
  return {
    files,
    read,
    service,
    submit: async (proposal) => handle((await service(submissions).submit(proposal)).op),
    op: handle,
    get actors(): never {
      throw locked()
    },
    plugins: () => {
      throw locked()
    },
    get boot(): never {
      throw locked()
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
