/**
 * The file system that git objects are written through. Two things that a plain one does not give:
 * a file appears whole or not at all, so a killed process leaves no half object that the next one
 * takes for a good one; one whose name outlived its content in a power cut is taken away and written
 * again; and `flush` makes everything touched since the last flush durable, so that
 * a reference is moved only to what a power cut cannot take away.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto'
import { promises } from 'node:fs'
import { dirname, join } from 'node:path'
import { inflateSync } from 'node:zlib'

/** What isomorphic-git wants of a file system; the rest is node's own. */
export interface GitFs {
  readonly promises: typeof promises
}

export interface Disk {
  readonly fs: GitFs
  /** Syncs files, then folders. A failure removes what was written since the last one and throws. */
  flush(): Promise<void>
}

/** `beside` is a folder on the same file system, where a file is written before it gets its name. */
export function gitDisk(beside: string): Disk {
  /** Files to sync; true for those written here, which a failed flush takes back. */
  const touched = new Map<string, boolean>()

  const writeFile = async (path: string, content: string | Uint8Array): Promise<void> => {
    const unnamed = join(beside, randomBytes(6).toString('hex'))
    try {
      await promises.writeFile(unnamed, content, { flag: 'wx' })
      await promises.rename(unnamed, path)
    } catch (error) {
      await promises.rm(unnamed, { force: true })
      throw error
    }
    touched.set(path, true)
  }

  const stat = async (path: string) => {
    const found = await promises.stat(path)
    const oid = /\/objects\/([0-9a-f]{2})\/([0-9a-f]{38})$/.exec(path)?.slice(1).join('')
    if (oid === undefined || !found.isFile() || touched.has(path)) return found
    // An object that is there already is not written again: whoever looks takes it for a good one.
    if (!isObject(await promises.readFile(path), oid)) {
      await promises.rm(path, { force: true })
      return promises.stat(path)
    }
    // It may be there without being synced.
    touched.set(path, false)
    return found
  }

  return {
    fs: {
      promises: { ...promises, writeFile, stat } as unknown as typeof promises,
    },
    async flush() {
      const files = [...touched]
      touched.clear()
      try {
        await eachOf(files, ([path]) => syncPath(path))
        // A folder that was made is an entry of its parent.
        const made = files.map(([path]) => dirname(path))
        const folders = new Set([...made, ...made.map((folder) => dirname(folder))])
        await eachOf([...folders], syncPath)
      } catch (error) {
        // After a failed sync nobody knows what the disk holds: the next try must write again.
        for (const [path, ours] of files) if (ours) await promises.rm(path, { force: true })
        throw error
      }
    },
  }
}

/** True when a loose object is the one that its name says. */
function isObject(deflated: Uint8Array, oid: string): boolean {
  try {
    return createHash('sha1').update(inflateSync(deflated)).digest('hex') === oid
  } catch {
    return false
  }
}

/** Of a folder: which names are in it. */
export async function syncPath(path: string): Promise<void> {
  const handle = await promises.open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A few at a time: one after the other waits for the disk, all at once takes every descriptor. */
async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) await act(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(8, items.length) }, worker))
}
