/**
 * Fresh Ed25519 keys in OpenSSH's own text form, which both OpenSSH and ssh2 read. The pair comes
 * from node:crypto; the generator inside ssh2 now and then writes a key that it cannot read back.
 *
 * @module
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'

export interface SshKeyPair {
  /** `ssh-ed25519 AAAA…` */
  readonly public: string
  /** PEM-like text without a passphrase; secret. */
  readonly private: string
}

export function sshKeyPair(): SshKeyPair {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = privateKey.export({ format: 'jwk' })
  const point = Buffer.from(jwk.x ?? '', 'base64url')
  const seed = Buffer.from(jwk.d ?? '', 'base64url')
  const kind = field(Buffer.from('ssh-ed25519'))
  const publicBlob = Buffer.concat([kind, field(point)])
  // The same random number twice: how a reader knows that it decrypted well.
  const check = randomBytes(4)
  const secret = Buffer.concat([
    check,
    check,
    publicBlob,
    field(Buffer.concat([seed, point])),
    field(Buffer.alloc(0)),
  ])
  const padding = Buffer.from([1, 2, 3, 4, 5, 6, 7]).subarray(0, (8 - (secret.length % 8)) % 8)
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field(Buffer.from('none')),
    field(Buffer.from('none')),
    field(Buffer.alloc(0)),
    uint32(1),
    field(publicBlob),
    field(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g) ?? []
  return {
    public: `ssh-ed25519 ${publicBlob.toString('base64')}`,
    private: [
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      ...lines,
      '-----END OPENSSH PRIVATE KEY-----',
      '',
    ].join('\n'),
  }
}

const field = (bytes: Buffer): Buffer => Buffer.concat([uint32(bytes.length), bytes])

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
