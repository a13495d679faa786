/**
 * The signature of a commit as it lies in the repository. git signs the object without its `gpgsig`
 * header; isomorphic-git only takes PGP signatures out again, so this is done here.
 *
 * @module
 */
import type { KeyObject } from 'node:crypto'
import { verifySshSignature } from './sshsig.ts'

/** True when the raw commit bears exactly one signature and it is the key's. */
export function isSignedBy(raw: Uint8Array, key: KeyObject): boolean {
  // One character per byte: the signature is over bytes, whatever their encoding.
  const text = Buffer.from(raw).toString('latin1')
  const end = text.indexOf('\n\n')
  const headers = text.slice(0, end + 1)
  const [found, ...more] = headers.matchAll(/^gpgsig (.*\n(?: .*\n)*)/gm)
  if (end < 0 || !found?.[1] || more.length > 0) return false
  const signature = found[1].replaceAll('\n ', '\n')
  const unsigned = headers.replace(found[0], '') + text.slice(end + 1)
  return verifySshSignature(Buffer.from(unsigned, 'latin1'), signature, { key, namespace: 'git' })
}
