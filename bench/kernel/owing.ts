/**
 * Actors that are owed something: 100,000 of them, each waiting for an effect that never ends, so the
 * outbox holds as many promises. What one of them does must not take longer because of the others.
 *
 * @module
 */
import { setup } from 'xstate'
import type { Address } from '../../core/actor/address.ts'
import type { ActorDef } from '../../core/actor/define.ts'
import type { ActorSystem } from '../../core/actor/system.ts'
import { mustBe } from './cell.ts'
import type { Cell, Place } from './cell.ts'
import { openTree } from './tree.ts'
import type { Tree } from './tree.ts'

/** Those whose newest state alone is kept, in a snapshot of their own. */
const snapshots = 1_000
/** Addresses in one call. */
const together = 10

const waiting = () =>
  setup({
    types: { events: {} as { type: 'touch' | 'end' } },
    actions: { hold: () => {} },
  }).createMachine({
    initial: 'waits',
    states: { waits: { entry: 'hold', on: { touch: {}, end: 'over' } }, over: { type: 'final' } },
  })

function typesOf(tree: Tree): { readonly kept: ActorDef; readonly owing: ActorDef } {
  const type = (name: string, durability: 'journal' | 'snapshot') =>
    tree.defineActor({
      type: name,
      version: 1,
      machine: waiting(),
      durability,
      effects: { hold: () => new Promise<void>(() => {}) },
    })
  return { kept: type('kept', 'snapshot'), owing: type('owing', 'journal') }
}

async function crowd(
  system: ActorSystem,
  def: ActorDef,
  count: number,
): Promise<readonly Address[]> {
  const all: Address[] = []
  for (let at = 0; at < count; at += 1_000) {
    const some = Array.from({ length: Math.min(1_000, count - at) }, (_, one) =>
      system.spawn(def, `gitops-${at + one}`, undefined as never),
    )
    for (const { address } of await Promise.all(some)) all.push(address)
  }
  return all
}

async function apply(
  system: ActorSystem,
  all: readonly Address[],
  type: 'touch' | 'end',
): Promise<void> {
  await Promise.all(all.map(async (address) => system.ref(address)?.apply({ type })))
}

/** Back from records, all their effects begun again; a thousand also have snapshots of their own. */
export async function restoreOwing(place: Place): Promise<Cell> {
  const tree = await openTree(place.root)
  const disk = new tree.MemoryDisk()
  const { kept, owing } = typesOf(tree)
  const before = await tree.startActors({
    journal: tree.memoryJournal({ disk }),
    snapshotEvery: 1e12,
  })
  before.register(kept)
  before.register(owing)
  const own = await crowd(before, kept, snapshots)
  await apply(before, own, 'touch')
  await crowd(before, owing, place.actors - snapshots)
  // As if its process had been killed: nobody is told, nothing is written.
  disk.held = false
  let back: ActorSystem | undefined
  return {
    async run() {
      const journal = tree.memoryJournal({ disk })
      back = await tree.startActors({ journal, snapshotEvery: 1e12 })
      back.register(kept)
      back.register(owing)
    },
    check: () => mustBe('actors', back?.list().length ?? 0, place.actors),
  }
}

/** Some of them are done, and go ten by ten, as operations do. */
export async function retireOwing(place: Place): Promise<Cell> {
  const tree = await openTree(place.root)
  const { owing } = typesOf(tree)
  const system = await tree.startActors({ journal: tree.memoryJournal(), snapshotEvery: 1e12 })
  system.register(owing)
  const all = await crowd(system, owing, place.actors)
  const done = all.slice(0, 10_000)
  await apply(system, done, 'end')
  return {
    async run(times) {
      for (let at = 0; at < times; at += together) {
        await system.retire(done.slice(at, at + together))
      }
    },
    check: (total) => mustBe('actors', system.list().length, place.actors - total),
  }
}
