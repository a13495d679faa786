/**
 * The kernel as a plugin in another thread sees it. What is synchronous there is here as well: this
 * thread stands still until Prov answered, which keeps nobody else waiting.
 *
 * @module
 */
import type { Address } from '../../actor/address.ts'
import type { ActorDef, ActorEvent } from '../../actor/define.ts'
import type { ActorRef, ActorSnapshot, ActorSystem } from '../../actor/system.ts'
import { newId } from '../../ids.ts'
import { systemClock } from '../../clock.ts'
import { pluginErrors } from '../errors.ts'
import type { Peer } from './wire.ts'

export interface GuestKernelOptions {
  readonly peer: Peer
  readonly plugin: () => string
  /** Makes a type known here and describes it for there. */
  readonly introduce: (def: ActorDef) => unknown
}

export function guestKernel({ peer, plugin, introduce }: GuestKernelOptions): ActorSystem {
  const cannot = (what: string): never => {
    throw pluginErrors.PROV_PLUGIN_CANNOT_CROSS({ plugin: plugin(), what })
  }
  const refOf = (address: Address): ActorRef => ({
    address,
    send: (event) => peer.callNow('send', address, event) as never,
    apply: async (event, options) =>
      snapshotOf(
        await peer.lend(options?.signal, () => peer.call('apply', address, event, options ?? {})),
      ),
    snapshot: () => snapshotOf(peer.callNow('snapshot', address)),
    changes: (listener) =>
      peer.callNow('changes', address, (raw: unknown) => listener(snapshotOf(raw))) as () => void,
    asXState: () => cannot('`asXState()`'),
  })
  const kernel: Partial<ActorSystem> & Record<string, unknown> = {
    register: (def: ActorDef) => void peer.callNow('register', introduce(def)),
    spawn: (async (def: ActorDef, id: string, input?: unknown) => {
      return refOf((await peer.call('spawn', def.type, id, input)) as Address)
    }) as never,
    ref: (address: Address) =>
      peer.callNow('exists', address) === true ? refOf(address) : undefined,
    send: (address: Address, event: ActorEvent) => peer.callNow('send', address, event) as never,
    ask: askBy(peer, (...asked) => peer.call('ask', ...asked)),
    watch: (address, listener) => peer.callNow('watch', address, listener) as () => void,
    list: (filter) => peer.callNow('list', filter ?? {}) as never,
    deadLetters: () => peer.callNow('deadLetters') as never,
    resume: async (address, options) => void (await peer.call('resume', address, options ?? {})),
    stop: async (address) => void (await peer.call('stop', address)),
    halt: () => cannot('`halt()` of the kernel'),
    close: () => cannot('`close()` of the kernel'),
  }
  return new Proxy(kernel as unknown as ActorSystem, {
    get(target, key) {
      if (typeof key !== 'string' || key === 'then' || key in target)
        return Reflect.get(target, key)
      // What the kernel learned since: answered as a promise, which most of it is.
      return (...args: readonly unknown[]) => peer.call('more', key, args)
    },
  })
}

/** Who asks makes the question with an address that is not known yet: a mark stands for it. */
export function askBy(
  peer: Peer,
  call: (...asked: readonly unknown[]) => unknown,
): ActorSystem['ask'] {
  return async (address, question, options) => {
    const mark = `ask/${newId('mark', systemClock)}` as Address
    const event = question(mark)
    const asking = async () => await call(address, event, mark, options ?? {})
    return (await peer.lend(options?.signal, asking)) as ActorEvent
  }
}

const snapshotOf = (raw: unknown): ActorSnapshot => {
  const { tags, ...rest } = raw as Omit<ActorSnapshot, 'tags'> & {
    readonly tags: readonly string[]
  }
  return { ...rest, tags: new Set(tags) }
}
