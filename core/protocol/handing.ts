/**
 * What the holder of a workspace answers to other processes, over its socket or at a desk: reads, and
 * hand-ins of tokens. A token is judged exactly as if it had come over the bus: it is the authority, the
 * way is none. Nothing here
 * signs, and no key or passphrase crosses.
 *
 * @module
 */
import type { ProvError } from '../errors.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { socketErrors } from '../socket/errors.ts'
import type { Answering, Wire } from '../socket/server.ts'
import { isObject } from '../socket/wire.ts'
import type { ServiceRef } from '../plugin/service.ts'
import type { Emitter } from './audit.ts'
import type { Contract } from './contract.ts'
import { tokenErrors } from './errors.ts'
import { isTerminal } from './fold.ts'
import { parseKeyRecord } from './key.ts'
import { keyActs } from './key-rule.ts'
import { ecosystem } from './ecosystem.ts'
import type { Emission } from './ecosystem.ts'
import { operatorDesk } from './operator-desk.ts'
import { controllerDesk, keeperDesk, ledger, submissions } from './services.ts'
import type { PlanBinding, Proposal } from './services.ts'
import { peekToken } from './tokens.ts'

export interface HoldingParts {
  readonly contract: Contract
  readonly service: <T>(ref: ServiceRef<T>) => T
  /** Absent: nobody brings in other code this way. */
  readonly reload?: (plugin: string) => Promise<{ generation: number; checked: number }>
  readonly pid: number
}

/** Acts that the keeper's desk takes. */
const keeperActs: ReadonlySet<string> = new Set([
  'keeper.mode',
  'op.review',
  'policy.activate',
  ...keyActs,
])

export function holderAnswers({ contract, service, reload, pid }: HoldingParts): Answering {
  const gone = (): ProvError => socketErrors.PROV_SOCKET_GONE({ pid })
  const json = (value: unknown) => value as JsonValue
  return {
    async key(given) {
      const { keyring } = contract
      const known = keyring.key(text(given, 'kid'))
      const taken = keyring.actor(text(given, 'actor')) !== undefined
      return json({ known: known ?? null, taken, people: keyring.hasPeople })
    },
    keys: async () =>
      json({ bound: contract.keyring.rule !== undefined, keys: contract.keyring.version }),
    enrolled: async (given) => json(contract.keyring.actor(text(given, 'actor')) ?? null),
    plan: async ({ proposal }) => json(await service(submissions).plan(proposalIn(proposal))),
    phase: async (given) => json((await service(submissions).phase(text(given, 'op'))) ?? null),
    follow: (given, wire) => follow(text(given, 'op'), wire),
    ballot: async (given) => json(await service(keeperDesk).ballot(text(given, 'op'))),
    async unreviewed(given) {
      const op = text(given, 'op')
      return json(contract.store.get().unreviewed.find((one) => one.op === op) ?? null)
    },
    rotation: async (given) => json(await contract.rotation(text(given, 'plane') as Emitter)),
    policy: async () => json(await service(keeperDesk).proposed()),
    vector: async () => json(await service(controllerDesk).vector()),
    keeper: async () => json(await service(keeperDesk).status()),
    ledger: async (_, { signal }) => json(await service(ledger).settled({ signal })),
    path: async () => service(ledger).path(),
    // What was set aside is verified and judged as ever.
    replay: async (given) => service(controllerDesk).replay({ id: text(given, 'id') }),
    // The host asks again whether its code is trusted.
    ...(reload && { reload: async (given) => json(await reload(text(given, 'plugin'))) }),
    plugins: async () => json(await service(operatorDesk).started()),
    async resume(given) {
      const request = { address: text(given, 'address'), skip: given['skip'] === true }
      return json(await service(operatorDesk).resume(request))
    },
    letters: async ({ id, ...filter }) =>
      json(await service(operatorDesk).replay(typeof id === 'number' ? id : textsIn(filter))),
    async emit({ data, ...rest }) {
      const more = textsIn(rest) as Omit<Emission, 'data' | 'subject'>
      const about = { ...more, subject: text(rest, 'subject') }
      if (!isObject(data)) throw socketErrors.PROV_SOCKET_REQUEST({ what: 'no object `data`' })
      return json(await service(ecosystem).emit({ ...about, data }))
    },

    async intent(given) {
      const token = text(given, 'token')
      const plan = isObject(given['plan']) ? (given['plan'] as unknown as PlanBinding) : undefined
      return json(await service(submissions).handIn(token, { plan }))
    },
    vote: async (given) => json(await service(keeperDesk).handIn(text(given, 'token'))),
    async act(given) {
      const token = text(given, 'token')
      const { act } = peekToken(token)
      if (act === 'op.withdraw') await service(submissions).handInWithdrawal(token)
      else if (act === 'op.resolve') await service(controllerDesk).handIn(token)
      else if (act !== undefined && keeperActs.has(act)) {
        await service(keeperDesk).handInAct(token)
      } else {
        const expected = 'an act that is handed in here'
        throw tokenErrors.PROV_TOKEN_CLAIM({ kind: 'act', claim: 'act', expected })
      }
    },
    async enrol(given) {
      const record = parseKeyRecord(given['record'])
      if (!record) throw socketErrors.PROV_SOCKET_REQUEST({ what: 'no key record' })
      return json(await contract.handIn({ record, proof: text(given, 'token') }))
    },
  }

  /** Phases until it ended or nobody listens. */
  async function follow(op: string, { say, signal }: Wire): Promise<void> {
    const desk = service(submissions)
    await new Promise<void>((resolve, reject) => {
      const abort = () => reject(gone())
      if (signal.aborted) return abort()
      let stop: (() => void) | undefined
      let over = false
      const end = (by: () => void): void => {
        over = true
        stop?.()
        signal.removeEventListener('abort', left)
        by()
      }
      const left = () => end(abort)
      signal.addEventListener('abort', left)
      stop = desk.follow(op, (change) => {
        say(json(change))
        if (isTerminal(change.name)) end(resolve)
      })
      if (over) stop()
    })
  }
}

function text(given: JsonObject, name: string): string {
  const value = given[name]
  if (typeof value !== 'string') {
    throw socketErrors.PROV_SOCKET_REQUEST({ what: `no text \`${name}\`` })
  }
  return value
}

/** Optional texts: what is no text is no field of ours. */
function textsIn(given: JsonObject): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(given).map((name) => [name, text(given, name)]))
}

function proposalIn(value: JsonValue | undefined): Proposal {
  if (!isObject(value)) throw socketErrors.PROV_SOCKET_REQUEST({ what: 'no proposal' })
  const { image, params, compensates } = value
  if (params !== undefined && !isObject(params)) {
    throw socketErrors.PROV_SOCKET_REQUEST({ what: 'params that are no object' })
  }
  return {
    type: text(value, 'type'),
    target: text(value, 'target'),
    ...(image !== undefined && { image: text(value, 'image') }),
    ...(compensates !== undefined && { compensates: text(value, 'compensates') }),
    ...(params !== undefined && { params }),
  }
}
