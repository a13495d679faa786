#!/usr/bin/env node
/**
 * The program `prov`: the real process around one command line. Ends by `process.exit` after both
 * streams were flushed, so a forgotten handle cannot keep a finished command alive, and a closed
 * pipe (`prov state | head`) is a clean end.
 *
 * @module
 */
import * as nodeModule from 'node:module'
import { runCommandLine } from './cli.ts'

// Node 22 keeps compiled code between runs; on Node 20 there is nothing to switch on.
const cache = nodeModule as unknown as { enableCompileCache?: () => void }
cache.enableCompileCache?.()

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}

const code = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  streams: { out: process.stdout, err: process.stderr },
  signals: process,
})
const flushed = (stream: NodeJS.WriteStream) =>
  new Promise<void>((resolve) => stream.write('', () => resolve()))
await Promise.all([flushed(process.stdout), flushed(process.stderr)])
process.exit(code)
