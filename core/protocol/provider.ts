/**
 * What a provider backend promises: machines made, found, listed and destroyed. The orchestrator
 * calls it; the controller never does. How a retry may behave follows from the class:
 *
 * - `keyed`: the same token gives the same machine, at most one effect;
 * - `probeable`: `find` is authoritative, so a lost answer can be looked up;
 * - `opaque`: at most one attempt, then in doubt, for a person.
 *
 * `providerKit` in `prov/testing` runs these promises.
 *
 * @module
 */
import { contribute, extensionPoint } from '../plugin/service.ts'
import { definePlugin, type Plugin } from '../plugin/define.ts'
import type { Count, Millis } from '../units.ts'

export type ProviderClass = 'keyed' | 'probeable' | 'opaque'

/** Abstract sizes; providers map them to what they sell (D-5). */
export type Tier = 's' | 'm' | 'l' | 'xl'

export interface MachineRequest {
  /** Digest of (journal id, op id, step): never of the attempt (D-34). */
  readonly token: string
  readonly tier: Tier
  readonly labels: Readonly<Record<string, string>>
  /** The machine destroys itself when it is not heard of for so long. */
  readonly ttlMs: Millis
  readonly signal: AbortSignal
}

/** A machine that answers SSH. `privateKey` is for this lease only and never leaves memory. */
export interface Machine {
  readonly id: string
  readonly token: string
  readonly host: string
  readonly port: Count
  readonly user: string
  /** OpenSSH public key line of the host, to be pinned. */
  readonly hostKey: string
  /** OpenSSH private key for the user; secret. */
  readonly privateKey: string
  readonly labels: Readonly<Record<string, string>>
  /** How far commands are contained, in words for people: `bubblewrap`, `plain child process`, `virtual machine`. */
  readonly isolation: string
}

export interface ProviderSpec {
  readonly name: string
  readonly class: ProviderClass
  /** Cores and memory of a tier here, or undefined when it is not sold. */
  readonly tiers: (tier: Tier) => { readonly cores: Count; readonly memoryMb: Count } | undefined
  /** Same token, same machine. Throws PROV_PROVIDER_*; a lost answer is PROV_PROVIDER_UNKNOWN. */
  readonly create: (request: MachineRequest) => Promise<Machine>
  /** The probe. `authoritative: false` means that "absent" proves nothing yet. */
  readonly find: (query: {
    readonly token: string
  }) => Promise<{ readonly machine: Machine | undefined; readonly authoritative: boolean }>
  /** Already gone is success. */
  readonly destroy: (query: { readonly id: string }) => Promise<void>
  /** Complete, or it throws: janitors rely on it. */
  readonly list: (query: {
    readonly labels?: Readonly<Record<string, string>>
  }) => AsyncIterable<Machine>
}

/** Where provider backends are found. */
export const providerPoint = extensionPoint<ProviderSpec>('prov.provider')

/** A plugin that adds one provider backend. */
export function defineProvider(spec: ProviderSpec): Plugin {
  return definePlugin({
    name: `provider-${spec.name}`,
    api: 1,
    describe: `provider backend ${spec.name} (${spec.class})`,
    contributes: [contribute(providerPoint, spec.name, spec)],
  })
}
