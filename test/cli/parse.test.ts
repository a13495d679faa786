/** The short parser and yargs read every line alike; what the short one leaves, yargs decides. */
import t from 'tap'
import { defineCommand } from '../../core/cli/command.ts'
import type { AnyCommand } from '../../core/cli/command.ts'
import { parseArguments } from '../../core/cli/parse.ts'
import { ProvError } from '../../core/errors.ts'

const command: AnyCommand = defineCommand({
  pattern: 'op submit <type> [target] [more..]',
  describe: '',
  group: 'Tools',
  examples: [],
  flags: {
    type: { type: 'string', required: true, describe: '' },
    target: { type: 'string', describe: '' },
    more: { type: 'string', many: true, describe: '' },
    opId: { type: 'string', describe: '' },
    count: { type: 'number', describe: '', default: 3 },
    kind: { type: 'string', choices: ['a', 'b'], describe: '' },
    tag: { type: 'string', many: true, describe: '' },
    wait: { type: 'boolean', default: true, describe: '' },
    deep: { type: 'boolean', alias: 'd', describe: '' },
  },
  writes: true,
  run: async () => 0,
})

const outcome = async (argv: readonly string[], short: boolean) => {
  try {
    return await parseArguments(argv, 'op submit', command, { short })
  } catch (thrown) {
    return ProvError.is(thrown) ? thrown.toJSON() : String(thrown)
  }
}

const pieces = [
  'deploy',
  'a/b',
  '007',
  '1e3',
  'true',
  'no',
  '--op-id',
  '--op-id=x=y',
  '--opId',
  '--count',
  '--count=5',
  '--count=five',
  '--kind',
  '--kind=b',
  '--kind=c',
  '--tag',
  '--tag=1',
  '--no-wait',
  '--wait',
  '--deep',
  '-d',
  '-dx',
  '--dry-run',
  '--json',
  '--fmt',
  'md',
  '--actor=al',
  '--unknown',
  '--',
  '-1',
  '',
  '"quoted"',
  "it's",
]

t.test('both parsers answer the same, whatever stands on the line', async (t) => {
  const seed = Number(process.env['PROV_SEED'] ?? 7)
  let state = seed
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
  let short = 0
  for (let round = 0; round < 400; round++) {
    const argv = Array.from({ length: random(6) }, () => pieces[random(pieces.length)] as string)
    const [quick, slow] = [await outcome(argv, true), await outcome(argv, false)]
    t.same(quick, slow, `seed ${seed}: ${JSON.stringify(argv)}`)
    if (!('code' in (quick as object))) short++
  }
  t.ok(short > 20, `${short} of the lines were well-formed`)
})

t.test(
  'a list flag takes one value each time, so it cannot swallow the words behind it',
  async (t) => {
    for (const short of [true, false]) {
      t.match(await outcome(['--tag', 'a', 'deploy', 'x', '--tag', 'b'], short), {
        flags: { type: 'deploy', target: 'x', tag: ['a', 'b'], more: [], wait: true, count: 3 },
        dryRun: false,
      })
    }
  },
)

t.test('--no-<flag> switches off what is on by default', async (t) => {
  t.match(await outcome(['deploy', '--no-wait'], true), { flags: { wait: false } })
})
