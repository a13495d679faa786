/**
 * Keys and compression that a plugin's thread has begun and that are not over: they take the threads that
 * Node has for all of a process, and Node itself counts only files and names. So the functions that take
 * a callback are counted where they are called; streams of zlib and `crypto.subtle` are not.
 *
 * @module
 */
import { createRequire } from 'node:module'
import type { Count } from '../../units.ts'

type Callable = (...args: unknown[]) => unknown

const keys =
  'pbkdf2 scrypt hkdf generateKeyPair generateKey generatePrime checkPrime randomBytes randomFill sign verify'
const packs =
  'deflate deflateRaw gzip inflate inflateRaw gunzip unzip brotliCompress brotliDecompress'

/** Counts from now on; whoever calls it makes named imports follow. The answer says how many run now. */
export function countHolders(): () => Count {
  let running = 0
  const require = createRequire(import.meta.url)
  const counted = (original: Callable): Callable => {
    const made = function (this: unknown, ...args: unknown[]): unknown {
      const heard = args.at(-1)
      if (typeof heard !== 'function') return original.apply(this, args)
      args[args.length - 1] = function (this: unknown, ...answer: unknown[]): unknown {
        running--
        return (heard as Callable).apply(this, answer)
      }
      running++
      try {
        return original.apply(this, args)
      } catch (thrown) {
        running--
        throw thrown
      }
    }
    // `promisify` looks at what hangs there, and names it by its name.
    return Object.defineProperties(made, Object.getOwnPropertyDescriptors(original)) as Callable
  }
  for (const [name, names] of [
    ['node:crypto', keys],
    ['node:zlib', packs],
  ] as const) {
    const module = require(name) as Record<string, Callable>
    for (const one of names.split(' ')) {
      const original = module[one]
      if (original) module[one] = counted(original)
    }
  }
  return () => running
}
