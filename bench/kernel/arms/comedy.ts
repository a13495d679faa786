/** comedy: actors as objects with a method per topic, in memory. */
import { burst, mustBe } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'

interface ComedyActor {
  send(topic: string, message?: unknown): void
  sendAndReceive(topic: string, message?: unknown): Promise<unknown>
  getId(): string
}
interface Self extends ComedyActor {
  createChild(behaviour: object): Promise<ComedyActor>
}
interface Comedy {
  createSystem(options: object): {
    rootActor(): Promise<{ createChild(behaviour: object): Promise<ComedyActor> }>
    destroy(): Promise<void>
    getLog(): { setLevel(level: number): void }
  }
}

interface State {
  readonly value: 'a' | 'b'
  readonly count: number
}

function counter(seen: { count: number }): object {
  let state: State = { value: 'a', count: 0 }
  const flip = (): number => {
    seen.count++
    state = { value: state.value === 'a' ? 'b' : 'a', count: state.count + 1 }
    return state.count
  }
  return { flip, get: flip }
}

/** Only an actor may make children, so one makes all the others. */
async function open(place: Place) {
  const comedy = (await place.peer('comedy')) as Comedy
  const system = comedy.createSystem({ test: true })
  system.getLog().setLevel(0)
  const root = await system.rootActor()
  let parent: Self | undefined
  await root.createChild({
    initialize(self: Self) {
      parent = self
    },
  })
  return { system, parent: parent as unknown as Self }
}

async function bursts(place: Place): Promise<Cell> {
  const { system, parent } = await open(place)
  const seen = { count: 0 }
  const actor = await parent.createChild(counter(seen))
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst) - 1
        for (; done < until; done++) actor.send('flip')
        await actor.sendAndReceive('get')
        done++
      }
    },
    check: (total) => mustBe('events', seen.count, total),
    close: () => system.destroy(),
  }
}

async function ask(place: Place): Promise<Cell> {
  const { system, parent } = await open(place)
  const seen = { count: 0 }
  const actor = await parent.createChild(counter(seen))
  return {
    async run(times) {
      for (let done = 0; done < times; done++) await actor.sendAndReceive('get')
    },
    check: (total) => mustBe('answers', seen.count, total),
    close: () => system.destroy(),
  }
}

async function spawn(place: Place): Promise<Cell> {
  const { parent } = await open(place)
  const seen = { count: 0 }
  const all = new Map<string, ComedyActor>()
  return {
    async run(times) {
      for (let at = 0; at < times; at++) {
        all.set(`dimension/gitops-${at}`, await parent.createChild(counter(seen)))
      }
    },
    check: (total) => mustBe('actors', all.size, total),
  }
}

export const arm: Arm = { cells: { burst: bursts, ask, spawn } }
