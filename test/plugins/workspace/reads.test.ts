/** Read models: the same answer from files and journal alone as from inside a running runtime. */
import t from 'tap'
import { createRuntime } from 'prov'
import { knownReads, readOnce } from '../../../core/plugin/reads.ts'
import { discoverPlugins } from '../../../core/plugin/discover.ts'
import { openWorkspaceFiles } from '../../../core/config/workspace.ts'
import { readJournal } from '../../../core/journal/reader.ts'
import { systemClock as clock } from '../../../core/clock.ts'
import { sampleCopy } from '../../support/workspace.ts'

t.test('with and without a runtime, reads say the same', async (t) => {
  const { root, home, run } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  await run('op', 'submit', 'scale', 'monitoring/loki', '--op-id', 'scale-1')
  const asked = [
    ['state'],
    ['next'],
    ['gates'],
    ['connections'],
    ['card'],
    ['capabilities'],
    ['backlog', { priority: 'High' }],
    ['backlog-item', { id: 'bl-deploy-certmgr' }],
    ['validate', { decision: 'deploy sops-operator before cert-manager' }],
    ['plan', { type: 'deploy', target: 'app-cluster/cert-manager' }],
    ['why', { gate: 'secrets-to-apps' }],
    ['why', { op: 'scale-1' }],
    ['op', { id: 'scale-1' }],
    ['policy'],
    ['keeper'],
    ['enrolled'],
    ['audit', { op: 'scale-1' }],
    ['trail'],
  ] as const
  const discovery = discoverPlugins({ workspace: root })
  const files = await openWorkspaceFiles(root, { nickel: discovery.nickel })
  const journal = await readJournal({ dir: `${root}/.prov/journal` })
  const alone = readOnce({ table: await knownReads(discovery), files, journal, clock })
  const before = new Map<string, unknown>()
  for (const [name, args] of asked)
    before.set(`${name} ${JSON.stringify(args)}`, await alone(name, args))
  await journal.close()

  const runtime = await createRuntime({ workspace: root, home, strict: true, clock })
  t.teardown(() => runtime.close())
  for (const [name, args] of asked) {
    const key = `${name} ${JSON.stringify(args)}`
    t.same(await runtime.read(name, args), before.get(key), key)
  }
  t.same(
    runtime.plugins().filter(({ state }) => state === 'refused'),
    [],
  )
})
