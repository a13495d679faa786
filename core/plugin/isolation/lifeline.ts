/**
 * A thread beside a plugin in its process: when the pipe from the host ends, the host is gone, and
 * with it goes everything that was started on its behalf, whatever the other thread is at.
 *
 * @module
 */
import { Socket } from 'node:net'
import { endMarked, markName } from './marked.ts'

/** As it was before any plugin came. */
const mark = process.env[markName]

function end(): void {
  if (mark !== undefined) endMarked(mark)
  try {
    process.kill(-process.pid, 'SIGKILL')
  } catch {
    // In a sandbox it leads no group; whatever is in there ends with it.
    process.kill(process.pid, 'SIGKILL')
  }
}

const pipe = new Socket({ fd: 6, readable: true, writable: false })
pipe.on('end', end).on('error', end).resume()
