/**
 * What happens to runs, told on the bus as CloudEvents: `tasks.<ws>.task.queued`, `step.started`,
 * `step.retried`, `step.done`, `step.compensated`, `task.ended`. Nothing waits for it, and nothing
 * is decided by it.
 *
 * @module
 */
import { subjects } from 'prov'
import type { Bus, Clock } from 'prov'

export type TaskEvent =
  'task.queued' | 'step.started' | 'step.retried' | 'step.done' | 'step.compensated' | 'task.ended'

export interface Tasks {
  tell(
    event: TaskEvent,
    run: { readonly op: string; readonly token: string },
    data: Readonly<Record<string, string | number>>,
  ): void
}

export function busTasks(options: {
  readonly bus: Bus
  readonly workspace: string
  readonly clock: Clock
}): Tasks {
  const { bus, workspace, clock } = options
  return {
    tell(event, { op, token }, data) {
      // The same after a crash, so what was told before it is not told again.
      const id = [token, event, data['step'] ?? '', data['attempt'] ?? ''].join(':')
      const body = {
        specversion: '1.0',
        id,
        source: `prov/${workspace}/orchestrator`,
        type: `prov.${event}`,
        subject: op,
        time: new Date(clock.now()).toISOString(),
        datacontenttype: 'application/json',
        workspace,
        correlationid: op,
        data: { op, ...data },
      }
      bus.publish(subjects.task(workspace, event), { id, body }).catch(() => undefined)
    },
  }
}
