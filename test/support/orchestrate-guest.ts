/**
 * A child that runs one graph in a workspace with the plugins that came with it, and prints what came
 * of it: for tests that kill it, or its plugin, on the way. Arguments: workspace, home, request as JSON.
 *
 * @module
 */
import { createRuntime, orchestrator } from 'prov'
import type { Orchestrator } from 'prov'

const [workspace, home, request] = process.argv.slice(2) as [string, string, string]
const runtime = await createRuntime({ workspace, home, log: () => {} })
const outcome = await runtime
  .service(orchestrator)
  .run(JSON.parse(request) as Parameters<Orchestrator['run']>[0])
process.stdout.write(`outcome ${JSON.stringify(outcome)}\n`)
await runtime.close()
