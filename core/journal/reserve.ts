/**
 * Room kept back on the disk. A disk fills up while operations are under way; their results must
 * still be written, or nobody knows what happened. So a file of zeros stands aside: when space ahead
 * cannot be had, it makes room for that, once, and from then on `assertRoom`
 * refuses whatever would begin.
 *
 * @module
 */
import { stat } from 'node:fs/promises'
import type { Bytes } from '../units.ts'
import { writeAll } from './files.ts'
import type { JournalFiles } from './files.ts'

/** Its name in the folder of the journal. */
export const reserveName = 'reserve'

/** True for what a disk, or a quota of it, says when it is full. */
export function isFull(thrown: unknown): boolean {
  const { code } = Object(thrown) as { code?: unknown }
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export class Reserve {
  readonly #files: JournalFiles
  readonly #path: string
  readonly #bytes: Bytes
  #isThere = false
  #filling: Promise<void> | undefined

  constructor(files: JournalFiles, path: string, bytes: Bytes) {
    this.#files = files
    this.#path = path
    this.#bytes = bytes
  }

  get isThere(): boolean {
    return this.#isThere
  }

  /** Makes it when it is not there whole. Never throws: a disk without room for it leaves `isThere` false. */
  fill(): Promise<void> {
    this.#filling ??= this.#fill().finally(() => (this.#filling = undefined))
    return this.#filling
  }

  /** Runs `act`; when the disk has no room for it, gives the reserve away and runs it once more. */
  async instead<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (thrown) {
      if (!isFull(thrown)) throw thrown
      await this.#filling
      this.#isThere = false
      // One of an earlier life is as good, so it is not asked whether this one made it.
      await this.#files.remove(this.#path).catch(() => {
        throw thrown
      })
      return await act()
    }
  }

  async #fill(): Promise<void> {
    const found = await stat(this.#path).catch(() => undefined)
    if (found?.size === this.#bytes) return void (this.#isThere = true)
    await this.#files.remove(this.#path).catch(() => {})
    try {
      const file = this.#files.open(this.#path, { exists: false })
      try {
        // Not synced: blocks are given out when they are written, and content it has none.
        await writeAll(file, Buffer.alloc(this.#bytes), 0)
      } finally {
        file.close()
      }
      this.#isThere = true
    } catch {
      await this.#files.remove(this.#path).catch(() => {})
    }
  }
}
