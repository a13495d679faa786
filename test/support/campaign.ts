/**
 * A child that drives operations from proposal to ledger in one process, for tests that kill it on
 * the way. Arguments: workspace, home, server or '', `at once` or `in turn`, names of the operations.
 * One that is there already is waited for, as a person would who gives the same command again. Prints
 * `done` when all is in the ledger and closed.
 *
 * @module
 */
import { createRuntime, ledger } from 'prov'
import { natsBus } from '../../core/bus/nats.ts'

const [workspace, home, server, how, ...ops] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  ...string[],
]
const runtime = await createRuntime({
  workspace,
  home,
  ...(server !== '' && { bus: () => natsBus({ servers: server, timeoutMs: 5_000 }) }),
  log: () => {},
})
const restart = { type: 'restart', target: 'monitoring/grafana', as: 'alice' } as const
const drive = async (opId: string): Promise<void> => {
  const op = await runtime.submit({ ...restart, opId })
  await op.settled({ timeoutMs: 600_000 })
}
if (how === 'at once') await Promise.all(ops.map(drive))
else for (const op of ops) await drive(op)
await runtime.service(ledger).settled()
await runtime.close()
process.stdout.write('done\n')
