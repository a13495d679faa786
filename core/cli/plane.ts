/** What the commands about planes share. @module */
import { resolve } from 'node:path'
import { passphraseFrom } from '../config/passphrase.ts'
import type { CommandContext } from './command.ts'

/** Folder of a plane's state as a person named it; undefined for the usual one. */
export function stateOf({ cwd }: CommandContext, state: string | undefined): string | undefined {
  return state === undefined ? undefined : resolve(cwd, state)
}

/** What seals the key of a plane on its way; empty when there is nobody to ask. */
export async function planePassphrase(context: CommandContext, plane: string): Promise<string> {
  const asked = passphraseFrom(context.env, () =>
    context.ask(`passphrase for the key of ${plane}: `, { secret: true }),
  )
  return (await asked?.(plane)) ?? ''
}
