/**
 * Which controller asked for a machine last: its epoch, remembered per machine also after it is gone, so
 * that one that slept through its time can neither make nor take away what another one goes on with.
 *
 *     <stateDir>/.fence/<id>/<epoch>     an empty file per controller; the highest number counts
 *
 * Whoever asks writes its own number first and looks then: of two that ask at once, the older one sees
 * the newer one, or was there before it.
 *
 * @module
 */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Count, Millis } from 'prov'

/** A process that was frozen for longer is not expected back. */
const rememberedMs: Millis = 7 * 86_400_000

export class Fences {
  readonly #dir: string
  #swept = false

  constructor(dir: string) {
    this.#dir = join(dir, '.fence')
  }

  /** The highest epoch that asked, when it is above this one; undefined when this one may go on. */
  async above(id: string, epoch: Count): Promise<Count | undefined> {
    const folder = join(this.#dir, id)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await writeFile(join(folder, `${epoch}`), '', { mode: 0o600 })
    const epochs = (await readdir(folder)).map(Number).filter(Number.isSafeInteger)
    const highest = Math.max(...epochs)
    for (const older of epochs) {
      if (older < highest) await rm(join(folder, `${older}`), { force: true })
    }
    await this.#sweep(folder)
    return highest > epoch ? highest : undefined
  }

  /** Once in a life: machines that nobody asked for in a week. By the clock of the file system. */
  async #sweep(fresh: string): Promise<void> {
    if (this.#swept) return
    this.#swept = true
    const now = (await stat(fresh)).mtimeMs
    for (const name of await readdir(this.#dir)) {
      const folder = join(this.#dir, name)
      const seen = await stat(folder).catch(() => undefined)
      if (seen && now - seen.mtimeMs > rememberedMs) {
        await rm(folder, { recursive: true, force: true })
      }
    }
  }
}
