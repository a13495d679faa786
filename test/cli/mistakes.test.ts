/**
 * What people mistype, tried on the whole command table: each flag and argument of each command gets
 * what it cannot take. The answer is a code, what was wrong and a way out; never a stack, never the
 * exit code of a broken invariant, never more text than one reads. A new command is tried without a word here.
 */
import t from 'tap'
import type { Test } from 'tap'
import type { AnyCommand, Flag } from '../../core/cli/command.ts'
import { knownCommands } from '../../core/cli/commands.ts'
import { kebab, positionalsOf } from '../../core/cli/pattern.ts'
import type { ErrorReport } from '../../core/errors.ts'
import { discoverPlugins } from '../../core/plugin/discover.ts'
import { temporaryFolder } from '../support/folder.ts'
import { provHere } from '../support/cli.ts'
import type { Ran } from '../support/cli.ts'
import { sampleCopy } from '../support/workspace.ts'

t.setTimeout(900_000)

type Run = (...argv: readonly string[]) => Promise<Ran>

// oxlint-disable-next-line no-control-regex -- what must not reach a terminal
const forTerminals = /[\0-\u0008\u000b-\u001f\u007f-\u009f]/
/** Where a text may say more than these, somebody pasted a file. */
const longest = 12_000
/** They run until they are told to end, or take their time: only refused lines are tried. */
const lasting = new Set(['run', 'plane run', 'demo', 'wait event', 'op wait'])

const commands = async () =>
  Promise.all(
    [...(await knownCommands(discoverPlugins({ workspace: undefined }))).entries].map(
      async ([words, entry]) => ({ words: words.split(' '), command: await entry.load() }),
    ),
  )

const plausible = ({ choices, type }: Flag): string =>
  choices?.[0] ?? (type === 'number' ? '1' : 'x')

/** The arguments of a command with one value in its place, and whatever else it cannot do without. */
function lineWith(command: AnyCommand, name = '', value = ''): readonly string[] {
  const positionals = positionalsOf(command.pattern)
  const given = Object.entries(command.flags).filter(
    ([other, flag]) => other === name || flag.required || positionals.includes(kebab(other)),
  )
  const valueOf = (other: string, flag: Flag) => (other === name ? value : plausible(flag))
  const placed = positionals.flatMap((place) =>
    given.filter(([other]) => kebab(other) === place).map(([other, flag]) => valueOf(other, flag)),
  )
  const flags = given.filter(([other]) => !positionals.includes(kebab(other)))
  return [...placed, ...flags.map(([other, flag]) => `--${kebab(other)}=${valueOf(other, flag)}`)]
}

/** A refusal as people and programs need it. */
function isGood(t: Test, what: string, { code, out, err }: Ran): ErrorReport | undefined {
  t.not(code, 70, `${what}: ${err.slice(0, 500)}`)
  t.notMatch(err, /\n\s+at (?!:)|node:internal/, `${what}: no stack`)
  t.ok(err.length < longest, `${what}: ${err.length} characters`)
  if (code === 0 || out !== '') return undefined
  const report = JSON.parse(err.slice(err.indexOf('{'))) as ErrorReport
  t.match(report.remedy, /`|\.ncl|\.md/, `${what}: a remedy that names a command or a file`)
  return report
}

async function refused(t: Test, run: Run, argv: readonly string[], code: string): Promise<void> {
  const what = argv.join(' ').slice(0, 100)
  const ran = await run(...argv, '--json')
  t.match(isGood(t, what, ran), { code }, what)
  t.equal(ran.code, 64, what)
}

t.test('what no command takes is refused before anything is done', async (t) => {
  const { run } = sampleCopy(t)
  for (const { words, command } of await commands()) {
    // It explains whatever it is asked about.
    if (words[0] === 'help') continue
    const positionals = positionalsOf(command.pattern)
    const flags = Object.entries(command.flags)
    const line = [...words, ...lineWith(command)]
    await refused(t, run, [...line, '--no-such-flag'], 'PROV_CLI_FLAG_UNKNOWN')
    const needed = flags.some(([, { required }]) => required)
    if (needed) await refused(t, run, words, 'PROV_CLI_ARGUMENT_MISSING')
    const many = flags.some(([name, { many }]) => many && positionals.includes(kebab(name)))
    if (!many) await refused(t, run, [...line, 'one-more'], 'PROV_CLI_ARGUMENT_EXTRA')
    if (!command.writes)
      await refused(t, run, [...line, '--dry-run'], 'PROV_CLI_DRY_RUN_MEANINGLESS')
    for (const [name, flag] of flags) {
      const with_ = (value: string) => [...words, ...lineWith(command, name, value)]
      const invalid = 'PROV_CLI_VALUE_INVALID'
      if (flag.type === 'number') {
        for (const value of ['many', 'NaN', '1e400']) await refused(t, run, with_(value), invalid)
        for (const value of ['-1', '1.5', '1e300']) await refused(t, run, with_(value), invalid)
      }
      if (flag.choices) await refused(t, run, with_('neither'), 'PROV_CLI_CHOICE_UNKNOWN')
      if (flag.type === 'boolean') await refused(t, run, with_('yes'), invalid)
      if (flag.many || flag.type === 'boolean' || positionals.includes(kebab(name))) continue
      const twice = `--${kebab(name)}=${plausible(flag)}`
      await refused(t, run, [...with_(plausible(flag)), twice], invalid)
      await refused(t, run, with_(''), invalid)
    }
    if (command.writes) await refused(t, run, [...words, '--dry-run=yes'], 'PROV_CLI_VALUE_INVALID')
  }
})

t.test('whatever stands in a text, the answer is one that can be read', async (t) => {
  const { run, root } = sampleCopy(t)
  await run('setup', '--actor', 'alice')
  const odd = {
    huge: 'x'.repeat(200_000),
    control: 'a\u001b[2J\u0007\u009b31mb',
    nul: 'a\u0000b',
    folder: root,
    half: '\ud800',
    above: '../../../..',
    json: '{"a":',
    empty: ' ',
  }
  for (const { words, command } of await commands()) {
    if (lasting.has(words.join(' '))) continue
    for (const [name, flag] of Object.entries(command.flags)) {
      if (flag.type !== 'string') continue
      for (const [how, value] of Object.entries(odd)) {
        const argv = [...words, ...lineWith(command, name, value)]
        if (command.writes) argv.push('--dry-run')
        const what = `${words.join(' ')} ${name}: ${how}`
        isGood(t, what, await run(...argv, '--json'))
        if (how !== 'control') continue
        const { out, err } = await run(...argv)
        t.notMatch(out + err, forTerminals, `${what}: nothing for a terminal`)
      }
    }
  }
})

t.test('outside of a workspace each command works or says where it looked', async (t) => {
  const { dir } = temporaryFolder(t, { 'empty/.keep': '' })
  const run: Run = (...argv) =>
    provHere(argv, { cwd: `${dir}/empty`, env: { PROV_HOME: `${dir}/home` } })
  for (const { words, command } of await commands()) {
    const waits = words.join(' ')
    const lasts = lasting.has(waits) && waits !== 'wait event' && waits !== 'op wait'
    if (lasts || words[0] === 'setup') continue
    const argv = [...words, ...lineWith(command)]
    const ran = await run(...argv, '--json')
    const report = isGood(t, argv.join(' '), ran)
    t.ok(ran.code === 0 || report || ran.out !== '', argv.join(' '))
    if (report?.code === 'PROV_CONFIG_NO_WORKSPACE') t.match(report.message, dir)
  }
})
