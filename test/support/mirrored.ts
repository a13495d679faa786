/**
 * A child that emits audit events in a workspace with a mirror, and says when all are in the ledger:
 * for tests that kill it on the way. Arguments: workspace, home, how many.
 *
 * @module
 */
import { contract, createRuntime, definePlugin, ledger } from 'prov'
import mirror from '../../plugins/mirror/index.ts'

const [workspace, home, count] = process.argv.slice(2) as [string, string, string]

const speaker = definePlugin({
  name: 'speaker',
  api: 1,
  needs: { contract },
  async setup({ needs, signal }) {
    needs.contract.outbox('keeper', { signal })
    for (let at = 0; at < Number(count); at++) {
      const subject = `op_${process.pid}_${at}`
      const data = { by: 'alice', reason: 'test' }
      await needs.contract.emit('keeper', { type: 'op.withdrawn', subject, data })
      process.stdout.write(`emitted ${subject}\n`)
    }
  },
})

const runtime = await createRuntime({
  workspace,
  home,
  discover: false,
  strict: true,
  plugins: [mirror, speaker],
})
const { commits } = await runtime.service(ledger).settled()
process.stdout.write(`settled ${commits}\n`)
await runtime.close()
