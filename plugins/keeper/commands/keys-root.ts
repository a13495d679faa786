/** `prov keys root`: a key that lies offline and signs nothing but changes of keys (D-39). @module */
import { existsSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import {
  defineCommand,
  fields,
  homeOutside,
  keyErrors,
  makeKeyFile,
  replaceFile,
  rootRole,
} from 'prov'
import { newPassphrase } from './actor-create.ts'
import { actorErrors } from './errors.ts'

export const command = defineCommand({
  pattern: 'keys root <file>',
  describe: 'make a root key: it lies offline and signs changes of keys, nothing else',
  group: 'Workspace',
  notes: [
    'The file is the private half: keep it where no daemon runs, on a stick in a safe. Beside it lies <file>.pub, which `prov keys draft govern --root` takes.',
  ],
  examples: [['prov keys root /media/stick/root.key', 'asks for a passphrase, twice']],
  flags: {
    file: {
      type: 'string',
      required: true,
      describe: 'where it is to lie; outside the workspace',
      complete: 'files',
    },
    seal: {
      type: 'boolean',
      default: true,
      describe: 'seal with a passphrase; --no-seal does not',
    },
  },
  writes: true,
  async run({ file: path, seal }, context) {
    const file = resolve(context.cwd, path)
    const root = await context.files().then(
      (files) => files.root,
      () => undefined,
    )
    if (root !== undefined) homeOutside(nearestFolder(dirname(file)), root)
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
      throw actorErrors.PROV_KEY_ROOT_FOLDER({ folder: file })
    }
    for (const one of [file, `${file}.pub`]) {
      if (existsSync(one)) throw keyErrors.PROV_KEY_EXISTS({ actor: rootRole, file: one })
    }
    if (context.dryRun) return { file, public: `${file}.pub`, kid: null, sealed: seal }
    const passphrase = seal ? await newPassphrase('the root key', context) : ''
    const { clock } = context
    const holder = { actor: rootRole, kind: 'human', role: rootRole } as const
    const { record } = await makeKeyFile(file, holder, { passphrase, clock })
    replaceFile(`${file}.pub`, `${JSON.stringify(record, null, 2)}\n`)
    return { file, public: `${file}.pub`, kid: record.kid, sealed: passphrase !== '' }
  },
  render: ({ file, public: pub, kid, sealed }, paint, format) =>
    fields(
      [
        ['root key', kid ?? 'would be made'],
        ['file', file],
        ['public half', pub],
        [
          'sealed',
          sealed ? 'with a passphrase' : ['no: whoever can read the file can sign', paint.warn],
        ],
        ['next', `prov keys draft govern --root ${pub} --out act.json`],
      ],
      { paint, format },
    ),
})

/** The folder may have to be made: what counts is where it would lie. */
function nearestFolder(dir: string): string {
  return statSync(dir, { throwIfNoEntry: false }) ? dir : nearestFolder(dirname(dir))
}
