/** A quota per region: an op type that spends it, and a count of everything that was applied. @module */
import { bus, defineActor, defineErrors, defineOpType, definePlugin, isAudit } from 'prov'
import { commands } from './commands/index.ts'
import { parseConfig } from './config.ts'
import { quotaMachine } from './quota.machine.ts'
import { reads } from './reads/index.ts'

const quota = defineActor({ type: 'acme.quota', version: 1, machine: quotaMachine })

const rows = {
  PROV_ACME_QUOTA_SPENT: {
    disposition: 'blocked',
    text: ({ region, limit }: { region: string; limit: number }) =>
      `all ${limit} of ${region} are spent`,
    remedy: 'see `prov quota`; raise it under prov.config in package.json',
  },
} as const
const errors = defineErrors(rows)

const spend = defineOpType({
  type: 'acme.spend',
  describe: 'spends one of the quota of a region',
  targets: ['*'],
  class: 'keyed',
  apply: async ({ token, body, actors }) => {
    const region = await actors.spawn(quota, body.target)
    const { spent, limit } = (await region.apply({ type: 'quota.spend', token })).context
    if (!spent.includes(token)) throw errors.PROV_ACME_QUOTA_SPENT({ region: body.target, limit })
    return { region: body.target, used: spent.length }
  },
})

export default definePlugin({
  name: 'acme-quota',
  api: 1,
  needs: { bus },
  config: parseConfig,
  actors: { quota },
  commands,
  reads,
  routes: { 'GET /api/acme/quota': () => import('./quota.route.ts') },
  contributes: [spend],
  errors: rows,
  setup: ({ name, config, needs, actors, signal }) => {
    for (const [region, limit] of Object.entries(config)) {
      actors.quota(region).send({ type: 'quota.limit', limit })
    }
    return needs.bus.events('ops.audit', {
      name,
      signal,
      // The event's own id is the token: what comes twice counts once.
      take: async (event) => {
        if (!isAudit(event, 'op.applied')) return
        await actors.quota('everything', { limit: 1_000 }).apply({
          type: 'quota.spend',
          token: event.id,
        })
      },
    })
  },
})
