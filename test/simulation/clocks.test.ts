/** A keeper whose clock is an hour behind, on a machine of its own: what it signs is over when it comes. */
import t from 'tap'
import type { CommandContext } from '../../core/cli/command.ts'
import { checkKeeper } from '../../core/cli/doctor-keeper.ts'
import { contract } from '../../core/protocol/services.ts'
import type { KeeperView } from '../../plugins/keeper/reads/keeper.ts'
import { People } from './people.ts'
import { toldBy } from './promises.ts'
import { beginWorld } from './world.ts'
import type { World } from './world.ts'

t.setTimeout(600_000)
const minuteMs = 60_000

const runtimeAt = (world: World, plane: 'keeper' | 'controller') => {
  const runtime = world.at(plane).runs?.runtime
  if (!runtime) throw new Error(`the ${plane} does not run`)
  return runtime
}

t.test(
  'it signs anew ever more rarely, says why, and goes on when its clock is right',
  async (t) => {
    const world = await beginWorld('apart', 1)
    t.teardown(() => world.end())
    const { time } = world
    const keeper = world.at('keeper')
    for (const machine of world.machines) machine.start()
    const people = new People(world)
    const [op, type, target, to] = ['op_1', 'deploy', 'd0', 'on'] as const
    const row = (plane: 'keeper' | 'controller') =>
      runtimeAt(world, plane).service(contract).store.get().ops.get(op)
    const signed = (): number =>
      row('controller')?.notes.filter(({ why }) => why.startsWith('approved by')).length ?? 0

    void people.do({ does: 'submit', atMs: 0, op, type, target, to })
    const isHeld = () => keeper.runs !== undefined && row('keeper')?.phase === 'held'
    t.ok(await time.until(isHeld, minuteMs))
    keeper.skewMs = -60 * minuteMs
    void people.do({ does: 'vote', atMs: 0, op, good: true })
    await time.until(() => false, 10 * minuteMs)
    t.equal(row('controller')?.phase, 'approved')
    const early = signed()
    // At once, after 1, 2, 4 … 32 s, then each minute.
    t.ok(early > 7 && early < 18, `${early} in ten minutes`)
    await time.until(() => false, 10 * minuteMs)
    t.ok(signed() - early <= 10, 'then one in a minute at most')

    t.match(row('keeper'), {
      code: 'PROV_OP_CLOCKS_APART',
      why: /clock is at least 35\d\d s behind/,
    })
    const runtime = runtimeAt(world, 'keeper')
    const read = (name: string) => time.during(runtime.read(name), minuteMs)
    t.match((await read('keeper')) as KeeperView, { apart: [{ op, message: /behind/ }] })
    const clock = async () => {
      const findings = await checkKeeper({ read } as CommandContext)
      return findings.filter(({ check }) => check === 'clocks')
    }
    t.match(await clock(), [{ level: 'bad', code: 'PROV_OP_CLOCKS_APART', fix: /timedatectl/ }])

    keeper.skewMs = 0
    const goesOn = () => row('keeper')?.phase === 'applied'
    t.ok(await time.until(goesOn, 2 * minuteMs), 'within the longest pause')
    t.same(await clock(), [])
    const [told] = await time.during(toldBy(world), minuteMs)
    const lapses = told?.events.filter(({ type: kind }) => kind === 'prov.op.expired') ?? []
    const [first, ...rest] = lapses.map(({ data }) => (data as { code: string }).code)
    t.equal(first, 'PROV_OP_COMMAND_LATE', 'one that is late may be just that')
    t.same(new Set(rest), new Set(['PROV_OP_CLOCKS_APART']))
    t.equal([...world.provider.effects.values()].join(), '1')
  },
)
