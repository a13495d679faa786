/**
 * `prov help json [command]`: what commands print with `--json`, for whoever reads that by program.
 *
 * @module
 */
import { discoverPlugins } from '../plugin/discover.ts'
import type { Count } from '../units.ts'
import type { CommandContext } from './command.ts'
import { knownCommands, matchCommand, withGuestCommands } from './commands.ts'
import type { Commands } from './commands.ts'
import { cliErrors } from './errors.ts'
import { shape } from './shape.ts'
import type { Shape } from './shape.ts'
import { jsonVersion } from './topics.ts'
import { workspaceOf } from './workplace.ts'

interface Listing {
  readonly topic: 'json'
  /** As `prov --version --json` says it. */
  readonly json: Count
  /** What stands on stderr when any of them fails. */
  readonly error: Shape
  readonly commands: readonly { readonly command: string; readonly shapeVersion: Count }[]
}

interface One {
  readonly topic: 'json'
  readonly command: string
  readonly shapeVersion: Count
  /** A JSON Schema that any validator takes. */
  readonly schema: object
}

export type JsonHelp = Listing | One

/** Throws PROV_CLI_COMMAND_UNKNOWN, PROV_CLI_COMMAND_INCOMPLETE, PROV_CLI_SHAPE_UNKNOWN. */
export async function jsonHelp(
  words: readonly string[],
  context: CommandContext,
): Promise<JsonHelp> {
  const commands = await commandsHere(context)
  if (words.length > 0) return one(words, commands)
  const rows = await Promise.all(
    [...commands.entries.values()].map(async ({ words: command, printed }) => {
      // A guest whose module is broken hides its own and nobody else's.
      const { shapeVersion } = (await printed().catch(() => undefined)) ?? {}
      return shapeVersion === undefined ? [] : [{ command, shapeVersion }]
    }),
  )
  const sorted = rows.flat().sort((a, b) => (a.command < b.command ? -1 : 1))
  return { topic: 'json', json: jsonVersion, error: shape.error, commands: sorted }
}

async function one(words: readonly string[], commands: Commands): Promise<One> {
  const match = matchCommand(words, commands)
  if (match.kind === 'none') throw match.error
  if (match.kind === 'group') {
    throw cliErrors.PROV_CLI_COMMAND_INCOMPLETE({ command: match.words, known: match.known })
  }
  const { words: command, printed } = match.entry
  const known = await printed()
  if (!known) throw cliErrors.PROV_CLI_SHAPE_UNKNOWN({ command, plugin: match.entry.owner })
  const { shapeVersion, shape: printedShape } = known
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:prov:json:${command.replaceAll(' ', '-')}:${shapeVersion}`,
    title: `prov ${command} --json`,
    ...printedShape,
  }
  return { topic: 'json', command, shapeVersion, schema }
}

async function commandsHere(context: CommandContext): Promise<Commands> {
  const workspace = workspaceOf(context)
  const { home } = context
  const discovery = discoverPlugins({ workspace })
  const known = await knownCommands(discovery)
  return workspace === undefined ? known : withGuestCommands(known, discovery, { home, workspace })
}
