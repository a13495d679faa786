/** Every gate, judged by where things stand, with the leaves behind the verdict. @module */
import { defineRead } from 'prov'
import { judgeGates } from '../conditions.ts'
import type { GateVerdict } from '../conditions.ts'
import { now } from '../now.ts'

export const read = defineRead<void, readonly GateVerdict[]>({
  name: 'gates',
  describe: 'status of every gate, its condition and each leaf with its reason',
  async run(_, context) {
    const { model, standing } = await now(context)
    return judgeGates(model, standing)
  },
})
