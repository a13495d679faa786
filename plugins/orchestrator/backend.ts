/**
 * A provider backend for as long as a run takes. Its plugin may live in a thread or process that ends
 * meanwhile and comes back: each act goes to the one that lives then, and what only looks is asked again.
 *
 * @module
 */
import { ProvError, sleep } from 'prov'
import type { Clock, Count, Millis, ProviderSpec } from 'prov'

/** As long as the host gives a plugin to start. */
const startWithinMs: Millis = 10_000
const lookEveryMs: Millis = 50
/** A backend that ends its plugin whenever it is asked has no answer. */
const looks: Count = 3

/**
 * What an earlier life left goes on while plugins still start, and an operation must not fail because
 * its provider comes a moment later. Throws PROV_PROVIDER_NOT_STARTED when it does not come.
 */
export async function openBackend(
  open: () => ProviderSpec | Promise<ProviderSpec>,
  clock: Clock,
  signal: AbortSignal,
): Promise<ProviderSpec> {
  const deadline = clock.monotonic() + startWithinMs
  for (;;) {
    try {
      return acting(await open(), open)
    } catch (thrown) {
      if (!hasCode(thrown, 'PROV_PROVIDER_NOT_STARTED') || clock.monotonic() >= deadline) {
        throw thrown
      }
    }
    await sleep(clock, lookEveryMs, signal)
  }
}

function acting(known: ProviderSpec, open: () => ProviderSpec | Promise<ProviderSpec>) {
  const looking = async <T>(look: (backend: ProviderSpec) => T): Promise<Awaited<T>> => {
    for (let times = 1; ; times++) {
      try {
        return await look(await open())
      } catch (thrown) {
        const lost = hasCode(thrown, 'PROV_PLUGIN_CALL_LOST', 'PROV_PLUGIN_DOWN')
        if (!lost || times >= looks) throw thrown
      }
    }
  }
  const backend: ProviderSpec = {
    ...known,
    tiers: (tier) => looking(({ tiers }) => tiers(tier)),
    find: (query) => looking((now) => now.find(query)),
    // Lost on the way it may have happened: what that means is for the lease to say.
    create: async (request) => (await open()).create(request),
    destroy: async (query) => (await open()).destroy(query),
    async *list(query) {
      yield* (await open()).list(query)
    },
  }
  return backend
}

const hasCode = (thrown: unknown, ...codes: readonly string[]): boolean =>
  ProvError.is(thrown) && codes.includes(thrown.code)
