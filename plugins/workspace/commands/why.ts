/** `prov why`: what something waits for, what that waits for, and who can do what about it. @module */
import { defineCommand, section, table } from 'prov'
import type { Paint } from 'prov'
import type { Cause, Why } from '../why.ts'

export const command = defineCommand({
  pattern: 'why <id>',
  describe: 'why a gate, dimension or operation stands still, and what would move it',
  group: 'State',
  examples: [
    ['prov why secrets-to-apps', 'a gate'],
    ['prov why cluster_provisioning', 'a dimension'],
    ['prov why op_01jd4q0v9m3k', 'an operation, by the start of its id'],
  ],
  flags: {
    id: {
      type: 'string',
      required: true,
      describe: 'gate, dimension or operation',
      complete: [
        { read: 'gates', value: 'id', says: ['name', 'status'] },
        { read: 'state', value: 'id', says: ['name', 'current'] },
        { read: 'ops', value: 'op', says: ['phase', 'type', 'target'] },
      ],
    },
  },
  run: async ({ id }, { read }) => (await read('why', { id })) as Why,
  render({ id, kind, stands, clear, cause, unblock, remedies, trace = [] }, paint, format) {
    const look = { paint, format } as const
    const head = `${paint.bold(id)}  ${kind}, ${clear ? paint.good(stands) : paint.warn(stands)}`
    return [
      head,
      ...chain(cause, paint, format, 0),
      ...section(
        'It takes',
        unblock.map((fact) => `${format === 'md' ? '-' : ' '} ${fact}`),
        look,
      ),
      ...section(
        'Policy looked at',
        table(
          trace.map(({ rule, effect, matched, why }) => [
            rule,
            effect,
            matched ? ['matches', paint.bold] : ['no', paint.dim],
            why,
          ]),
          { ...look, head: ['rule', 'would', 'match', 'why'] },
        ),
        look,
      ),
      ...section(
        'Somebody can',
        table(
          remedies.map(({ command, brings, who }) => [command, brings, who]),
          { ...look, head: ['do', 'which brings', 'who'] },
        ),
        look,
      ),
    ]
  },
})

/** Each cause under what it holds up. */
function chain(
  cause: Cause,
  paint: Paint,
  format: 'text' | 'md',
  depth: number,
): readonly string[] {
  const indent = '  '.repeat(depth + (format === 'md' ? 0 : 1))
  const mark = format === 'md' ? '- ' : depth === 0 ? '' : '└ '
  const name = depth === 0 ? '' : `${paint.bold(cause.id)}: `
  return [
    `${indent}${mark}${name}${cause.text}`,
    ...cause.because.flatMap((inner) => chain(inner, paint, format, depth + 1)),
  ]
}
