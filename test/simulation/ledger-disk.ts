/**
 * The disk below the ledger: what git and its writer ask of `node:fs/promises` happens on a disk that
 * loses power. Folders are there as soon as they are made; whatever lies in them must be synced.
 *
 *     writeFile, appendFile, rename, rm, handle.sync ─▶ simulatedDisk ─▶ cut: old, new, half or nothing
 *
 * @module
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import type { WritableFile } from '../../core/journal/files.ts'
import { simulatedDisk } from '../../core/journal/simulated-disk.ts'
import type { SimulatedDisk, SimulatedDiskOptions } from '../../core/journal/simulated-disk.ts'

/** One call to the file system, or to an open file. */
export interface FileCall {
  readonly path: string
  readonly name: string
  readonly args: readonly unknown[]
}

type Content = string | Uint8Array

export class LedgerDisk {
  readonly #options: SimulatedDiskOptions
  #disk: SimulatedDisk

  constructor(options: SimulatedDiskOptions) {
    this.#options = options
    fs.mkdirSync(options.folder, { recursive: true })
    this.#disk = simulatedDisk(options)
  }

  /** The power goes and comes back. */
  cut(): void {
    this.#disk.cut()
    this.#disk = simulatedDisk(this.#options)
  }

  /** What happens in the place of a call; undefined for one that no power cut can undo. */
  instead({ path, name, args }: FileCall): (() => Promise<unknown>) | undefined {
    if (!path.startsWith(`${this.#options.folder}/`)) return undefined
    switch (name) {
      case 'open':
        return args[1] === 'wx' ? () => this.#make(path, fs.openSync) : undefined
      case 'writeFile': {
        const isNew = Object(args[2])['flag'] === 'wx'
        return () => this.#write(path, args[1] as Content, { at: 0, isNew })
      }
      case 'appendFile':
        return () => this.#write(path, args[1] as Content, { at: 'end' })
      case 'handle.writeFile':
        return () => this.#write(path, args[0] as Content, { at: 0 })
      case 'handle.sync':
        return () => this.#sync(path)
      case 'rename':
        return () => this.#disk.files.rename(path, args[1] as string)
      case 'rm':
      case 'unlink':
        return () => this.#remove(path, { force: Object(args[1])['force'] === true })
      case 'handle.write':
      case 'handle.truncate':
      case 'copyFile':
      case 'cp':
      case 'link':
      case 'truncate':
        throw new Error(`${name} of ${path}: nobody asked that of this disk before`)
      default:
        return undefined
    }
  }

  async #make(path: string, open: typeof fs.openSync): Promise<number> {
    this.#disk.files.open(path, { exists: false }).close()
    return open(path, 'r+')
  }

  async #write(
    path: string,
    content: Content,
    { at, isNew = false }: { readonly at: 0 | 'end'; readonly isNew?: boolean },
  ): Promise<void> {
    const known = fs.statSync(path, { throwIfNoEntry: false })
    if (known && isNew) throw Object.assign(new Error(`EEXIST: ${path}`), { code: 'EEXIST' })
    return this.#with(path, known !== undefined, async (file) => {
      if (known && at === 0) await file.truncate(0)
      const offset = at === 'end' ? (known?.size ?? 0) : 0
      await file.write(Buffer.from(content as Uint8Array), offset)
    })
  }

  async #sync(path: string): Promise<void> {
    if (fs.statSync(path).isDirectory()) return this.#disk.files.syncFolder(path)
    return this.#with(path, true, (file) => file.datasync())
  }

  async #with(
    path: string,
    exists: boolean,
    act: (file: WritableFile) => Promise<void>,
  ): Promise<void> {
    const file = this.#disk.files.open(path, { exists })
    try {
      await act(file)
    } finally {
      file.close()
    }
  }

  async #remove(path: string, { force }: { readonly force: boolean }): Promise<void> {
    const known = fs.statSync(path, { throwIfNoEntry: false })
    if (!known && force) return
    if (!known?.isDirectory()) return this.#disk.files.remove(path)
    for (const name of fs.readdirSync(path)) await this.#remove(join(path, name), { force })
    fs.rmdirSync(path)
  }
}
