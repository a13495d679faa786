/**
 * Where passive actors lie: keys and texts packed into slabs of bytes behind an open-addressed index,
 * no object per entry that a garbage collector would have to walk.
 *
 *     key ─ hash ─▶ index (hash, place) ─▶ slab ─▶ [type, id, state, text]
 *                                           │ memory is full: the oldest slab
 *                                           ▼
 *                                         spill file, same place, read back with one pread
 *
 * R1  A place never changes but by compaction, so an entry on disk is found as one in memory is.
 * R2  Slabs are filled to the end, then only lose entries. Half empty in memory, or three quarters
 *     empty on disk, what is left of one moves to the newest and the slab is free.
 * R3  What lies here is derived: whoever keeps something here keeps the truth elsewhere, or accepts
 *     that it ends with the process.
 *
 * It is one file because index, slabs and compaction are one idea: each knows the others' layout.
 *
 * @module
 */
import { randomInt } from 'node:crypto'
import type { Bytes, Count } from '../units.ts'
import type { Spill } from './spill.ts'

/** What lies under a key. */
export interface Packed {
  readonly text: string
  /** As it was put, or undefined. */
  readonly state: string | undefined
}

export interface ArenaOptions {
  /** Second tier, used beyond `memoryBytes`. Without one everything stays in memory. */
  readonly spill?: Spill | undefined
  /** Index and slabs together; the newest slab always stays. Default: no limit. */
  readonly memoryBytes?: Bytes | undefined
  /** Default 256 KiB. Smaller: less slack, more slabs. Larger entries get a slab of their own. */
  readonly slabBytes?: Bytes | undefined
}

/** Entries begin at multiples of this, so that 2^32 places reach 16 GiB. */
const grain: Bytes = 4
const fewest: Count = 1_024
/** The index is at most so full, and grows by a quarter: 10 to 12.5 bytes per entry. */
const fullest = 0.8
/** Read at once from disk; most entries are shorter. */
const readAhead: Bytes = 4_096
/** Distinct states kept by number; what comes later is written out. */
const mostStates: Count = 65_536
/** State numbers 0 and 1. */
const noState = 0
const writtenOut = 1

const emptyBuffer: Buffer = Buffer.alloc(0)

export class Arena {
  readonly #spill: Spill | undefined
  readonly #memoryBytes: Bytes
  readonly #slabBytes: Bytes
  readonly #mostSlabs: Count
  // The index. A place is in grains and one more than it is, 0 is an empty slot.
  #hashes = new Uint32Array(fewest)
  #places = new Uint32Array(fewest)
  #size: Count = 0
  // Slabs by number. One of them is being filled.
  readonly #slabs: (Buffer | undefined)[] = []
  readonly #used: Bytes[] = []
  readonly #live: Bytes[] = []
  readonly #filed: Bytes[] = []
  readonly #freeNumbers: number[] = []
  /** Full ones in memory, oldest first. */
  readonly #full = new Set<number>()
  #current = -1
  /** The buffer of a slab that went to disk: the next one to open takes it. */
  #spare: Buffer | undefined
  #slabMemory: Bytes = 0
  // Words that many entries share. Hashes start from their type's.
  readonly #types: string[] = []
  readonly #typeNumbers = new Map<string, number>()
  readonly #typeHashes: number[] = []
  readonly #states: string[] = []
  readonly #stateNumbers = new Map<string, number>()
  /** Whoever chooses ids must not choose where they collide. */
  readonly #seed = randomInt(2 ** 32)
  #lastType = '/'
  #lastNumber = -1
  // The entry that was looked at last: where it lies and what its head says.
  #buffer: Buffer = emptyBuffer
  #at = 0
  #type = 0
  #idAt = 0
  #idLength = 0
  #wide = false
  #state = 0
  #textAt = 0
  #textLength = 0
  #ascii = false
  #end = 0
  #ahead: Buffer = emptyBuffer

  constructor(options: ArenaOptions = {}) {
    this.#spill = options.spill
    this.#memoryBytes = options.memoryBytes ?? Infinity
    this.#slabBytes = aligned(Math.max(64, options.slabBytes ?? 262_144))
    // Compaction may need a few more than a put.
    this.#mostSlabs = Math.floor((2 ** 32 * grain) / this.#slabBytes) - 4
  }

  get size(): Count {
    return this.#size
  }

  /** In memory: index and slabs. */
  get bytes(): Bytes {
    return this.#slabMemory + 8 * this.#hashes.length
  }

