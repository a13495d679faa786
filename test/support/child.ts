/**
 * A child that runs a compiled program of this folder, heard line by line.
 *
 * @module
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export interface Child {
  readonly process: ChildProcess
  /** Every line so far. */
  readonly lines: string[]
  /** Resolves with the first line, past or future, that starts so. Rejects when the child ends first. */
  line(start: string): Promise<string>
  /** Resolves once so many lines have come, or the child has ended. */
  atLeast(count: number): Promise<void>
  /** Kills without warning and waits for the end of its output. */
  kill(): Promise<void>
}

export function runChild(program: string, args: readonly string[]): Child {
  const path = fileURLToPath(new URL(`./${program}.js`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  let wake = (): void => {}
  let ended = false
  const reader = createInterface({ input: child.stdout })
  reader.on('line', (line) => {
    lines.push(line)
    wake()
  })
  const closed = once(reader, 'close').then(() => {
    ended = true
    wake()
  })
  const until = async (met: () => boolean): Promise<void> => {
    while (!met() && !ended) await new Promise<void>((resolve) => (wake = resolve))
  }
  return {
    process: child,
    lines,
    async line(start) {
      const find = (): string | undefined => lines.find((line) => line.startsWith(start))
      await until(() => find() !== undefined)
      const found = find()
      if (found === undefined) throw new Error(`ended without "${start}": ${lines.join(' | ')}`)
      return found
    },
    atLeast: (count) => until(() => lines.length >= count),
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
