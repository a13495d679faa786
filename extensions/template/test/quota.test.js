// @ts-check
/** Prov's own kits say what a machine and a plugin must keep; the rest is what this one is about. */
import t from 'tap'
import { machineLaws, pluginKit } from 'prov/testing'
import { createActor } from 'xstate'
import plugin from '../index.js'
import { quotaMachine } from '../quota.machine.js'

const used = (/** @type {number} */ n) => /** @type {const} */ ({ type: 'quota.used', n })

// The walk looks at states, not at counters, so the quota is one that a single event spends.
void t.test('the machine keeps the laws of machines', (t) =>
  machineLaws(t, quotaMachine, { input: { limit: 1 }, events: [used(1)] }),
)

void t.test('the plugin keeps the contract', async (t) => {
  pluginKit(t, () => plugin, {
    sampleConfig: { limit: 3 },
    badConfigs: [{ limit: 0 }, { limit: 'three' }, { limits: 3 }],
  })
})

void t.test('a message that comes twice counts once', async (t) => {
  const actor = createActor(quotaMachine, { input: { limit: 2 } }).start()
  for (const n of [1, 1, 1]) actor.send(used(n))
  t.equal(actor.getSnapshot().value, 'within')
  actor.send(used(2))
  t.equal(actor.getSnapshot().value, 'spent')
  t.equal(actor.getSnapshot().context.used, 2)
})
