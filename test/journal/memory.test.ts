import t from 'tap'
import { simulatedClock } from '../../core/clock.ts'
import { journalKit } from '../../core/journal/kit.ts'
import { MemoryDisk, memoryJournal, readMemory } from '../../core/journal/memory.ts'

await journalKit(t, () => {
  const clock = simulatedClock()
  const disk = new MemoryDisk()
  return {
    clock,
    open: async () => memoryJournal({ clock, disk }),
    reader: async () => readMemory(disk),
    presumeDead: () => {
      disk.held = false
    },
    failNextSync: () => {
      disk.beforeSync = () => {
        disk.beforeSync = undefined
        throw new Error('EIO: i/o error, fdatasync')
      }
    },
    holdSyncs: () => {
      let release = (): void => {}
      const held = new Promise<void>((resolve) => (release = resolve))
      disk.beforeSync = () => held
      return () => {
        disk.beforeSync = undefined
        release()
      }
    },
  }
})

t.test('what was handed in may change afterwards without changing the record', async (t) => {
  const journal = memoryJournal({ clock: simulatedClock() })
  const body = { n: 1 }
  await journal.append([{ partition: 'p', type: 'x', body }])
  body.n = 2
  for await (const record of journal.read()) t.same(record.body, { n: 1 })
})
