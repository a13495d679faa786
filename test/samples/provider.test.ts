/** The third sample of the face: a backend of somebody's own keeps the promises of backends. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { systemClock } from 'prov'
import type { Machine } from 'prov'
import { providerKit } from 'prov/testing'
import { acme, AcmeGone } from './acme-provider.ts'
import type { AcmeApi } from './acme-provider.ts'
import { localActs } from '../../extensions/provider-local/local.ts'

/** Acme's cloud in miniature: its servers are real and answer SSH, its API has pages and 404s. */
async function fakeApi(t: Pick<Test, 'teardown'>): Promise<AcmeApi> {
  const dir = await mkdtemp(join(tmpdir(), 'prov-acme-'))
  const cloud = localActs({ dir, clock: systemClock })
  t.teardown(async () => {
    for (const id of (await readdir(dir)).filter((name) => name.startsWith('local-'))) {
      await cloud.destroy({ id })
    }
    await rm(dir, { recursive: true, force: true })
  })
  const all = async (): Promise<Machine[]> => {
    const found: Machine[] = []
    for await (const machine of cloud.list({})) found.push(machine)
    return found
  }
  return {
    createServer: ({ requestId, labels, selfDestructMs, signal }) =>
      cloud.create({ token: requestId, tier: 's', labels, ttlMs: selfDestructMs, signal }),
    serverOf: async (requestId) => {
      const { machine, authoritative } = await cloud.find({ token: requestId })
      return authoritative ? machine : 'still starting'
    },
    deleteServer: async (id) => {
      if (!(await all()).some((machine) => machine.id === id)) throw new AcmeGone(id)
      await cloud.destroy({ id })
    },
    servers: async (page) => {
      const found = await all()
      return { items: found.slice(page * 2 - 2, page * 2), more: found.length > page * 2 }
    },
  }
}

t.test('the backend keeps the promises of backends', async (t) => {
  const api = await fakeApi(t)
  await providerKit(t, () => acme({ api }))
})
