/**
 * Whether a folder can hold a journal at all. On a network file system neither a hard link nor a
 * sync means what the lock and the log need them to mean, so those are refused by name.
 *
 * @module
 */
import { statfs } from 'node:fs/promises'
import { journalErrors } from './errors.ts'

/** File system types of Linux's statfs that live on another machine. */
const remote: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0x517b, 'smb'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x564c, 'ncp'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x47504653, 'gpfs'],
  [0x19830326, 'beegfs'],
  [0xaad7aaea, 'panfs'],
])

/** Name of a network file system by its statfs type, or undefined. */
export function remoteFileSystem(type: number): string | undefined {
  return remote.get(type >>> 0)
}

/**
 * Throws PROV_JOURNAL_REMOTE for a folder on a network file system. What reaches a process as FUSE
 * or 9p may be local or not and passes; elsewhere than on Linux nothing is known and all passes.
 */
export async function refuseRemote(
  dir: string,
  typeOf: (dir: string) => Promise<number> = async (dir) => (await statfs(dir)).type,
): Promise<void> {
  if (process.platform !== 'linux') return
  const fileSystem = remoteFileSystem(await typeOf(dir))
  if (fileSystem) throw journalErrors.PROV_JOURNAL_REMOTE({ dir, fileSystem })
}
