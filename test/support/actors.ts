/** The kernel for tests of the host: only `register` is asked of it there. */
import type { ActorSystem } from '../../core/actor/system.ts'
import type { Clock } from '../../core/clock.ts'

export async function memoryActors(_clock: Clock): Promise<ActorSystem> {
  return { register: () => {} } as unknown as ActorSystem
}
