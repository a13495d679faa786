/**
 * What a provider backend promises: machines made, found, listed and destroyed. The orchestrator
 * calls it; the controller never does. How a retry may behave follows from the class:
 *
 * - `keyed`: the same token gives the same machine, at most one effect;
 * - `probeable`: `find` is authoritative, so a lost answer can be looked up; asked again only by
 *   the rule at `uniqueNames` and `settleMs`;
 * - `opaque`: at most one attempt, then in doubt, for a person.
 *
 * `providerKit` in `prov/testing` runs these promises.
 *
 * @module
 */
import type { Clock } from '../clock.ts'
import { workspace } from '../plugin/core-services.ts'
import { definePlugin } from '../plugin/define.ts'
import type { Plugin } from '../plugin/define.ts'
import { contribute, extensionPoint } from '../plugin/service.ts'
import type { Count, Millis } from '../units.ts'
import { providerErrors } from './provider-errors.ts'

export type ProviderClass = 'keyed' | 'probeable' | 'opaque'

/** Abstract sizes; providers map them to what they sell (D-5). */
export type Tier = 's' | 'm' | 'l' | 'xl'

export interface TierSize {
  readonly cores: Count
  readonly memoryMb: Count
}

export interface MachineRequest {
  /** Digest of (journal id, op id, step): never of the attempt (D-34). */
  readonly token: string
  /**
   * Fencing epoch of the controller that asks, where it has one: it grows with each that leads. See
   * `ProviderSpec.fences`.
   */
  readonly epoch?: Count
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
  /**
   * It refuses a second machine of the same token by itself, so a request that was lost may be made
   * again after "not there". Only `probeable` backends are asked for it. Default false.
   */
  readonly uniqueNames?: boolean
  /**
   * For `probeable` backends without unique names: how long after a request its effect may still
   * show. Once the process that asked is dead and this is over, "not there" allows another request.
   * Default: nobody knows, so the operation is in doubt, for a person.
   */
  readonly settleMs?: Millis
  /**
   * It remembers the highest epoch that asked for each token, also when the machine is gone, and refuses to
   * create or destroy for an older one with PROV_PROVIDER_FENCED: what a controller does that slept through
   * its time has no effect. The kit holds it to that (P7). Default false.
   */
  readonly fences?: boolean
  /** Cores and memory of a tier here, or undefined when it is not sold. */
  readonly tiers: (tier: Tier) => TierSize | undefined | Promise<TierSize | undefined>
  /** Same token, same machine. Throws PROV_PROVIDER_*; a lost answer is PROV_PROVIDER_UNKNOWN. */
  readonly create: (request: MachineRequest) => Promise<Machine>
  /** The probe. `authoritative: false` means that "absent" proves nothing yet. */
  readonly find: (query: {
    readonly token: string
  }) => Promise<{ readonly machine: Machine | undefined; readonly authoritative: boolean }>
  /** Already gone is success. `epoch`: of the controller that had it created, where that is known. */
  readonly destroy: (query: { readonly id: string; readonly epoch?: Count }) => Promise<void>
  /** Complete, or it throws: janitors rely on it. */
  readonly list: (query: {
    readonly labels?: Readonly<Record<string, string>>
  }) => AsyncIterable<Machine>
}

/** What a backend that is made per runtime gets to know. */
export interface ProviderPlace<C> {
  readonly config: C
  /** Absolute path of the workspace's `.prov/`. */
  readonly stateDir: string
  readonly clock: Clock
  /** Aborts when the runtime ends. Machines outlive it: this is no reason to destroy any. */
  readonly signal: AbortSignal
}

/** The acts of a backend, without its name tag. */
export type ProviderActs = Omit<ProviderSpec, 'name' | 'class'>

/** A backend that needs config or a folder: its acts are made when the plugin starts, and for who looks. */
export interface ProviderMaker<C> {
  readonly name: string
  readonly class: ProviderClass
  /** Unknown in, typed out, as for every plugin. Default: refuses any config. */
  readonly config?: (raw: unknown) => C
  readonly make: (place: ProviderPlace<C>) => ProviderActs
}

/** What stands in the extension point: listed by a dry run, opened by who wants to use it. */
export interface ProviderBackend {
  readonly name: string
  readonly class: ProviderClass
  /**
   * The backend of the runtime with that state folder; a promise of it where its plugin runs elsewhere.
   * Throws PROV_PROVIDER_NOT_STARTED.
   */
  readonly open: (place: { readonly stateDir: string }) => ProviderSpec | Promise<ProviderSpec>
  /**
   * To look where its plugin does not run; `config` is raw. Throws what its config refuses. Absent: `open`
   * needs no runtime.
   */
  readonly look?: (place: ProviderPlace<unknown>) => ProviderEyes
}

/** What of a backend has no effect. */
export type ProviderEyes = Pick<ProviderSpec, 'find' | 'list'>

/** Where provider backends are found. */
export const providerPoint = extensionPoint<ProviderBackend>('prov.provider')

/** A plugin that adds one provider backend: its acts as they are, or made from config and place. */
export function defineProvider<C>(spec: ProviderSpec | ProviderMaker<C>): Plugin {
  const { name } = spec
  const common = {
    name: `provider-${name}`,
    api: 1,
    describe: `provider backend ${name} (${spec.class})`,
  }
  if (!('make' in spec)) {
    const backend: ProviderBackend = { name, class: spec.class, open: () => spec }
    return definePlugin({ ...common, contributes: [contribute(providerPoint, name, backend)] })
  }
  // One plugin object serves every runtime of the process, so what was made is kept per workspace.
  const made = new Map<string, ProviderSpec>()
  const backend: ProviderBackend = {
    name,
    class: spec.class,
    open({ stateDir }) {
      const found = made.get(stateDir)
      if (!found) throw providerErrors.PROV_PROVIDER_NOT_STARTED({ provider: name })
      return found
    },
    look: (place) => spec.make({ ...place, config: spec.config?.(place.config) as C }),
  }
  return definePlugin({
    ...common,
    needs: { workspace },
    ...(spec.config && { config: spec.config }),
    contributes: [contribute(providerPoint, name, backend)],
    setup({ needs, config, clock, signal }) {
      const { stateDir } = needs.workspace
      const acts = spec.make({ config: config as C, stateDir, clock, signal })
      made.set(stateDir, { name, class: spec.class, ...acts })
      signal.addEventListener('abort', () => made.delete(stateDir), { once: true })
    },
  })
}
