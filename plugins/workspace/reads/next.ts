/** Every way on from where the dimensions stand, those towards the goal first. @module */
import { defineRead } from 'prov'
import { nextRows } from '../next.ts'
import type { NextRow } from '../next.ts'
import { now } from '../now.ts'

export const read = defineRead<void, readonly NextRow[]>({
  name: 'next',
  describe:
    'transitions that start where the dimensions stand, with blocker, catalyst and operations',
  async run(_, context) {
    const { model, standing } = await now(context)
    return nextRows(model, standing)
  },
})
