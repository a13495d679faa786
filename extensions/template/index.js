// @ts-check
/**
 * The plugin: one object that says everything it adds. Prov reads it without running it; only
 * `setup` runs, and only when everything it needs is there.
 */
import { bus, defineActor, definePlugin, isAudit, parseAuditEvent, streams, workspace } from 'prov'
import { commands } from './commands/index.js'
import { quotaMachine } from './quota.machine.js'
import { reads } from './reads/index.js'

/** The machine becomes a type of actor: kept in the journal step by step, back after any crash. */
const quota = defineActor({ type: 'quota.counter', version: 1, machine: quotaMachine })

/**
 * Config arrives as whatever somebody wrote. It is parsed once, here; a throw refuses the plugin and
 * is shown by `prov plugins`.
 *
 * @param {unknown} raw undefined when there is none
 */
function parseConfig(raw) {
  const { limit = 10, ...rest } = /** @type {Record<string, unknown>} */ (raw ?? {})
  const [unknown] = Object.keys(rest)
  if (unknown !== undefined) throw new Error(`there is no setting "${unknown}"`)
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1) {
    throw new Error('limit is a whole number, 1 or more')
  }
  return { limit }
}

export default definePlugin({
  name: 'quota',
  api: 1,
  describe: 'says when a number of operations was applied',
  // References, not strings: what is asked for here arrives typed in `setup`, and nothing else does.
  needs: { bus, workspace },
  config: parseConfig,
  actors: { quota },
  commands,
  reads,

  async setup({ config, needs, actors, log, signal, defer }) {
    // Gets the actor, or starts it: after a restart it is the one that was there before.
    const counter = await actors.spawn(quota, 'applied', { limit: config.limit })

    // A durable consumer of our own name goes on where it stopped.
    const stream = streams.audit(needs.workspace.name)
    await needs.bus.ensureConsumer({ stream, name: 'quota' })

    const follow = async () => {
      // Ends when the signal aborts, which is how Prov ends a plugin.
      for await (const delivery of needs.bus.pull(stream, 'quota', { signal })) {
        const event = parseAuditEvent(delivery.body, `message ${delivery.sequence}`)
        if (isAudit(event, 'op.applied')) {
          const before = counter.snapshot().value
          // `apply` resolves when the step is on disk. Acknowledge after that, never before.
          const { value, context } = await counter.apply({ type: 'quota.used', n: event.n })
          if (before !== value) log.warn(`the quota of ${context.limit} operations is spent`)
        }
        await delivery.ack()
      }
    }
    const followed = follow().catch((error) => log.error(`counts no more: ${error.message}`))
    // Whatever was started is waited for when the plugin ends.
    defer(() => followed)
  },
})
