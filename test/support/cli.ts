/** Command lines for tests: in process (fast, all but signals) and as a child (the real program). */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommandLine } from '../../core/cli/cli.ts'
import { repoRoot } from './root.ts'
import { demandShape } from './shapes.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface RunPlace {
  readonly cwd: string
  /** Also the whole environment but PATH: nothing of the developer's shell leaks in. */
  readonly env?: Readonly<Record<string, string>>
}

/** In this process. With `--json` whatever it prints is held against what its command declares. */
export async function provHere(argv: readonly string[], place: RunPlace): Promise<Ran> {
  let out = ''
  let err = ''
  const code = await runCommandLine(argv, {
    cwd: place.cwd,
    env: { PATH: process.env['PATH'], ...place.env },
    streams: {
      out: { write: (text) => (out += text) },
      err: { write: (text) => (err += text) },
    },
  })
  await demandShape(argv, { code, out, err })
  return { code, out, err }
}

export const provProgram = join(repoRoot, 'dist/core/cli/main.js')

export interface Child extends PromiseLike<Ran> {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
  /** Resolves when stderr has said so much. */
  said(text: string): Promise<void>
  /** The same for stdout. */
  printed(text: string): Promise<void>
}

export function provChild(
  argv: readonly string[],
  place: RunPlace & { readonly node?: readonly string[] },
): Child {
  const child = spawn(process.execPath, [...(place.node ?? []), provProgram, ...argv], {
    cwd: place.cwd,
    env: { PATH: process.env['PATH'], ...place.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  const waiting: { text: string; of: () => string; resolve: () => void }[] = []
  const heard = (): void => {
    for (const one of waiting) if (one.of().includes(one.text)) one.resolve()
  }
  child.stdout.on('data', (chunk) => {
    out += String(chunk)
    heard()
  })
  child.stderr.on('data', (chunk) => {
    err += String(chunk)
    heard()
  })
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) =>
      resolve({ code: code ?? -1, out, err: signal ? `${err}${signal}` : err }),
    )
  })
  const seen = (text: string, of: () => string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (of().includes(text)) return resolve()
      waiting.push({ text, of, resolve })
      void ended.then((ran) => reject(new Error(`ended before it said "${text}": ${ran.err}`)))
    })
  return {
    pid: child.pid as number,
    kill: (signal) => void child.kill(signal),
    said: (text) => seen(text, () => err),
    printed: (text) => seen(text, () => out),
    // eslint-disable-next-line unicorn/no-thenable -- a child is awaited for what it ran to
    then: (fine, wrong) => ended.then(fine, wrong),
  }
}

/** Runs the program and answers which modules it loaded, as URLs. */
export async function modulesLoadedBy(
  argv: readonly string[],
  place: RunPlace & { readonly scratch: string },
): Promise<Ran & { readonly modules: readonly string[] }> {
  const list = join(place.scratch, `loaded-${argv.join('-').replace(/\W+/g, '-')}.txt`)
  writeFileSync(list, '')
  const hook = `import { appendFileSync } from 'node:fs'
    export async function load(url, context, next) {
      appendFileSync(${JSON.stringify(list)}, url + '\\n')
      return next(url, context)
    }`
  const register = `import { register } from 'node:module'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}))`
  const ran = await provChild(argv, {
    ...place,
    node: ['--import', `data:text/javascript,${encodeURIComponent(register)}`],
  })
  const modules = readFileSync(list, 'utf8').split('\n').filter(Boolean)
  return { ...ran, modules }
}

/** Where this repository's modules live, as the program sees them. */
export const distUrl = `file://${fileURLToPath(new URL('../../', import.meta.url))}`
