/** `prov plane rotate`: another key for a plane, once the controller confirmed it (D-39). @module */
import { defineCommand } from 'prov'
import { rotate, rotatedLines } from './keeper-rotate.ts'

export const command = defineCommand({
  pattern: 'plane rotate <plane>',
  describe: 'give a plane another key: it signs once the controller confirmed it, nothing is lost',
  group: 'Runtime',
  notes: [
    'Where the plane lives in a process of its own: `prov keys draft rotate <plane>` there, `prov keys sign`, and `prov keys apply` where the keeper is.',
  ],
  examples: [['prov plane rotate controller --actor alice', 'it confirms its own next key']],
  flags: {
    plane: {
      type: 'string',
      required: true,
      choices: ['keeper', 'submitter', 'controller'],
      describe: 'whose key',
    },
  },
  writes: true,
  run: ({ plane }, context) => rotate(plane as 'keeper' | 'submitter' | 'controller', context),
  render: rotatedLines,
})
