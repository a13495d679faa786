/**
 * The world that operations act on: a provider that remembers every call by its token, and the small
 * topology whose dimensions they move. It lives apart from all machines: what it began goes on when
 * the one who asked is dead.
 *
 * @module
 */
import { definePlugin } from '../../core/plugin/define.ts'
import type { Plugin } from '../../core/plugin/define.ts'
import { eventIn } from '../../core/protocol/trail.ts'
import { defineOpType } from '../../core/protocol/op-type.ts'
import type { ComponentClass } from '../../core/protocol/op-type.ts'
import { opErrors } from '../../core/protocol/errors.ts'
import type { OpBody } from '../../core/protocol/op.ts'
import { providerErrors } from '../../core/protocol/provider-errors.ts'
import { contract, topology } from '../../core/protocol/services.ts'
import type { Count, Millis } from '../../core/units.ts'
import type { Life } from './life.ts'
import type { Time } from './time.ts'

/**
 * What becomes of one call. `lost`: it acts, and its answer does not arrive. `kills`, `cuts`: it acts, and
 * the machine that asked dies at that moment, or loses its power.
 */
export type EffectFault = 'fails' | 'lost' | 'late' | 'kills' | 'cuts'

export interface Call {
  readonly op: string
  readonly token: string
  readonly kind: ComponentClass
  /** When it was asked, and by which life. */
  readonly atMs: Millis
  readonly life: Count
  /** False: nothing that would survive said that the operation was claimed. */
  readonly claimed: boolean
  /** True: who asked had an older state of its journal. */
  readonly setBack: boolean
}

export class Provider {
  readonly calls: Call[] = []
  /** How often each token had an effect. */
  readonly effects = new Map<string, Count>()
  /** By the number of the call, from 1. */
  readonly faults = new Map<Count, EffectFault>()
  readonly #time: Time
  readonly #random: (below: number) => number

  constructor(time: Time, random: (below: number) => number) {
    this.#time = time
    this.#random = random
  }

  async call(life: Life, kind: ComponentClass, op: string, token: string): Promise<void> {
    const number = this.calls.length + 1
    const fault = this.faults.get(number)
    const claimed = await isClaimed(life, op)
    const { nowMs: atMs } = this.#time
    const setBack = life.machine.isSetBack
    this.calls.push({ op, token, kind, atMs, life: life.number, claimed, setBack })
    const work = this.#work(kind, token, fault)
    work.catch(() => {})
    if (fault === 'kills' || fault === 'cuts') life.machine.die(life, fault === 'cuts')
    return life.through(() => work)
  }

  async #work(kind: ComponentClass, token: string, fault: EffectFault | undefined): Promise<void> {
    await this.#time.sleep(this.#random(fault === 'late' ? 60_000 : 3_000))
    if (fault === 'fails') {
      throw providerErrors.PROV_PROVIDER_MACHINE_LOST({ provider: 'simulated', machine: 'm' })
    }
    const before = this.effects.get(token) ?? 0
    // Who knows tokens does nothing for one that it knows; who does not acts each time.
    if (kind === 'opaque' || before === 0) this.effects.set(token, before + 1)
    await this.#time.sleep(this.#random(500))
    if (fault === 'lost') {
      throw providerErrors.PROV_PROVIDER_UNKNOWN({ provider: 'simulated', what: 'an order' })
    }
  }
}

async function isClaimed({ journal }: Life, op: string): Promise<boolean> {
  if (!journal) return false
  for await (const record of journal.read()) {
    const event = eventIn(record)
    if (event?.type === 'prov.op.claimed' && event.subject === op) return true
  }
  return false
}

/** Dimensions of the world; each is `off` or `on`. */
export const dimensions = ['d0', 'd1', 'd2'] as const

const other = (state: string): string => (state === 'on' ? 'off' : 'on')

/**
 * `note` does nothing, `look` acts on nothing that is counted on, `flip` moves the dimension that is its
 * target, `deploy` needs a person, `drain` is denied.
 */
function bodyOf(type: string, target: string, params: Readonly<Record<string, unknown>>): OpBody {
  const to = params['to'] === 'off' ? 'off' : 'on'
  const plain: OpBody = {
    type,
    target,
    params: params as never,
    scope: [],
    destructive: type === 'drain',
    achieves: [],
    gains: [],
    loses: [],
    requires: [],
  }
  const achieves = [{ dimension: target, from: other(to), to }]
  switch (type) {
    case 'note':
    case 'drain':
      return plain
    case 'look':
      return { ...plain, run: { component: 'sim.opaque' } }
    case 'flip':
      return { ...plain, achieves, run: { component: 'sim.keyed' } }
    case 'deploy':
      return { ...plain, achieves, run: { component: 'sim.opaque' } }
    default:
      throw opErrors.PROV_OP_TYPE_UNKNOWN({ type, known: ['note', 'look', 'flip', 'deploy'] })
  }
}

/** The world as a plugin of one life. */
export function worldPlugin(provider: Provider, life: Life): Plugin {
  const opType = (type: string, kind: ComponentClass) =>
    defineOpType({
      type,
      describe: 'acts on the simulated provider',
      targets: ['**'],
      class: kind,
      apply: ({ op, token }) => provider.call(life, kind, op, token),
    })
  return definePlugin({
    name: 'world',
    api: 1,
    needs: { contract },
    provides: { topology },
    contributes: [opType('sim.keyed', 'keyed'), opType('sim.opaque', 'opaque')],
    setup({ provide, needs }) {
      life.contract = needs.contract
      const positions = () => needs.contract.store.get().positions
      provide.topology({
        resolve: async ({ type, target, params }) => bodyOf(type, target, params ?? {}),
        vector: async (names) =>
          Object.fromEntries(names.map((name) => [name, positions()[name]?.version ?? 0])),
        positions: async () => positions(),
        gates: async () => [],
        genesis: async () => ({
          positions: Object.fromEntries(dimensions.map((name) => [name, 'off'])),
          capabilities: [],
        }),
      })
    },
  })
}
