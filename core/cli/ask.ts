/**
 * Asking a person on the terminal. The question goes to stderr, so that stdout stays data; a secret
 * is not echoed. Without a terminal nobody is asked: the answer is undefined, never a hang.
 *
 * @module
 */
import type { Streams } from './output.ts'

export interface AskOptions {
  readonly secret?: boolean
  readonly streams: Streams
  readonly signal: AbortSignal
}

export async function askPerson(
  question: string,
  options: AskOptions,
): Promise<string | undefined> {
  if (!process.stdin.isTTY || !options.streams.err.isTTY) return undefined
  const [{ createInterface }, { Writable }] = await Promise.all([
    import('node:readline'),
    import('node:stream'),
  ])
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  options.streams.err.write(question)
  const lines = createInterface({
    input: process.stdin,
    output: options.secret ? silent : process.stderr,
    terminal: true,
  })
  return new Promise((resolve) => {
    const end = (answer: string | undefined) => {
      options.signal.removeEventListener('abort', abort)
      lines.close()
      if (options.secret) options.streams.err.write('\n')
      resolve(answer)
    }
    const abort = () => end(undefined)
    options.signal.addEventListener('abort', abort, { once: true })
    lines.once('line', (line) => end(line))
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    lines.once('close', () => resolve(undefined))
  })
}
