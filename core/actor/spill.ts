/**
 * Where passive actors go when the arena has no more room in memory: one file of slabs, opened at the
 * first one. It is derived data. The journal stays the truth: the file is thrown away at every start,
 * has no name while it is in use where the platform allows that, and nobody syncs it.
 *
 * A disk that refuses a slab is reported once and asked no more; the slab stays in memory.
 *
 * @module
 */
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { asProvError } from '../errors.ts'
import type { ProvError } from '../errors.ts'
import type { Bytes } from '../units.ts'
import { actorErrors } from './errors.ts'

export interface SpillOptions {
  /** The file. Its folder is made when it is missing; readable by its owner only. */
  readonly path: string
  /** Hears, once, that the disk takes nothing. */
  readonly failed: (error: ProvError) => void
}

export class Spill {
  readonly #options: SpillOptions
  #file: number | undefined
  #end: Bytes = 0
  /** Places whose slab was read back or is dead, by size. */
  readonly #free = new Map<Bytes, Bytes[]>()
  #refused = false

  /** Throws nothing; a file that an earlier process left behind is removed. */
  constructor(options: SpillOptions) {
    this.#options = options
    try {
      rmSync(options.path, { force: true })
    } catch (thrown) {
      this.#refuse(thrown)
    }
  }

  /** Whether it would still try. */
  get willing(): boolean {
    return !this.#refused
  }

  /** Bytes of the file. */
  get size(): Bytes {
    return this.#end
  }

  /** Where the slab is now, or undefined when the disk did not take it. `room` is what it may need. */
  write(slab: Uint8Array, room: Bytes): Bytes | undefined {
    if (this.#refused) return undefined
    try {
      this.#file ??= open(this.#options.path)
      const at = this.#free.get(room)?.pop() ?? this.#end
      for (let done = 0; done < slab.length;) {
        done += writeSync(this.#file, slab, done, slab.length - done, at + done)
      }
      if (at === this.#end) this.#end += room
      return at
    } catch (thrown) {
      this.#refuse(thrown)
      return undefined
    }
  }

  /** Fills `into`. Throws PROV_ACTOR_SPILL_UNREADABLE. */
  read(at: Bytes, into: Uint8Array): void {
    try {
      for (let done = 0; done < into.length;) {
        const got = readSync(this.#file as number, into, done, into.length - done, at + done)
        if (got === 0) throw new Error(`it ends at ${at + done}`)
        done += got
      }
    } catch (thrown) {
      const what = asProvError(thrown).message
      throw actorErrors.PROV_ACTOR_SPILL_UNREADABLE(
        { path: this.#options.path, what },
        { cause: thrown },
      )
    }
  }

  /** Nobody will read there any more. */
  free(at: Bytes, room: Bytes): void {
    const places = this.#free.get(room)
    if (places) places.push(at)
    else this.#free.set(room, [at])
  }

  /** Gives the file up. Idempotent. */
  close(): void {
    this.#refused = true
    if (this.#file === undefined) return
    closeSync(this.#file)
    this.#file = undefined
    rmSync(this.#options.path, { force: true })
  }

  #refuse(thrown: unknown): void {
    this.#refused = true
    const { path, failed } = this.#options
    const what = asProvError(thrown).message
    failed(actorErrors.PROV_ACTOR_SPILL_REFUSED({ path, what }, { cause: thrown }))
  }
}

function open(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  const file = openSync(path, 'wx+', 0o600)
  try {
    rmSync(path)
  } catch {
    // Windows keeps the name until it is closed.
  }
  return file
}
