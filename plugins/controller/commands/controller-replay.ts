/** `prov controller replay`: sends a dead letter again, to be judged as ever. @module */
import { controllerDesk, defineCommand } from 'prov'
import type { ControllerView } from '../reads/controller.ts'
import { controllerErrors } from '../errors.ts'

export const command = defineCommand({
  pattern: 'controller replay <id>',
  describe: 'send a dead letter again, after its cause was removed',
  group: 'Operations',
  examples: [['prov controller replay command:1:7', 'it is verified and judged as ever']],
  flags: { id: { type: 'string', required: true, describe: 'id of the message' } },
  writes: true,
  async run({ id }, context): Promise<{ readonly id: string; readonly dryRun: boolean }> {
    const { letters } = (await context.read('controller')) as ControllerView
    if (!letters.some((letter) => letter.id === id)) {
      throw controllerErrors.PROV_CONTROLLER_NO_LETTER({ id })
    }
    if (context.dryRun) return { id, dryRun: true }
    const runtime = await context.runtime()
    await runtime.service(controllerDesk).replay({ id })
    return { id, dryRun: false }
  },
  render: ({ id, dryRun }, paint) => [
    dryRun ? paint.warn(`would send ${id} again; nothing was changed`) : `${id} was sent again`,
  ],
})
