/**
 * A command that came with a plugin of the workspace. Ours are checked by tests, a stranger's by
 * this: whatever is wrong with it is said with the plugin's name, and is never called a fault of
 * Prov.
 *
 * @module
 */
import { ProvError } from '../errors.ts'
import type { ShapeModule } from '../plugin/define.ts'
import { pluginErrors } from '../plugin/errors.ts'
import type { AnyCommand, CommandContext } from './command.ts'
import type { Printed } from './shape.ts'

type Load = () => Promise<{ readonly command: AnyCommand }>

/**
 * Loads and checks it. Throws PROV_PLUGIN_IMPORT_FAILED and PROV_PLUGIN_SHAPE_INVALID; its `run`
 * throws PROV_PLUGIN_COMMAND_FAILED for whatever is no ProvError.
 */
export async function loadGuest(plugin: string, words: string, load: Load): Promise<AnyCommand> {
  let command: unknown
  try {
    command = ((await load()) as { readonly command?: unknown } | undefined)?.command
  } catch (thrown) {
    if (ProvError.is(thrown)) throw thrown
    const reason = reasonOf(thrown)
    throw pluginErrors.PROV_PLUGIN_IMPORT_FAILED({ id: plugin, reason }, { cause: thrown })
  }
  const checked = check(command, plugin, words)
  const run = checked.run as (flags: unknown, context: CommandContext) => Promise<unknown>
  const guarded = async (flags: unknown, context: CommandContext) => {
    try {
      return await run(flags, context)
    } catch (thrown) {
      if (ProvError.is(thrown) || context.signal.aborted) throw thrown
      const detail = { plugin, command: words, reason: reasonOf(thrown) }
      throw pluginErrors.PROV_PLUGIN_COMMAND_FAILED(detail, { cause: thrown })
    }
  }
  return { ...checked, run: guarded } as AnyCommand
}

/**
 * What it says that a command of it prints. Throws PROV_PLUGIN_IMPORT_FAILED and
 * PROV_PLUGIN_SHAPE_INVALID.
 */
export async function guestPrinted(
  plugin: string,
  words: string,
  shapes: ShapeModule | undefined,
): Promise<Printed | undefined> {
  let printed: Partial<Printed> | undefined
  try {
    printed = (await shapes?.())?.shapes[words]
  } catch (thrown) {
    const reason = reasonOf(thrown)
    throw pluginErrors.PROV_PLUGIN_IMPORT_FAILED({ id: plugin, reason }, { cause: thrown })
  }
  if (printed === undefined) return undefined
  const { shapeVersion, shape } = Object(printed) as Partial<Printed>
  if (!Number.isSafeInteger(shapeVersion) || typeof shape !== 'object' || shape === null) {
    const field = `shapes.${words}`
    const wanted = '{ shapeVersion, shape }, as `shape.printed` makes it'
    throw pluginErrors.PROV_PLUGIN_SHAPE_INVALID({ plugin, field, wanted })
  }
  return printed as Printed
}

function check(command: unknown, plugin: string, words: string): AnyCommand {
  const refuse = (field: string, wanted: string) =>
    pluginErrors.PROV_PLUGIN_SHAPE_INVALID({ plugin, field: `commands.${words}${field}`, wanted })
  if (typeof command !== 'object' || command === null) {
    throw refuse('', 'a module with `export const command = defineCommand({ … })`')
  }
  const { pattern, describe, run, flags, examples } = command as Record<string, unknown>
  if (typeof pattern !== 'string' || pattern === '')
    throw refuse('.pattern', `a text like ${words} <id>`)
  if (typeof describe !== 'string') throw refuse('.describe', 'a text')
  if (typeof flags !== 'object' || flags === null) throw refuse('.flags', 'a record, {} for none')
  if (!Array.isArray(examples)) throw refuse('.examples', 'a list of [line, what it does]')
  if (typeof run !== 'function') throw refuse('.run', 'a function')
  return command as AnyCommand
}

const reasonOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown))
