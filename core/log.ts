/**
 * Lines for people about what goes on: one sink, many names. Where they go is the face's business:
 * the command line sends warnings to stderr, a script may hand in its own.
 *
 * @module
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Secrets never go in. `detail` is plain data. */
export interface Log {
  debug(text: string, detail?: object): void
  info(text: string, detail?: object): void
  warn(text: string, detail?: object): void
  error(text: string, detail?: object): void
}

export interface LogLine {
  readonly level: LogLevel
  /** Who says it: a plugin, `runtime`. */
  readonly from: string
  readonly text: string
  readonly detail?: object
}

export type LogSink = (line: LogLine) => void

/** A log that speaks under a name. A sink that throws is no reason to fail: the line is lost. */
export function logFor(from: string, sink: LogSink): Log {
  const at = (level: LogLevel) => (text: string, detail?: object) => {
    try {
      sink({ level, from, text, ...(detail && { detail }) })
    } catch {
      // Nothing may fail because nobody could listen.
    }
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Warnings and errors as one line each on stderr. */
export const stderrSink: LogSink = ({ level, from, text, detail }) => {
  if (level !== 'warn' && level !== 'error') return
  process.stderr.write(`${level} ${from}: ${text}${detail ? ` ${JSON.stringify(detail)}` : ''}\n`)
}
