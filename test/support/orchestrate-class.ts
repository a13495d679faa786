/**
 * A child that runs one graph on a provider of a given class, which dies with the process when it is
 * first asked for a machine: before it makes it, or after. Arguments: workspace, home, request, what
 * is declared of the provider, file that counts requests, `before` or `after`.
 *
 * @module
 */
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { createRuntime, defineProvider, orchestrator, systemClock } from 'prov'
import type { Orchestrator, ProviderSpec } from 'prov'
import { localActs } from '../../extensions/provider-local/local.ts'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'

const [workspace, home, request, declared, counter, dies] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  'before' | 'after',
]
const acts = localActs({
  dir: join(workspace, '.prov', 'machines'),
  clock: systemClock,
  isolation: 'plain',
})
const provider = defineProvider({
  ...acts,
  ...(JSON.parse(declared) as Pick<ProviderSpec, 'class'>),
  name: 'mortal',
  async create(asked) {
    const first = !existsSync(counter)
    appendFileSync(counter, 'asked\n')
    if (first && dies === 'before') process.kill(process.pid, 'SIGKILL')
    const machine = await acts.create(asked)
    if (first) process.kill(process.pid, 'SIGKILL')
    return machine
  },
})
const runtime = await createRuntime({
  workspace,
  home,
  discover: false,
  strict: true,
  plugins: [provider, orchestratorPlugin],
})
const outcome = await runtime
  .service(orchestrator)
  .run(JSON.parse(request) as Parameters<Orchestrator['run']>[0])
process.stdout.write(`outcome ${JSON.stringify(outcome)}\n`)
await runtime.close()
