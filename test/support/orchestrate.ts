/**
 * A child that runs one graph in a workspace and prints what came of it: for tests that kill it on
 * the way. Arguments: workspace, home, request as JSON.
 *
 * @module
 */
import { createRuntime, orchestrator } from 'prov'
import type { Orchestrator } from 'prov'
import providerLocal from '../../extensions/provider-local/index.ts'
import orchestratorPlugin from '../../plugins/orchestrator/index.ts'

const [workspace, home, request] = process.argv.slice(2) as [string, string, string]
const runtime = await createRuntime({
  workspace,
  home,
  discover: false,
  strict: true,
  plugins: [providerLocal, orchestratorPlugin],
  config: { 'provider-local': { isolation: 'plain' } },
})
const outcome = await runtime
  .service(orchestrator)
  .run(JSON.parse(request) as Parameters<Orchestrator['run']>[0])
process.stdout.write(`outcome ${JSON.stringify(outcome)}\n`)
await runtime.close()
