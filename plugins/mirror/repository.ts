/**
 * The repository of the ledger, made whole also where a power cut came while it was made: git takes a
 * folder for none without HEAD, and whoever finds a config makes nothing else.
 *
 * @module
 */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncPath } from './disk.ts'
import type { Disk } from './disk.ts'

const started = /^(ref: \S|[0-9a-f]{40})/

/** Makes what is missing; durable with the next flush. `beside` is the disk's folder for unnamed files. */
export async function makeRepository(
  disk: Disk,
  {
    dir,
    gitdir,
    beside,
  }: { readonly dir: string; readonly gitdir: string; readonly beside: string },
): Promise<void> {
  // It holds what was signed, whatever the umask lets others do.
  const outermost = (await mkdir(beside, { recursive: true, mode: 0o700 })) ?? dir
  // A new folder is an entry of its parent; this one may be of an earlier start that was cut off.
  for (let at = dir; at === dir || at.length >= outermost.length; at = dirname(at)) {
    await syncPath(dirname(at))
  }
  // Nothing is committed before the first flush: a name without its content is of a repository without any.
  const config = join(gitdir, 'config')
  const text = await readFile(config, 'utf8').catch(() => '')
  if (!/\[core\]/i.test(text) || text.includes('\0')) await rm(config, { force: true })
  const head = join(gitdir, 'HEAD')
  if (!started.test(await readFile(head, 'utf8').catch(() => ''))) {
    await disk.fs.promises.writeFile(head, 'ref: refs/heads/main\n')
  }
  const { default: git } = await import('isomorphic-git')
  await git.init({ fs: disk.fs, dir, gitdir, defaultBranch: 'main' })
}
