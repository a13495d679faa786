/** moleculer: services without state of an entity; a call to a local action stands for a message. */
import { burst, mustBe } from '../cell.ts'
import type { Arm, Cell, Place } from '../cell.ts'

interface Moleculer {
  readonly ServiceBroker: new (options: object) => {
    createService(schema: object): void
    start(): Promise<void>
    stop(): Promise<void>
    call(action: string, params: object): Promise<unknown>
  }
}

interface State {
  readonly value: 'a' | 'b'
  readonly count: number
}

async function open(place: Place) {
  const { ServiceBroker } = (await place.peer('moleculer')) as Moleculer
  const broker = new ServiceBroker({ logger: false })
  let state: State = { value: 'a', count: 0 }
  broker.createService({
    name: 'counter',
    actions: {
      flip: () => {
        state = { value: state.value === 'a' ? 'b' : 'a', count: state.count + 1 }
        return state.count
      },
    },
  })
  await broker.start()
  return { broker, count: () => state.count }
}

async function bursts(place: Place): Promise<Cell> {
  const { broker, count } = await open(place)
  return {
    async run(times) {
      for (let done = 0; done < times;) {
        const until = Math.min(times, done + burst)
        const calls = []
        for (; done < until; done++) calls.push(broker.call('counter.flip', {}))
        await Promise.all(calls)
      }
    },
    check: (total) => mustBe('events', count(), total),
    close: () => broker.stop(),
  }
}

async function ask(place: Place): Promise<Cell> {
  const { broker, count } = await open(place)
  return {
    async run(times) {
      for (let done = 0; done < times; done++) await broker.call('counter.flip', {})
    },
    check: (total) => mustBe('answers', count(), total),
    close: () => broker.stop(),
  }
}

export const arm: Arm = { cells: { burst: bursts, ask } }
