/** The pipeline with planes apart: each a runtime with a journal and keys of its own, over one bus. */
import t from 'tap'
import type { Test } from 'tap'
import { natsBus } from '../../core/bus/nats.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import type { OpPhase } from '../../core/protocol/op.ts'
import { pipelineSuite } from '../plugins/pipeline-suite.ts'
import type { World } from '../plugins/pipeline-suite.ts'
import type { Life, Stage } from '../plugins/stage.ts'
import { findNatsServer, howToInstall, natsServer } from '../support/nats-server.ts'
import { apart } from './planes-stage.ts'
import type { ApartOptions } from './planes-stage.ts'

t.setTimeout(600_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const planes = ['submitter', 'keeper', 'controller'] as const

async function worldOf(t: Test, options: ApartOptions): Promise<World> {
  const on = await apart(t, options)
  for (const plane of planes) await on.during(on.start(plane))
  const there = (): Life => on.plane('submitter')
  /** Resolves when a look at what the submitter knows is true; time passes meanwhile. */
  const seen = <T>(look: () => T | undefined): Promise<T> =>
    on.during(
      new Promise<T>((resolve) => {
        let stop = (): void => {}
        const again = (): void => {
          const found = look()
          if (found === undefined) return
          stop()
          resolve(found)
        }
        stop = there().deal.follow(again)
        again()
      }),
    )
  return {
    on: on.stages.get('controller') as Stage,
    get ops() {
      return there().ops
    },
    get desk() {
      return on.plane('keeper').desk
    },
    get control() {
      return on.plane('controller').control
    },
    get deal() {
      return there().deal
    },
    until: (op, ...phases) =>
      seen((): OpPhase | undefined => {
        const phase = there().deal.store.get().ops.get(op)?.phase
        return phase !== undefined && phases.includes(phase) ? phase : undefined
      }),
    events: (op) => there().events(op),
    refused: async (code) => {
      await seen(() =>
        there()
          .codes()
          .find((known) => known === code),
      )
    },
    async restart() {
      for (const plane of planes) await on.during(on.stop(plane))
      for (const plane of planes) await on.during(on.start(plane))
    },
  }
}

t.test('on the embedded bus', async (t) => {
  pipelineSuite(t, (t, policy) => worldOf(t, { policy }))
})

t.test('on a server', { skip }, async (t) => {
  pipelineSuite(t, async (t, policy) => {
    const server = await natsServer(path ?? '', t)
    const bus = () => natsBus({ servers: server.url })
    // Messages take real time, so that of the planes goes with it.
    const pass = async (clock: Stage['clock']): Promise<void> => {
      await sleep(systemClock, 10)
      await clock.advance(10)
    }
    return worldOf(t, { policy, bus, pass })
  })
})
