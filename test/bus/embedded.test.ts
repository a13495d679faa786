import t from 'tap'
import { embeddedBus } from '../../core/bus/embedded.ts'
import { busKit } from '../../core/bus/kit.ts'
import { simulatedClock } from '../../core/clock.ts'
import { MemoryDisk, memoryJournal } from '../../core/journal/memory.ts'

t.test('the embedded bus over a journal in memory', (t) =>
  busKit(t, async (t) => {
    const clock = simulatedClock()
    const disk = new MemoryDisk()
    let journal = memoryJournal({ clock, disk })
    const harness = {
      bus: await embeddedBus({ journal, clock }),
      advance: (ms: number) => clock.advance(ms),
      async reopen() {
        await harness.bus.close()
        await journal.close()
        journal = memoryJournal({ clock, disk })
        harness.bus = await embeddedBus({ journal, clock })
        return harness.bus
      },
    }
    t.teardown(async () => {
      await harness.bus.close()
      await journal.close()
    })
    return harness
  }),
)
