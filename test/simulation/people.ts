/**
 * Who asks for things in a simulated world. People outlive every machine: when the one they talk to
 * dies they wait and say the same again, under the same id.
 *
 * @module
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ProvError } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { rotationAct } from '../../core/protocol/keyring.ts'
import type { OpPhase } from '../../core/protocol/op.ts'
import type { PlaneName } from '../../core/protocol/planes.ts'
import { contract, controllerDesk, keeperDesk, submissions } from '../../core/protocol/services.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Count } from '../../core/units.ts'
import type { Life } from './life.ts'
import type { Deed } from './story.ts'
import { policyText } from './world.ts'
import type { World } from './world.ts'

/** What somebody was told, and may therefore count on. */
export interface Answer {
  readonly deed: Deed
  /** `none`: it was taken. */
  readonly code: string
  readonly atMs: number
}

export class People {
  readonly answers: Answer[] = []
  readonly #world: World
  /** Deeds that were begun and not answered. */
  waiting: Count = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Does it now, for as long as that takes. */
  async do(deed: Deed): Promise<void> {
    this.waiting++
    const code = await this.#insist(deed)
    this.waiting--
    this.answers.push({ deed, code, atMs: this.#world.time.nowMs })
  }

  async #insist(deed: Deed): Promise<string> {
    const { time } = this.#world
    for (let tries = 1; ; tries++) {
      const lives = planesOf(deed).map((plane) => this.#world.at(plane).runs)
      const [runtime, other] = lives.map((life) => life?.runtime)
      if (!runtime || !other) {
        await time.sleep(700)
        continue
      }
      const gone = new Promise<'gone'>((resolve) => {
        for (const life of lives) {
          life?.gone.signal.addEventListener('abort', () => resolve('gone'), { once: true })
        }
      })
      const asked = (lives[0] as Life).run(() => this.#act(deed, runtime, other))
      const done = asked.then(
        () => 'none',
        (thrown: unknown) => {
          if (!ProvError.is(thrown)) return `${String((thrown as Error).stack)}`
          return thrown.disposition === 'retry' ? 'again' : thrown.code
        },
      )
      const code = await Promise.race([done, gone])
      if (code === 'gone' || (code === 'again' && tries < 20)) await time.sleep(900)
      else return code
    }
  }

  /** `other` is where the plane is that it is about. */
  async #act(deed: Deed, runtime: Runtime, other: Runtime): Promise<void> {
    const as = 'alice'
    switch (deed.does) {
      case 'submit': {
        const { op: opId, type, target, to } = deed
        await runtime.service(submissions).submit({ as, opId, type, target, params: { to } })
        return
      }
      case 'withdraw':
        return runtime.service(submissions).withdraw({ op: deed.op, as, reason: 'not needed' })
      case 'vote': {
        const decision = deed.good ? 'approve' : 'reject'
        const desk = runtime.service(keeperDesk)
        await desk.vote({ op: deed.op, as: 'bob', decision, reason: 'looked at it' })
        return
      }
      case 'policy': {
        const { workspace } = this.#world.at('keeper')
        writeFileSync(join(workspace, 'keeper_policy.ncl'), policyText(deed.flips))
        await runtime.service(keeperDesk).activatePolicy({ as: 'bob' })
        return
      }
      case 'mode':
        return runtime.service(keeperDesk).setMode({ as: 'bob', mode: deed.mode })
      case 'rotate': {
        // Its next key is made where it lives; the act that names it is handed in at the keeper's.
        const { plane } = deed
        const { current: from, next } = await other.service(contract).rotation(plane)
        const given = { from, ...(next as unknown as JsonObject) }
        const said = { act: rotationAct(plane), subject: plane, reason: '' } as const
        const act = await runtime.service(contract).act({ as, ...said, with: given })
        return runtime.service(keeperDesk).handInAct(act)
      }
    }
  }

  /** What is held is agreed to, what is in doubt is looked at; whoever refuses has a reason. */
  async attend(): Promise<void> {
    const keeper = this.#world.at('keeper').runs?.runtime
    const controller = this.#world.at('controller').runs?.runtime
    if (!keeper || !controller) return
    for (const op of standing(keeper, 'held')) {
      const vote = { op, as: 'carol', decision: 'approve', reason: 'go on' } as const
      await keeper.service(keeperDesk).vote(vote).catch(refused)
    }
    for (const op of standing(controller, 'in_doubt')) {
      const found = { op, as: 'carol', outcome: 'failed', reason: 'looked at it' } as const
      await controller.service(controllerDesk).resolve(found).catch(refused)
    }
  }
}

function standing(runtime: Runtime, phase: OpPhase): readonly string[] {
  const rows = [...runtime.service(contract).store.get().open.values()]
  return rows.filter((row) => row.phase === phase).map(({ id }) => id)
}

/** Where it is done, and which plane it is about. */
function planesOf(deed: Deed): readonly [PlaneName, PlaneName] {
  if (deed.does === 'rotate') return ['keeper', deed.plane]
  const plane = deed.does === 'submit' || deed.does === 'withdraw' ? 'submitter' : 'keeper'
  return [plane, plane]
}

function refused(thrown: unknown): void {
  if (!ProvError.is(thrown)) throw thrown
}
