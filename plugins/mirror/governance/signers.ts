/**
 * Who may decide in a repository, and how many of them it takes: a file as `ssh-keygen` and git read it,
 * with the number as a comment, so that plain git checks the same signatures by it.
 *
 *     # threshold: 2
 *     alice ssh-ed25519 AAAA…
 *     bob namespaces="git" ssh-ed25519 AAAA…
 *
 * Ed25519 only: Radicle knows no other delegates.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { basename } from 'node:path'
import { ProvError } from 'prov'
import type { Count } from 'prov'
import { mirrorErrors } from '../errors.ts'
import { isSignedBy } from '../signed-commit.ts'
import { parseSshPublicKey } from '../sshsig.ts'

export interface Delegate {
  readonly name: string
  /** Several are still one person: who has two keys decides once. */
  readonly keys: readonly KeyObject[]
}

export interface Signers {
  /** Undefined where the file says none. */
  readonly threshold: Count | undefined
  readonly delegates: readonly Delegate[]
}

/** Its name in the trees of policy and desired. */
export const signersFile = '.allowed_signers'

const line =
  /^(?<names>[\w.@+-]+)(?:\s+namespaces="(?<spaces>[^"]*)")?\s+(?<key>ssh-ed25519\s+[\w+/=]+)(?:\s.*)?$/
const thresholdLine = /^#\s*threshold\s*:(.*)$/

interface Whose {
  readonly repository: string
  /** Path of the file, for the place of what is wrong. */
  readonly file: string
}

/** What the file says, or PROV_GOVERNANCE_PROFILE with the line; undefined: there is no file. */
export function readSigners(text: string | undefined, whose: Whose): Signers | ProvError {
  const { repository, file } = whose
  if (text === undefined) {
    const what = `there is no ${basename(file)}`
    return mirrorErrors.PROV_GOVERNANCE_PROFILE({ repository, what }, { place: { file } })
  }
  try {
    return parseSigners(text, whose)
  } catch (thrown) {
    if (ProvError.is(thrown)) return thrown
    throw thrown
  }
}

function parseSigners(text: string, { repository, file }: Whose): Signers {
  const found = new Map<string, KeyObject[]>()
  const known = new Map<string, string>()
  let threshold: Count | undefined
  for (const [at, raw] of text.split('\n').entries()) {
    const refuse = (what: string): ProvError =>
      mirrorErrors.PROV_GOVERNANCE_PROFILE({ repository, what }, { place: { file, line: at + 1 } })
    const said = raw.trim()
    const number = thresholdLine.exec(said)?.[1]?.trim()
    if (number !== undefined) {
      if (threshold !== undefined) throw refuse('it says a threshold twice')
      if (!/^[1-9]\d{0,2}$/.test(number))
        throw refuse(`a threshold of ${number} is no number of delegates`)
      threshold = Number(number)
      continue
    }
    if (said === '' || said.startsWith('#')) continue
    const { names, spaces = 'git', key: words } = line.exec(said)?.groups ?? {}
    if (names === undefined || words === undefined) {
      throw refuse('a line is one name, perhaps namespaces="git", and an ssh-ed25519 key')
    }
    if (!spaces.split(',').includes('git')) throw refuse(`${names} may not sign in git`)
    const key = parseSshPublicKey(words)
    if (!key) throw refuse(`the key of ${names} is none`)
    const id = idOf(key)
    const owner = known.get(id)
    if (owner !== undefined) throw refuse(`${names} has the key of ${owner}`)
    known.set(id, names)
    found.set(names, [...(found.get(names) ?? []), key])
  }
  const delegates = [...found].map(([name, keys]) => ({ name, keys }))
  return { threshold, delegates }
}

/** The delegate whose signature a commit bears, if any. */
export const signerOf = (raw: Uint8Array, { delegates }: Signers): string | undefined =>
  delegates.find(({ keys }) => keys.some((key) => isSignedBy(raw, key)))?.name

/** The same text for the same key, whatever else stands in its line. */
export const idOf = (key: KeyObject): string => key.export({ format: 'jwk' }).x ?? ''

export const keysOf = ({ delegates }: Signers): readonly KeyObject[] =>
  delegates.flatMap(({ keys }) => keys)

export const namesOf = ({ delegates }: Signers): readonly string[] =>
  delegates.map(({ name }) => name)
