/**
 * Protections of the pipeline that some seed misses when they are taken out of the compiled output.
 *
 * @module
 */
export interface Mutant {
  readonly name: string
  readonly patches: readonly (readonly [file: string, find: string, put: string])[]
  /** What one of the broken promises says. */
  readonly broken: RegExp
  /** A seed that found it, tried before the others. */
  readonly seed: number
}

const bookFirst = [
  'plugins/orchestrator/component.js',
  'await book.begin(request);',
  'void book.begin(request);',
] as const

const standing = [
  'core/protocol/standing.js',
  'this.#good.catch(() => { });',
  'this.#agree(); this.#decided = true; this.#good.catch(() => { });',
] as const

export const mutants: readonly Mutant[] = [
  {
    name: 'no sync',
    patches: [
      [
        'core/journal/writer.js',
        'const synced = this.#file.datasync();',
        'const synced = undefined;',
      ],
    ],
    broken: /is lost|different stories|does not start|ledger/,
    seed: 1,
  },
  {
    name: 'effect before claim',
    patches: [
      bookFirst,
      [
        'core/actor/lives.js',
        'writer.append(entries, () => resolve(this.#up(cell, first, input)), reject);',
        'const up = this.#up(cell, first, input); writer.append(entries, () => resolve(up), reject);',
      ],
    ],
    broken: /acted before its claim was on disk/,
    seed: 1,
  },
  {
    name: 'effect before its page in the book',
    patches: [bookFirst],
    broken: /had 2 effects/,
    seed: 1,
  },
  {
    name: 'the ledger moves to what is not synced',
    patches: [
      [
        'plugins/mirror/writer.js',
        'await disk.flush();\n                await moveHead(parent);',
        'await moveHead(parent);',
      ],
    ],
    broken: /(?:ledger|not whole): commit [0-9a-f]{40}/,
    seed: 1,
  },
  {
    name: 'a replay is acknowledged',
    patches: [
      [
        'plugins/controller/controller.js',
        'if (!isMessage(delivery.id, `command:${epoch}:${seq}`))',
        'if (false)',
      ],
    ],
    broken: /said again and nobody took note/,
    seed: 1,
  },
  {
    name: 'a writer that was replaced goes on',
    patches: [
      [
        'core/journal/lock.js',
        'const isHeld = () => existsSync(own) && !existsSync(successor);',
        'const isHeld = () => true;',
      ],
    ],
    broken: /different stories|is lost|stands alone|ended in two ways|two results|claimed twice/,
    seed: 21,
  },
  {
    name: 'a controller asks nobody whether its journal is the newest',
    patches: [standing],
    broken:
      /by a journal that was set back|different stories|PROV_JOURNAL_(BEHIND|FORKED)|not at rest/,
    seed: 140,
  },
  {
    name: 'what went out goes out again',
    patches: [
      [
        'core/protocol/checkpoint.js',
        'return this.#sent(role, sentUpTo(record));',
        'return undefined;',
      ],
    ],
    broken: /went out again in life/,
    seed: 7,
  },
]
