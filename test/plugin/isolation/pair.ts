/** Two ends of a wire in one thread. @module */
import { systemClock } from '../../../core/clock.ts'
import type { ProvError } from '../../../core/errors.ts'
import { Peer } from '../../../core/plugin/isolation/wire.ts'
import type { Frame, PeerOptions } from '../../../core/plugin/isolation/wire.ts'

export interface Pair {
  readonly here: Peer
  readonly there: Peer
  readonly odd: ProvError[]
  readonly sent: Frame[]
}

/** Two peers whose frames are cloned on the way, as between threads. */
export function pair(root: object, openCalls?: number, more: Partial<PeerOptions> = {}): Pair {
  const odd: ProvError[] = []
  const sent: Frame[] = []
  const make = (own: object, to: () => Peer): Peer =>
    new Peer({
      plugin: 'other',
      root: own,
      line: {
        post: (frame) => {
          sent.push(frame)
          const copy = structuredClone(frame)
          queueMicrotask(() => to().receive(copy))
        },
      },
      kernel: () => 'the kernel',
      clock: () => systemClock,
      isKernel: () => false,
      isSystemClock: (value) => value === systemClock,
      garbage: (error) => odd.push(error),
      openCalls,
      lenient: true,
      ...more,
    })
  const here: Peer = make({}, () => there)
  const there: Peer = make(root, () => here)
  return { here, there, odd, sent }
}
