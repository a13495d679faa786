/**
 * SSH signatures as git and `ssh-keygen -Y` read them (PROTOCOL.sshsig of OpenSSH), made by node:crypto
 * from an Ed25519 key. No process, no key file, no agent.
 *
 *     armor( "SSHSIG" 1 publickey namespace "" "sha512" signature )
 *     signature over ( "SSHSIG" namespace "" "sha512" sha512(message) )
 *
 * @module
 */
import { createHash, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const algorithm = 'ssh-ed25519'
const hash = 'sha512'
const begin = '-----BEGIN SSH SIGNATURE-----'
const end = '-----END SSH SIGNATURE-----'

/** `ssh-ed25519 AAAA…` of a private or public Ed25519 key. */
export function sshPublicKey(key: KeyObject): string {
  return `${algorithm} ${publicBlob(key).toString('base64')}`
}

/** The key of `ssh-ed25519 AAAA…`; undefined when it is none. */
export function parseSshPublicKey(text: string): KeyObject | undefined {
  const [type, base64 = ''] = text.trim().split(/\s+/)
  const x = Buffer.from(base64, 'base64').subarray(-32).toString('base64url')
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
    return sshPublicKey(key) === `${type} ${base64}` ? key : undefined
  } catch {
    return undefined
  }
}

/** The armored signature of a message; git uses the namespace `git`. */
export function sshSignature(
  message: string | Uint8Array,
  options: { readonly key: KeyObject; readonly namespace: string },
): string {
  const { key, namespace } = options
  const raw = sign(null, signedData(message, namespace), key)
  const blob = Buffer.concat([envelope(key, namespace), raw])
  const lines = blob.toString('base64').match(/.{1,70}/g) ?? []
  return [begin, ...lines, end, ''].join('\n')
}

/** True when the armored signature is the key's over the message. False for anything malformed. */
export function verifySshSignature(
  message: string | Uint8Array,
  armored: string,
  options: { readonly key: KeyObject; readonly namespace: string },
): boolean {
  const { key, namespace } = options
  const text = armored.trim()
  if (!text.startsWith(begin) || !text.endsWith(end)) return false
  const blob = Buffer.from(text.slice(begin.length, -end.length), 'base64')
  // All but the last 64 bytes is fixed by key and namespace.
  const head = envelope(key, namespace)
  if (blob.length !== head.length + 64 || !blob.subarray(0, head.length).equals(head)) return false
  return verify(null, signedData(message, namespace), publicOf(key), blob.subarray(head.length))
}

/** Everything in front of the 64 bytes of the signature itself. */
function envelope(key: KeyObject, namespace: string): Buffer {
  const signature = Buffer.concat([field(algorithm), field(Buffer.alloc(64))])
  return Buffer.concat([
    Buffer.from('SSHSIG'),
    uint32(1),
    field(publicBlob(key)),
    field(namespace),
    field(''),
    field(hash),
    field(signature),
  ]).subarray(0, -64)
}

function signedData(message: string | Uint8Array, namespace: string): Buffer {
  const digest = createHash(hash).update(message).digest()
  return Buffer.concat([
    Buffer.from('SSHSIG'),
    field(namespace),
    field(''),
    field(hash),
    field(digest),
  ])
}

const publicOf = (key: KeyObject): KeyObject => (key.type === 'public' ? key : createPublicKey(key))

function publicBlob(key: KeyObject): Buffer {
  const { x } = publicOf(key).export({ format: 'jwk' })
  return Buffer.concat([field(algorithm), field(Buffer.from(x ?? '', 'base64url'))])
}

/** A string of the SSH wire: its length, then its bytes. */
function field(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string)
  return Buffer.concat([uint32(bytes.length), bytes])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
