/**
 * An older state of the controller's disk is put in the place of the newest, as a backup would be, and
 * commands that were used come in again; after a while the newest is put back. It happens once somebody
 * outside knows better: where nobody does, nobody could tell.
 *
 *     copy ─▶ who knows is ahead of it ─▶ older disk, used commands ─▶ newest disk
 *
 * @module
 */
import { cpSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { anchorOfDir } from '../../core/journal/anchor.ts'
import { leaseBucket } from '../../core/protocol/subjects.ts'
import type { Count, Millis } from '../../core/units.ts'
import { lookingOn } from './life.ts'
import { workspaceName } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Fault } from './story.ts'
import type { World } from './world.ts'

type SetBack = Extract<Fault, { goes: 'set back' }>

/** How far a journal had come, by its records and by the chain of the controller's events. */
interface Height {
  readonly position: Count
  readonly n: Count
}

const looksMs: Millis = 500
const plane = 'controller'
const inDisk = (dir: string, ...parts: readonly string[]) => join(dir, 'disk', ...parts)

/** Told what to say again once the older disk is in its place. */
export async function setBack(
  world: World,
  { atMs, forMs, knows }: SetBack,
  again: () => Promise<unknown>,
): Promise<void> {
  const { time } = world
  const machine = world.at(plane)
  await time.sleep(atMs)
  const height = await untilKnown(world, () => heightOf(machine))
  const { dir } = machine.parts
  cpSync(inDisk(dir), join(dir, 'backup'), { recursive: true })
  await untilKnown(world, async () => (await isKnown(world, knows, height)) || undefined)
  if (world.isCalm) return
  if (knows === 'peers') await world.broker?.forget(leaseBucket(workspaceName), plane)
  machine.between(() => {
    machine.isSetBack = true
    renameSync(inDisk(dir), join(dir, 'newest'))
    renameSync(join(dir, 'backup'), inDisk(dir))
    if (knows !== 'anchor') return
    rmSync(inDisk(dir, 'anchors'), { recursive: true, force: true })
    cpSync(join(dir, 'newest', 'anchors'), inDisk(dir, 'anchors'), { recursive: true })
  })
  await again()
  for (const end = time.nowMs + forMs; time.nowMs < end && !world.isCalm;) await time.sleep(looksMs)
  machine.between(() => {
    machine.isSetBack = false
    rmSync(inDisk(dir), { recursive: true })
    renameSync(join(dir, 'newest'), inDisk(dir))
  })
}

/** What a look comes to, as soon as it comes to something. */
async function untilKnown<T>(world: World, look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await lookingOn(look)
    if (found !== undefined) return found
    await world.time.sleep(looksMs)
  }
}

async function heightOf({ runs }: Machine): Promise<Height | undefined> {
  const { journal, contract } = runs ?? {}
  if (!journal || !contract) return undefined
  const { position } = await journal.head()
  return { position, n: contract.ends.get(plane)?.n ?? 0 }
}

/** True when whoever is to know it heard of more than the copy holds. */
async function isKnown(
  { machines, broker, at }: World,
  by: SetBack['knows'],
  { position, n }: Height,
): Promise<boolean> {
  const machine = at(plane)
  switch (by) {
    case 'anchor': {
      const { dir } = machine.parts
      const anchor = await anchorOfDir(inDisk(dir, 'anchors'), inDisk(dir, 'journal'))
      return (anchor?.head?.position ?? 0) > position
    }
    case 'lease': {
      const note = await broker?.look(leaseBucket(workspaceName), plane)
      const { about } = Object(note?.value) as { about?: { position: Count } }
      return (about?.position ?? 0) > position
    }
    case 'peers':
      return machines
        .filter((one) => one !== machine)
        .every(({ runs }) => (runs?.contract?.ends.get(plane)?.n ?? 0) > n)
  }
}
