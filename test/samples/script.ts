/** The first sample of the face; below this line it is the block that stands in the README. @module */
import { createRuntime } from 'prov'

await using prov = await createRuntime({ workspace: './infra' })
console.table(await prov.read('state'))

const op = await prov.submit({ type: 'deploy', target: 'app-cluster/cert-manager', as: 'alice' })
op.phases$.subscribe((phase) => console.log(phase.name, phase.why ?? ''))
const end = await op.settled({ timeoutMs: 60_000 })
if (end.outcome === 'held') console.log(await prov.read('why', { id: op.id }))
