/**
 * A bus of its own, in a journal of its own, that takes messages and loses them when a test says so:
 * what a server does that loses its store.
 *
 * @module
 */
import type { Bus, Outgoing } from '../../core/bus/bus.ts'
import { embeddedBus } from '../../core/bus/embedded.ts'
import type { Clock } from '../../core/clock.ts'
import { memoryJournal } from '../../core/journal/memory.ts'

export interface LossyBus {
  /** To be handed out as often as there are planes; closing one of them closes nothing. */
  open(): Bus
  /** Which messages are lost after they were taken. Default none. */
  loses: (subject: string, message: Outgoing) => boolean
  /** How often messages were handed over, by the start of their id. */
  count(start: string): number
  close(): Promise<void>
}

export async function lossyBus(clock: Clock): Promise<LossyBus> {
  const journal = memoryJournal({ clock })
  const bus = await embeddedBus({ journal, clock })
  const ids: string[] = []
  const lossy: LossyBus = {
    loses: () => false,
    count: (start) => ids.filter((id) => id.startsWith(start)).length,
    open: () => ({
      kind: 'lossy',
      ensureStream: (config, options) => bus.ensureStream(config, options),
      ensureConsumer: (config, options) => bus.ensureConsumer(config, options),
      async publish(subject, message) {
        ids.push(message.id)
        if (!lossy.loses(subject, message)) return bus.publish(subject, message)
        return { stream: 'LOST', sequence: 0, duplicate: false }
      },
      pull: (stream, consumer, options) => bus.pull(stream, consumer, options),
      keyValue: (bucket) => bus.keyValue(bucket),
      streamInfo: (name) => bus.streamInfo(name),
      close: async () => {},
    }),
    async close() {
      await bus.close()
      await journal.close()
    },
  }
  return lossy
}
