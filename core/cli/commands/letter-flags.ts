/**
 * Which dead letters are meant: the flags that `prov actors letters` and `prov actors replay` share.
 *
 * @module
 */
export const letterFlags = {
  address: {
    type: 'string',
    describe: 'only those for this actor, as `type/id`',
    complete: 'addresses',
  },
  type: { type: 'string', describe: 'only those for actors of this type' },
  event: { type: 'string', describe: 'only events of this type' },
  reason: {
    type: 'string',
    choices: [
      'unknown',
      'stopped',
      'full',
      'dropped',
      'parked',
      'failed',
      'poison',
      'skipped',
      'invalid',
    ],
    describe: 'only those that were given up for this reason',
  },
} as const
