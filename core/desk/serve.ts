/** The desks of a runtime whose planes meet others over a server. @module */
import type { Bus } from '../bus/bus.ts'
import { NatsBus } from '../bus/nats.ts'
import { holderAnswers } from '../protocol/handing.ts'
import type { HoldingParts } from '../protocol/handing.ts'
import type { RoleBus } from '../protocol/role-bus.ts'
import { serveDesk } from './desk.ts'
import type { DeskParts } from './desk.ts'

export async function deskOf({
  bus: port,
  service,
  ...parts
}: Omit<DeskParts, 'answers' | 'bus'> &
  Pick<HoldingParts, 'service'> & { readonly bus: Bus | RoleBus }): Promise<{
  close(): Promise<void>
}> {
  const answers = holderAnswers({ contract: parts.contract, service, pid: process.pid })
  const bus: DeskParts['bus'] = (plane) => {
    const line = 'lineOf' in port ? port.lineOf(plane) : port
    // A bus of somebody's own carries messages, and no questions.
    return line instanceof NatsBus ? line : undefined
  }
  return serveDesk({ ...parts, bus, answers })
}
