/** How often a provider is asked for a machine, by what it declares, when an answer is lost. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { defineProvider, orchestrator, providerErrors, systemClock } from 'prov'
import type { ProviderSpec, RunOutcome } from 'prov'
import { localActs } from '../../extensions/provider-local/local.ts'
import { runChild } from '../support/child.ts'
import { request, step, world } from '../support/run-world.ts'

type Declared = Pick<ProviderSpec, 'class' | 'uniqueNames' | 'settleMs'>

const doubt = (code: string) => ({ outcome: 'unknown', code })
const applied = { outcome: 'applied' }
const opaque = doubt('PROV_PROVIDER_OPAQUE')
const unsettled = doubt('PROV_PROVIDER_UNSETTLED')

const killed: readonly [Declared, 'before' | 'after', object, number][] = [
  [{ class: 'keyed' }, 'before', applied, 2],
  [{ class: 'keyed' }, 'after', applied, 2],
  [{ class: 'probeable' }, 'before', unsettled, 1],
  [{ class: 'probeable' }, 'after', applied, 1],
  [{ class: 'probeable', uniqueNames: true }, 'before', applied, 2],
  [{ class: 'probeable', settleMs: 200 }, 'before', applied, 2],
  [{ class: 'opaque' }, 'before', opaque, 1],
  [{ class: 'opaque' }, 'after', applied, 1],
]

t.test('killed while a provider is asked: its class says whether it is asked again', async (t) => {
  const survive = async ([declared, dies, wanted, times]: (typeof killed)[number]) => {
    const name = `${JSON.stringify(declared)}, killed ${dies} it made one`
    const here = world(t)
    const asked = request([step('a', `echo ran >>'${here.counter}'`)], { provider: 'mortal' })
    const counter = join(here.root, 'asked')
    const run = async (): Promise<RunOutcome | undefined> => {
      const args = [here.root, here.home, JSON.stringify(asked), JSON.stringify(declared)]
      const child = runChild('orchestrate-class', [...args, counter, dies])
      const line = await child.line('outcome ').catch(() => undefined)
      await child.atLeast(Infinity)
      return line === undefined ? undefined : (JSON.parse(line.slice(8)) as RunOutcome)
    }
    t.equal(await run(), undefined, `${name}: it was killed`)
    const outcome = await run()
    t.match(outcome, wanted, name)
    t.equal(readFileSync(counter, 'utf8').trim().split('\n').length, times, `${name}: asked`)
    t.same(here.counted(), outcome?.outcome === 'applied' ? ['ran'] : [], `${name}: ran`)
    t.same(await here.left(), [], `${name}: no machine left`)
    t.same(await run(), outcome, `${name}: the same answer for ever`)
    t.equal(readFileSync(counter, 'utf8').trim().split('\n').length, times)
  }
  await Promise.all(killed.map(survive))
})

t.test('an answer that is lost while the asking process lives', async (t) => {
  const lost = async (declared: Declared) => {
    const here = world(t)
    const acts = localActs({ dir: join(here.root, '.prov', 'machines'), clock: systemClock })
    let times = 0
    const provider = defineProvider({
      ...acts,
      ...declared,
      name: 'lossy',
      async create() {
        times++
        throw providerErrors.PROV_PROVIDER_UNKNOWN({ provider: 'lossy', what: 'create' })
      },
    })
    const runtime = await here.open([provider])
    const outcome = await runtime
      .service(orchestrator)
      .run(request([step('a', 'true')], { provider: 'lossy' }))
    return [outcome, times] as const
  }
  const [one, settling] = await Promise.all([
    lost({ class: 'opaque' }),
    lost({ class: 'probeable', settleMs: 1 }),
  ])
  t.match(one, [opaque, 1])
  t.match(settling, [unsettled, 1], 'the request may still be under way: nobody died')
})

t.test(
  'a controller that slept through its time neither uses nor destroys what a newer one has',
  async (t) => {
    for (const asks of ['before', 'while it runs'] as const) {
      const here = world(t)
      const acts = localActs({ dir: join(here.root, '.prov', 'machines'), clock: systemClock })
      const signal = AbortSignal.timeout(600_000)
      const newer = (token: string) =>
        acts.create({ token, epoch: 7, tier: 's', labels: {}, ttlMs: 600_000, signal })
      const asked: string[] = []
      const provider = defineProvider({
        ...acts,
        name: 'fenced',
        class: 'keyed',
        async create(own) {
          asked.push(own.token)
          if (asks === 'before') await newer(own.token)
          const machine = await acts.create(own)
          await newer(own.token)
          return machine
        },
      })
      const runtime = await here.open([provider])
      const script = asks === 'before' ? `echo ran >>'${here.counter}'` : 'true'
      const outcome = await runtime.service(orchestrator).run({
        ...request([step('a', script)], { provider: 'fenced' }),
        epoch: 6,
      })
      if (asks === 'before') t.match(outcome, doubt('PROV_RUN_FENCED'), 'a person looks')
      t.same(here.counted(), [], 'nothing ran under the older epoch')
      await runtime.close()
      const { machine } = await acts.find({ token: asked[0] as string })
      t.ok(machine, 'the machine is the newer one’s, and is still there')
      await acts.destroy({ id: machine?.id as string, epoch: 7 })
    }
  },
)
