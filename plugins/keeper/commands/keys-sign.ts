/** `prov keys sign`: adds a signature to a drafted change of keys; needs no workspace and no network. @module */
import { resolve } from 'node:path'
import {
  defineCommand,
  openKeyFile,
  openKeyStore,
  passphraseFrom,
  peekToken,
  replaceFile,
} from 'prov'
import type { CommandContext, Signer } from 'prov'
import { actText, actWords, signedBy } from '../act-file.ts'
import { readAct } from './read-act.ts'

export const command = defineCommand({
  pattern: 'keys sign <file>',
  describe: 'sign a drafted change of keys, with your key or with the root; works offline',
  group: 'Workspace',
  notes: ['It says what is signed. Read it first with --dry-run: nothing is unsealed for that.'],
  examples: [
    ['prov keys sign act.json --dry-run', 'only says what it is about'],
    ['prov keys sign act.json --actor alice', 'alice is one of those who must'],
    ['prov keys sign act.json --root /media/stick/root.key', 'on the machine without a network'],
  ],
  flags: {
    file: {
      type: 'string',
      required: true,
      describe: 'as `prov keys draft` wrote it',
      complete: 'files',
    },
    root: {
      type: 'string',
      describe: 'file of the root key. Default: a key of your own',
      complete: 'files',
    },
  },
  writes: true,
  async run({ file: path, root }, context) {
    const file = resolve(context.cwd, path)
    const act = readAct(file)
    const about = { file, words: actWords(act) }
    if (context.dryRun) return { ...about, signatures: act.signatures.length, signed: false }
    const signer = await signerFor(root, context)
    const known = act.signatures.some((token) => peekToken(token).iss === signer.record.kid)
    if (known) return { ...about, signatures: act.signatures.length, signed: true }
    const signed = await signedBy(act, signer, context.clock)
    replaceFile(file, actText(signed))
    return { ...about, signatures: signed.signatures.length, signed: true }
  },
  render: ({ file, words, signatures, signed }, paint) => [
    ...words,
    signed
      ? paint.good(`signed; ${signatures} ${signatures === 1 ? 'signature' : 'signatures'} so far`)
      : `would be signed; ${signatures} so far`,
    paint.dim(`where the workspace is: prov keys apply ${file}`),
  ],
})

async function signerFor(root: string | undefined, context: CommandContext): Promise<Signer> {
  const { env, home, clock, actor, cwd } = context
  const ask = (name: string) => context.ask(`passphrase of ${name}: `, { secret: true })
  const passphrase = passphraseFrom(env, ask)
  return root === undefined
    ? openKeyStore({ home, clock, passphrase }).signer(actor)
    : openKeyFile(resolve(cwd, root), passphrase)
}
