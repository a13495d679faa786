/** People on machines without any journal act over a real server on planes that run elsewhere. */
import t from 'tap'
import { findNatsServer, howToInstall } from '../support/nats-server.ts'
import { four } from './four.ts'
import { laptop } from './laptop.ts'
import type { Ran } from '../support/cli.ts'

t.setTimeout(600_000)
const path = findNatsServer()
const skip = path === undefined && howToInstall
const planes = ['submitter', 'keeper', 'controller', 'mirror'] as const
const deploy = ['op', 'submit', 'deploy', 'app-cluster/cert-manager'] as const

interface Standing {
  readonly op: string
  readonly phase: string
}

const codeIn = ({ err }: Ran): string => /\[?(PROV_[A-Z_]+)/.exec(err)?.[1] ?? err

t.test(
  'submitted on one machine, approved on another, and both see it end',
  { skip },
  async (t) => {
    const on = await four(t, path ?? '')
    for (const plane of planes) await on.start(plane)
    const [alice, bob] = [laptop(on, 'alice'), laptop(on, 'bob')]
    const asked = await alice.json<Standing>(...deploy)
    t.equal(asked.phase, 'held')
    const { op } = asked
    t.equal(codeIn(await alice.prov('op', 'approve', op)), 'PROV_OP_SELF_APPROVAL')
    const shown = await bob.json<{ id: string; by: string }>('op', 'show', op)
    t.match(shown, { id: op, by: 'alice' })
    const voted = await bob.json<Standing>('op', 'approve', op)
    t.equal(voted.phase, 'applied', 'the vote is followed to the end')
    t.match(await alice.json<Standing[]>('op', 'list'), [{ op, phase: 'applied' }])
    t.match(await alice.json('why', op), {})
  },
)
