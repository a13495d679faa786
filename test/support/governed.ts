/**
 * Repositories that people govern, made with real git and real keys of `ssh-keygen`: who commits,
 * signs and merges is a name.
 *
 * @module
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Governed {
  readonly dir: string
  /** One command of git, as somebody; `unsigned` leaves the signature away. */
  git(as: string, ...argv: readonly string[]): string
  /** Writes a file and commits it where HEAD is; answers the commit. */
  commit(as: string, file: string, text: string, options?: { signed?: boolean }): string
  /** A branch with one commit by one, merged by the other as it is; answers the merge. */
  change(by: string, merger: string, file: string, text: string): string
  /** `# threshold` and a line per name; a name may stand twice with another key: `alice=alice2`. */
  signers(threshold: number, ...names: readonly string[]): string
}

export function people(dir: string) {
  mkdirSync(dir, { recursive: true })
  const keyOf = (name: string): string => {
    const file = join(dir, name)
    if (!existsSync(file)) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file])
    }
    return file
  }
  const publicKey = (name: string) =>
    readFileSync(`${keyOf(name)}.pub`, 'utf8')
      .split(' ')
      .slice(0, 2)
      .join(' ')

  return { publicKey, repository }

  /** A repository with main, whose first commit names those who decide. */
  function repository(at: string, by: string, threshold: number, ...names: string[]): Governed {
    mkdirSync(at, { recursive: true })
    let branches = 0
    const here: Governed = {
      dir: at,
      git: (as, ...argv) =>
        execFileSync(
          'git',
          ['-C', at, '-c', 'gpg.format=ssh', '-c', `user.signingkey=${keyOf(as)}`].concat(
            ['-c', `user.name=${as}`, '-c', `user.email=${as}@acme`],
            argv,
          ),
          {
            encoding: 'utf8',
            stdio: 'pipe',
            env: { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', HOME: dir },
          },
        ).trim(),
      commit(as, file, text, { signed = true } = {}) {
        writeFileSync(join(at, file), text)
        here.git(as, 'add', '-A')
        here.git(as, 'commit', '-q', ...(signed ? ['-S'] : []), '-m', `${as} writes ${file}`)
        return here.git(as, 'rev-parse', 'HEAD')
      },
      change(by, merger, file, text) {
        const branch = `change-${++branches}`
        here.git(by, 'checkout', '-q', '-b', branch)
        here.commit(by, file, text)
        here.git(merger, 'checkout', '-q', 'main')
        here.git(merger, 'merge', '-q', '--no-ff', '-S', '-m', `${merger} merges ${branch}`, branch)
        return here.git(merger, 'rev-parse', 'HEAD')
      },
      signers: (threshold, ...names) =>
        [
          `# threshold: ${threshold}`,
          ...names.map((one) => {
            const [name = '', key = name] = one.split('=')
            return `${name} namespaces="git" ${publicKey(key)}`
          }),
          '',
        ].join('\n'),
    }
    here.git(by, 'init', '-q', '-b', 'main')
    here.commit(by, '.allowed_signers', here.signers(threshold, ...names))
    return here
  }
}
