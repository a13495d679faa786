#!/usr/bin/env node
/**
 * The program `prov`: the real process around one command line. Ends by `process.exit` after both
 * streams were flushed, so a forgotten handle cannot keep a finished command alive, and a closed
 * pipe (`prov state | head`) is a clean end.
 *
 * @module
 */
import * as nodeModule from 'node:module'
import { asProvError, exitCodes } from '../errors.ts'
import { runCommandLine } from './cli.ts'
import { coloursWanted, errorText, makePaint } from './output.ts'

// Node 22 keeps compiled code between runs; on Node 20 there is nothing to switch on.
const cache = nodeModule as unknown as { enableCompileCache?: () => void }
cache.enableCompileCache?.()

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}

// A promise that a guest forgot may fail at any time: it is told and counts as our failure, but
// what runs goes on. After an exception that nobody caught nothing can be relied on any more; the
// journal is made for that.
let forgotten = 0
const tell = (thrown: unknown) => {
  const paint = makePaint({ colours: coloursWanted(process.stderr, process.env, undefined) })
  process.stderr.write(errorText(asProvError(thrown), 'text', paint))
}
process.on('unhandledRejection', (thrown) => {
  forgotten++
  tell(thrown)
})
process.on('uncaughtException', (thrown) => {
  tell(thrown)
  process.exit(exitCodes.crash)
})

const code = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  streams: { out: process.stdout, err: process.stderr },
  signals: process,
})
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => stream.write('', () => resolve()))
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(code === 0 && forgotten > 0 ? exitCodes.crash : code)
