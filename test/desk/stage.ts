/**
 * A workspace whose planes meet on a real server and sit at their desks, in this process; and somebody
 * elsewhere who says to them whatever a test wants.
 *
 * @module
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { ask } from '../../core/bus/exchange.ts'
import type { Unanswered } from '../../core/bus/exchange.ts'
import { natsBus } from '../../core/bus/nats.ts'
import type { NatsBus } from '../../core/bus/nats.ts'
import { systemClock } from '../../core/clock.ts'
import { openDesk } from '../../core/desk/call.ts'
import type { DeskCallOptions } from '../../core/desk/call.ts'
import { read, unpack } from '../../core/desk/wire.ts'
import type { Answered, Asked } from '../../core/desk/wire.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Signer } from '../../core/protocol/key.ts'
import { openKeyStore } from '../../core/protocol/keys.ts'
import { inboxOf } from '../../core/protocol/roles.ts'
import type { Contract } from '../../core/protocol/contract.ts'
import { subjects } from '../../core/protocol/subjects.ts'
import type { Runtime, RuntimeOptions } from '../../core/runtime.ts'
import type { Answerer } from '../../core/socket/client.ts'
import { infra } from '../support/infra.ts'
import type { Infra } from '../support/infra.ts'
import { natsServer } from '../support/nats-server.ts'
import type { NatsServer } from '../support/nats-server.ts'

export const project = 'my-infra'

export interface DeskStage {
  readonly on: Infra
  readonly server: NatsServer
  readonly bus: NatsBus
  /** A runtime whose planes meet on the server. */
  open(options?: Partial<RuntimeOptions>): Promise<Runtime>
  connect(): Promise<NatsBus>
  signer(actor: string): Promise<Signer>
  /** A request that holds in every respect, but for what is said otherwise. */
  request(deal: Contract, otherwise?: Partial<Asked>): Asked
  /** What comes back for a text; of an answer what was signed. */
  say(text: string, plane?: string, timeoutMs?: number): Promise<Partial<Answered> | Unanswered>
  /** The code of what comes back. */
  refusal(text: string, plane?: string, timeoutMs?: number): Promise<string>
  /** As a command far away does it, with a home of its own. */
  far(home: string, more?: Partial<DeskCallOptions>): Promise<Answerer>
  home(name: string): string
}

/** `config` is what the server is told beyond its address. */
export async function deskStage(t: Test, path: string, config = ''): Promise<DeskStage> {
  const server = await natsServer(path, t, config)
  const on = await infra(t, { name: project })
  const connect = async (): Promise<NatsBus> => {
    const inboxPrefix = inboxOf('person', project)
    const bus = await natsBus({ servers: server.url, inboxPrefix, timeoutMs: 5_000 })
    t.teardown(() => bus.close())
    return bus
  }
  const bus = await connect()
  const keys = openKeyStore({ home: on.home, clock: systemClock })
  const say: DeskStage['say'] = async (text, plane = 'keeper', timeoutMs = 20_000) => {
    const found = await ask(bus, {
      subject: subjects.desk(project, plane),
      data: Buffer.from(text),
      timeoutMs,
      clock: systemClock,
      signal: new AbortController().signal,
      judge: (data) => read('answer', unpack(data) ?? '')?.said as JsonObject | undefined,
    })
    return 'none' in found ? found : (found.answer as Partial<Answered>)
  }
  const home = (name: string): string => {
    const dir = join(dirname(on.workspace), name)
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    return dir
  }
  return {
    on,
    server,
    bus,
    connect,
    say,
    home,
    async open(options = {}) {
      const own = () => natsBus({ servers: server.url, timeoutMs: 5_000 })
      const prov = await on.open({ bus: own, ...options })
      t.teardown(() => prov.close())
      return prov
    },
    signer: (actor) => keys.signer(actor),
    request({ journal, epoch }, otherwise = {}) {
      const at = systemClock.now()
      return {
        prov: 'desk',
        version: 1,
        workspace: project,
        plane: 'keeper',
        life: { journal, epoch },
        do: 'keeper',
        with: {},
        knows: {},
        nonce: randomBytes(16).toString('base64url'),
        at,
        until: at + 10_000,
        ...otherwise,
      }
    },
    async refusal(text, plane, timeoutMs) {
      const found = await say(text, plane, timeoutMs)
      if ('none' in found) return found.none
      return found.error?.code ?? 'answered'
    },
    far: async (dir, more = {}) =>
      openDesk({
        bus,
        project,
        signer: await keys.signer('alice'),
        home: dir,
        clock: systemClock,
        signal: new AbortController().signal,
        progress: () => {},
        ...more,
      }),
  }
}