  /** Slabs on disk, in bytes of their entries. */
  get spilledBytes(): Bytes {
    return this.#filed.reduce((sum, at, slab) => (at < 0 ? sum : sum + (this.#live[slab] ?? 0)), 0)
  }

  has(key: string): boolean {
    return this.#find(key) >= 0
  }

  /**
   * Keeps a text under a key `type/id`, in place of what lay there; false when all places are taken.
   * A state is a text that many entries share; it is kept once. Text and state must be well-formed
   * Unicode, as JSON text is.
   */
  put(key: string, text: string, state?: string): boolean {
    if (this.#freeNumbers.length === 0 && this.#slabs.length >= this.#mostSlabs) return false
    const known = this.#find(key)
    if (known >= 0) this.#forget(known)
    const cut = key.indexOf('/')
    const type = this.#typeNumber(key.slice(0, Math.max(0, cut)))
    const hash = this.#hash(type, key, cut + 1)
    const place = this.#write(type, key, cut + 1, text, state)
    if (this.#size + 1 > fullest * this.#hashes.length) this.#resize(1.25 * this.#hashes.length)
    this.#insert(hash, place)
    this.#size++
    this.#trim()
    return true
  }

  /** Undefined when nothing lies there. Throws PROV_ACTOR_SPILL_UNREADABLE, here as everywhere. */
  peek(key: string): Packed | undefined {
    return this.#find(key) < 0 ? undefined : this.#packed()
  }

  /** The same, and removes it. */
  take(key: string): Packed | undefined {
    const slot = this.#find(key)
    if (slot < 0) return undefined
    const packed = this.#packed()
    this.#forget(slot)
    return packed
  }

  /** Whether something lay there. */
  delete(key: string): boolean {
    const slot = this.#find(key)
    if (slot >= 0) this.#forget(slot)
    return slot >= 0
  }

  /** In no order. Nothing may be put or removed meanwhile. */
  *keys(): Generator<string> {
    for (const _ of this.#walk()) yield this.#key()
  }

  /** In no order, reading what is on disk slab by slab. Nothing may be put or removed meanwhile. */
  *entries(): Generator<Packed & { readonly key: string }> {
    for (const _ of this.#walk()) yield { key: this.#key(), ...this.#packed() }
  }

  /** Forgets everything and gives the spill file up. */
  close(): void {
    this.#hashes = new Uint32Array(fewest)
    this.#places = new Uint32Array(fewest)
    this.#size = 0
    for (const all of [this.#slabs, this.#used, this.#live, this.#filed, this.#freeNumbers]) {
      all.length = 0
    }
    this.#full.clear()
    this.#current = -1
    this.#slabMemory = 0
    this.#spare = undefined
    this.#buffer = emptyBuffer
    this.#spill?.close()
  }

  // ── index ──────────────────────────────────────────────────────────────────────────────────────

  /** The slot of a key, with its entry looked at; -1 when there is none. */
  #find(key: string): number {
    const cut = key.indexOf('/')
    const type = this.#knownType(key, cut)
    if (type < 0) return -1
    const hash = this.#hash(type, key, cut + 1)
    const size = this.#hashes.length
    for (let slot = this.#home(hash); ; slot = slot + 1 === size ? 0 : slot + 1) {
      const place = this.#places[slot] as number
      if (place === 0) return -1
      if (this.#hashes[slot] !== hash) continue
      this.#look(place)
      if (this.#type === type && this.#isId(key, cut + 1)) return slot
    }
  }

  /** The slot that points there; -1 when the entry is dead. */
  #slotOf(hash: number, place: number): number {
    const size = this.#hashes.length
    for (let slot = this.#home(hash); ; slot = slot + 1 === size ? 0 : slot + 1) {
      const there = this.#places[slot] as number
      if (there === place) return slot
      if (there === 0) return -1
    }
  }

  #insert(hash: number, place: number): void {
    const size = this.#hashes.length
    let slot = this.#home(hash)
    while (this.#places[slot] !== 0) slot = slot + 1 === size ? 0 : slot + 1
    this.#hashes[slot] = hash
    this.#places[slot] = place
  }

  /** Those behind move up, so that no search ends early. */
  #vacate(slot: number): void {
    const size = this.#hashes.length
    let hole = slot
    let at = slot
    for (;;) {
      at = at + 1 === size ? 0 : at + 1
      if (this.#places[at] === 0) break
      const home = this.#home(this.#hashes[at] as number)
      // It may move when its home does not lie between the hole and where it is.
      const stays = hole < at ? home > hole && home <= at : home > hole || home <= at
      if (stays) continue
      this.#hashes[hole] = this.#hashes[at] as number
      this.#places[hole] = this.#places[at] as number
      hole = at
    }
    this.#places[hole] = 0
  }

  #home(hash: number): number {
    return Math.floor((hash * this.#hashes.length) / 2 ** 32)
  }

  #resize(to: number): void {
    const hashes = this.#hashes
    const places = this.#places
    const size = Math.max(fewest, Math.ceil(to))
    this.#hashes = new Uint32Array(size)
    this.#places = new Uint32Array(size)
    for (let slot = 0; slot < places.length; slot++) {
      if (places[slot] !== 0) this.#insert(hashes[slot] as number, places[slot] as number)
    }
  }

  /** By code unit, from the hash of the type on. */
  #hash(type: number, key: string, from: number): number {
    let hash = this.#typeHashes[type] as number
    for (let at = from; at < key.length; at++) hash = mixed(hash, key.charCodeAt(at))
    return finished(hash)
  }

  #knownType(key: string, cut: number): number {
    if (cut === this.#lastType.length && key.startsWith(this.#lastType)) return this.#lastNumber
    const type = key.slice(0, Math.max(0, cut))
    const known = this.#typeNumbers.get(type)
    if (known === undefined) return -1
    this.#lastType = type
    return (this.#lastNumber = known)
  }

  #typeNumber(type: string): number {
    const known = this.#typeNumbers.get(type)
    if (known !== undefined) return known
    let hash = this.#seed
    for (let at = 0; at < type.length; at++) hash = mixed(hash, type.charCodeAt(at))
    this.#typeHashes.push(hash)
    this.#typeNumbers.set(type, this.#types.length)
    return this.#types.push(type) - 1
  }

  /** By number while there are few; -1 afterwards. */
  #stateNumber(state: string): number {
    const known = this.#stateNumbers.get(state)
    if (known !== undefined) return known
    if (this.#states.length >= mostStates) return -1
    const number = this.#states.push(state) + writtenOut
    this.#stateNumbers.set(state, number)
    return number
  }

  // ── entries ────────────────────────────────────────────────────────────────────────────────────

  #write(type: number, key: string, from: number, given: string, state?: string): number {
    let text = given
    let number = state === undefined ? noState : this.#stateNumber(state)
    if (number < 0) {
      number = writtenOut
      text = `${(state as string).length}:${state as string}${given}`
    }
    const length = Buffer.byteLength(text)
    const ascii = length === text.length
    let wide = false
    for (let at = from; at < key.length && !wide; at++) wide = key.charCodeAt(at) > 127
    const idLength = key.length - from
    const head = [type, 2 * idLength + (wide ? 1 : 0), number, 2 * length + (ascii ? 1 : 0)]
    const idBytes = wide ? 2 * idLength : idLength
    const room = aligned(head.reduce((sum, one) => sum + numberLength(one), idBytes + length))
    const place = this.#reserve(room)
    const buffer = this.#buffer
    let at = this.#at
    for (const one of head) at = writeNumber(buffer, at, one)
    if (wide) at += buffer.write(key.slice(from), at, 'utf16le')
    else for (let unit = from; unit < key.length; unit++) buffer[at++] = key.charCodeAt(unit)
    buffer.write(text, at, length, ascii ? 'latin1' : 'utf8')
    return place
  }

  /** Looks at the entry at a place, on disk with a pread. */
  #look(place: number): void {
    const grains = place - 1
    const perSlab = this.#slabBytes / grain
    const slab = Math.floor(grains / perSlab)
    const at = (grains - slab * perSlab) * grain
    const inMemory = this.#slabs[slab]
    if (inMemory) return this.#parse(inMemory, at)
    const spill = this.#spill as Spill
    const left = (this.#used[slab] as Bytes) - at
    const from = (this.#filed[slab] as Bytes) + at
    if (this.#ahead.length === 0) this.#ahead = Buffer.allocUnsafeSlow(readAhead)
    const ahead = left < readAhead ? this.#ahead.subarray(0, left) : this.#ahead
    spill.read(from, ahead)
    this.#parse(ahead, 0)
    if (this.#end <= ahead.length) return
    const whole = Buffer.allocUnsafe(this.#end)
    spill.read(from, whole)
    this.#buffer = whole
  }

  #parse(buffer: Buffer, from: number): void {
    this.#buffer = buffer
    this.#at = from
    this.#type = this.#number()
    const id = this.#number()
    this.#wide = (id & 1) === 1
    this.#idLength = this.#wide ? id - 1 : id / 2
    this.#state = this.#number()
    const text = this.#number()
    this.#ascii = (text & 1) === 1
    this.#textLength = Math.floor(text / 2)
    this.#idAt = this.#at
    this.#textAt = this.#at + this.#idLength
    this.#at = from
    this.#end = from + aligned(this.#textAt + this.#textLength - from)
  }

  #number(): number {
    let value = 0
    for (let weight = 1; ; weight *= 128) {
      const byte = this.#buffer[this.#at++] as number
      value += (byte & 127) * weight
      if (byte < 128) return value
    }
  }

  #isId(key: string, from: number): boolean {
    const buffer = this.#buffer
    const idAt = this.#idAt
    if (this.#wide) {
      return buffer.toString('utf16le', idAt, idAt + this.#idLength) === key.slice(from)
    }
    if (key.length - from !== this.#idLength) return false
    for (let at = 0; at < this.#idLength; at++) {
      if (buffer[idAt + at] !== key.charCodeAt(from + at)) return false
    }
    return true
  }

  #key(): string {
    const encoding = this.#wide ? 'utf16le' : 'latin1'
    const id = this.#buffer.toString(encoding, this.#idAt, this.#idAt + this.#idLength)
    return `${this.#types[this.#type] as string}/${id}`
  }

  #packed(): Packed {
    const encoding = this.#ascii ? 'latin1' : 'utf8'
    const text = this.#buffer.toString(encoding, this.#textAt, this.#textAt + this.#textLength)
    if (this.#state === noState) return { text, state: undefined }
    if (this.#state > writtenOut) {
      return { text, state: this.#states[this.#state - writtenOut - 1] as string }
    }
    const colon = text.indexOf(':')
    const cut = colon + 1 + Number(text.slice(0, colon))
    return { text: text.slice(cut), state: text.slice(colon + 1, cut) }
  }

  // ── slabs ──────────────────────────────────────────────────────────────────────────────────────

  /** Room in the newest slab: `#buffer` and `#at` are where, the answer is the place. */
  #reserve(room: Bytes): number {
    let slab = this.#current
    if (room > this.#slabBytes) this.#full.add((slab = this.#open(room)))
    else {
      while (slab < 0 || (this.#used[slab] as Bytes) + room > this.#slabBytes) slab = this.#turn()
    }
    const at = this.#used[slab] as Bytes
    this.#used[slab] = at + room
    this.#live[slab] = (this.#live[slab] as Bytes) + room
    this.#buffer = this.#slabs[slab] as Buffer
    this.#at = at
    return (slab * this.#slabBytes + at) / grain + 1
  }

  /** The newest slab is full: another one. Most of what came may have gone again meanwhile. */
  #turn(): number {
    const old = this.#current
    this.#current = this.#open(this.#slabBytes)
    if (old >= 0) {
      if (this.#sparse(old)) this.#compact(old)
      else this.#full.add(old)
    }
    return this.#current
  }

  #open(size: Bytes): number {
    const slab = this.#freeNumbers.pop() ?? this.#slabs.length
    const usual = size === this.#slabBytes
    this.#slabs[slab] = (usual ? this.#spare : undefined) ?? Buffer.allocUnsafeSlow(size)
    if (usual) this.#spare = undefined
    this.#slabMemory += size
    this.#used[slab] = 0
    this.#live[slab] = 0
    this.#filed[slab] = -1
    return slab
  }

  /** Out of the index, and out of its slab. The entry must be the one looked at. */
  #forget(slot: number): void {
    const grains = (this.#places[slot] as number) - 1
    const slab = Math.floor((grains * grain) / this.#slabBytes)
    // A place on disk was looked at through another buffer; its length is the same.
    const room = this.#end - this.#at
    this.#vacate(slot)
    this.#size--
    const size = this.#hashes.length
    if (size > fewest && this.#size < 0.3 * size) this.#resize(this.#size / 0.6)
    const live = (this.#live[slab] as Bytes) - room
    this.#live[slab] = live
    if (slab === this.#current) {
      if (live === 0) this.#used[slab] = 0
    } else if (live === 0) this.#drop(slab)
    else if (this.#sparse(slab)) this.#compact(slab)
  }

  #sparse(slab: number): boolean {
    const share = this.#slabs[slab] ? 0.5 : 0.25
    return (this.#live[slab] as Bytes) < share * (this.#used[slab] as Bytes)
  }

  #drop(slab: number): void {
    const buffer = this.#slabs[slab]
    if (buffer) this.#slabMemory -= buffer.length
    else this.#spill?.free(this.#filed[slab] as Bytes, this.#roomOf(slab))
    this.#slabs[slab] = undefined
    this.#filed[slab] = -1
    this.#used[slab] = 0
    this.#full.delete(slab)
    this.#freeNumbers.push(slab)
  }

  #compact(slab: number): void {
    let buffer = this.#slabs[slab]
    try {
      buffer ??= this.#readBack(slab)
    } catch {
      // Whoever looks for what is left in it will hear of it.
      return
    }
    this.#full.delete(slab)
    for (let at = 0; at < (this.#used[slab] as Bytes);) {
      this.#parse(buffer, at)
      const end = this.#end
      const slot = this.#slotOf(this.#hashThere(), (slab * this.#slabBytes + at) / grain + 1)
      if (slot >= 0) {
        this.#places[slot] = this.#reserve(end - at)
        buffer.copy(this.#buffer, this.#at, at, end)
      }
      at = end
    }
    this.#drop(slab)
    this.#trim()
  }

  #readBack(slab: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(this.#used[slab] as Bytes)
    ;(this.#spill as Spill).read(this.#filed[slab] as Bytes, buffer)
    return buffer
  }

  /** The hash of the key of the entry looked at. */
  #hashThere(): number {
    const buffer = this.#buffer
    const end = this.#idAt + this.#idLength
    let hash = this.#typeHashes[this.#type] as number
    if (this.#wide) {
      for (let at = this.#idAt; at < end; at += 2) hash = mixed(hash, buffer.readUInt16LE(at))
    } else for (let at = this.#idAt; at < end; at++) hash = mixed(hash, buffer[at] as number)
    return finished(hash)
  }

  /** What a slab takes in the file: all of the usual size fit into each other's place. */
  #roomOf(slab: number): Bytes {
    return Math.max(this.#slabBytes, this.#used[slab] as Bytes)
  }

  #trim(): void {
    const spill = this.#spill
    if (!spill || this.bytes <= this.#memoryBytes) return
    for (const slab of this.#full) {
      const buffer = this.#slabs[slab] as Buffer
      const at = spill.write(buffer.subarray(0, this.#used[slab]), this.#roomOf(slab))
      if (at === undefined) return
      this.#filed[slab] = at
      this.#slabs[slab] = undefined
      this.#slabMemory -= buffer.length
      if (buffer.length === this.#slabBytes) this.#spare = buffer
      this.#full.delete(slab)
      if (this.bytes <= this.#memoryBytes) return
    }
  }

  /** Looks at every living entry in turn. */
  *#walk(): Generator<void> {
    for (let slab = 0; slab < this.#slabs.length; slab++) {
      const used = this.#used[slab] as Bytes
      if (used === 0) continue
      const buffer = this.#slabs[slab] ?? this.#readBack(slab)
      for (let at = 0; at < used;) {
        this.#parse(buffer, at)
        const end = this.#end
        const place = (slab * this.#slabBytes + at) / grain + 1
        if (this.#slotOf(this.#hashThere(), place) >= 0) yield
        at = end
      }
    }
  }
}

const aligned = (length: Bytes): Bytes => Math.ceil(length / grain) * grain

/** FNV-1a, by code unit. */
const mixed = (hash: number, unit: number): number => Math.imul(hash ^ unit, 16_777_619)

/** Spreads what the last units did over all bits: the high ones choose the slot. */
function finished(hash: number): number {
  let out = hash ^ (hash >>> 16)
  out = Math.imul(out, 2_246_822_507)
  out ^= out >>> 13
  out = Math.imul(out, 3_266_489_909)
  return (out ^ (out >>> 16)) >>> 0
}

function numberLength(value: number): Bytes {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

/** Seven bits a byte, the lowest first. */
function writeNumber(buffer: Buffer, from: number, value: number): number {
  let at = from
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) buffer[at++] = (rest % 128) | 128
  buffer[at++] = rest
  return at
}
