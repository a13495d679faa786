/**
 * What a script may rely on, as data: exit codes (D-1), variables, and the error table. Help, the
 * README and tests read it from here.
 *
 * @module
 */
import { errorTable, exitCodes } from '../errors.ts'
import type { ErrorRow } from '../errors.ts'

/** What `prov help` knows beside commands. */
export const helpTopics = ['errors', 'exit-codes', 'environment', 'json'] as const

/** What `--json` promises as a whole: data on stdout, one error on stderr, a line for each of a stream. */
export const jsonVersion = 1

export const exitCodeTable: readonly (readonly [string, string])[] = [
  ['0', 'done'],
  ['1', 'the work itself failed'],
  ['2', 'changes are pending (plan, diff)'],
  ['3', 'blocked: a gate is closed or a condition is not met'],
  ['4', 'refused by policy or authorization; asking again changes nothing'],
  ['5', 'held for approval'],
  ['6', 'version conflict: the state moved, plan again'],
  ['7', 'unavailable or timed out: try again later'],
  ['8', 'outcome unknown: it may have happened, look before acting again'],
  ['64', 'usage: the command line, a file or a value is wrong'],
  ['70', 'Prov broke one of its own rules: our bug'],
  ['130', 'interrupted'],
]

export const environmentTable: readonly (readonly [string, string])[] = [
  ['NATS_URL', 'server to publish to; beats the configuration of user and workspace'],
  ['NATS_NKEY_SEED', 'secret key for that server; better in the file that the next one names'],
  ['NATS_NKEY_SEED_FILE', 'file with that key, 0600'],
  ['PROV_HOME', 'folder of keys and trust; default $XDG_CONFIG_HOME/prov, else ~/.config/prov'],
  ['PROV_STATE', 'folder of journal and caches; default .prov in the workspace'],
  [
    'PROV_PROJECT',
    'a project whose planes are on other machines; --project beats it, --workspace sets it aside',
  ],
  ['PROV_ACTOR', 'who acts, one of your keys; --actor beats it'],
  ['ONTOREF_ACTOR', 'the same under its older name; PROV_ACTOR beats it'],
  [
    'PROV_PASSPHRASE_FILE',
    'file, mode 600, whose first line opens sealed keys; else a person is asked',
  ],
  ['NICKEL_IMPORT_PATH', 'more folders for Nickel imports, separated by ":"'],
  ['NO_COLOR', 'any value: no colours; --color beats it'],
  ['FORCE_COLOR', 'any value but 0: colours also in a pipe'],
  ['TERM', '"dumb": no colours'],
  [
    'XDG_STATE_HOME',
    'where the anchors of journals lie (prov/anchors) unless PROV_HOME is set; else ~/.local/state',
  ],
  ['XDG_RUNTIME_DIR', 'where the socket of a workspace lies whose own path is too long for one'],
  ['XDG_CONFIG_HOME', 'where the user keeps settings; see PROV_HOME'],
  [
    'RAD_HOME',
    'where Radicle keeps its repositories, for whoever looks at governance; else ~/.radicle',
  ],
  ['PATH', 'all that processes of plugins inherit of the environment'],
  ['PROV_SEED', 'for tests: seed of simulated worlds; a failure prints it'],
  ['PROV_CRASH_AT', 'for tests: end the process at a named point of an operation'],
]

/** Every code known to this process, with exit code and text; names stand for details. */
export function errorRows(): readonly (readonly [string, string, string])[] {
  return [...errorTable()]
    .map(([code, row]): readonly [string, string, string] => [
      code,
      String(exitCodes[row.disposition]),
      sampleText(row as ErrorRow<never>),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** The text with `<name>` where a detail would stand; a row that computes gives what it can. */
function sampleText(row: ErrorRow<never>): string {
  const detail = new Proxy({}, { get: (_, name) => `<${String(name)}>` })
  try {
    return row.text(detail as never)
  } catch {
    return ''
  }
}
