/**
 * Where the passphrase of a sealed key comes from: the file that PROV_PASSPHRASE_FILE names, else
 * whoever can be asked. Never an argument and never the variable itself: both can be read by others.
 *
 * @module
 */
import { readFile, stat } from 'node:fs/promises'
import { configErrors } from './errors.ts'
import type { Environment } from './home.ts'

export type AskPassphrase = (actor: string) => Promise<string | undefined>

/**
 * The first line of the file, without its line break. Throws PROV_CONFIG_PASSPHRASE_FILE when it
 * cannot be read or others can read it, too.
 */
export function passphraseFrom(env: Environment, ask?: AskPassphrase): AskPassphrase | undefined {
  const file = env['PROV_PASSPHRASE_FILE']
  if (!file) return ask
  return async () => {
    const refuse = (reason: string, cause?: unknown) =>
      configErrors.PROV_CONFIG_PASSPHRASE_FILE({ file, reason }, { cause })
    const { mode } = await stat(file).catch((cause: unknown) => {
      throw refuse('it cannot be read', cause)
    })
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      throw refuse(`other users can read it (mode ${(mode & 0o777).toString(8)})`)
    }
    return (await readFile(file, 'utf8')).split(/\r?\n/)[0] ?? ''
  }
}
