/** A provider backend: what a cloud of somebody's own has to say to be used by Prov. @module */
import { defineProvider, providerErrors } from 'prov'
import type { Machine } from 'prov'

/** What the cloud's API offers. A request id that was seen before answers with the same server. */
export interface AcmeApi {
  createServer(request: {
    readonly requestId: string
    readonly labels: Readonly<Record<string, string>>
    readonly selfDestructMs: number
    readonly signal: AbortSignal
  }): Promise<Machine>
  serverOf(requestId: string): Promise<Machine | 'still starting' | undefined>
  /** Throws `AcmeGone` for what is not there. */
  deleteServer(id: string): Promise<void>
  servers(page: number): Promise<{ readonly items: readonly Machine[]; readonly more: boolean }>
}

export class AcmeGone extends Error {}

const sizes = { s: [2, 4_096], m: [4, 8_192], l: [8, 16_384], xl: undefined } as const

export const acme = ({ api }: { readonly api: AcmeApi }) =>
  defineProvider({
    name: 'acme',
    class: 'keyed',
    tiers: (size) => {
      const [cores, memoryMb] = sizes[size] ?? []
      return cores && memoryMb ? { cores, memoryMb } : undefined
    },
    create: async ({ token, labels, ttlMs, signal }) => {
      try {
        return await api.createServer({ requestId: token, labels, selfDestructMs: ttlMs, signal })
      } catch (cause) {
        // The answer was lost, or never sent: whether there is a machine only `find` can tell.
        const what = 'createServer'
        throw providerErrors.PROV_PROVIDER_UNKNOWN({ provider: 'acme', what }, { cause })
      }
    },
    find: async ({ token }) => {
      const seen = await api.serverOf(token)
      if (seen === 'still starting') return { machine: undefined, authoritative: false }
      return { machine: seen, authoritative: true }
    },
    destroy: async ({ id }) => {
      try {
        await api.deleteServer(id)
      } catch (thrown) {
        if (!(thrown instanceof AcmeGone)) throw thrown
      }
    },
    list: async function* ({ labels = {} }) {
      for (let page = 1; ; page++) {
        const { items, more } = await api.servers(page)
        for (const machine of items) {
          const wanted = Object.entries(labels)
          if (wanted.every(([key, value]) => machine.labels[key] === value)) yield machine
        }
        if (!more) return
      }
    },
  })
