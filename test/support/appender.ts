/**
 * A process that appends to the journal in argv[2] until it is killed. Lines on stdout:
 * `open <epoch> <position>` once it may write, `acked <first> <n>` for each append that resolved,
 * `refused <code>` when it may not.
 *
 * argv[3]: how many writers append at the same time; 0 only holds the journal.
 */
import { ProvError } from '../../core/errors.ts'
import { openJournal } from '../../core/journal/file.ts'

const [, , dir = '', writers = '1'] = process.argv
/** Pipes are written synchronously by Node on Linux; a full pipe waits instead of failing. */
const say = (line: string): void => void process.stdout.write(`${line}\n`)
try {
  const journal = await openJournal({ dir, segmentBytes: 200_000 })
  const { position } = await journal.head()
  say(`open ${journal.epoch} ${position}`)
  const hold = setInterval(() => {}, 60_000)
  process.stdin.on('end', () => void journal.close().then(() => clearInterval(hold)))
  process.stdin.resume()
  const write = async (writer: number): Promise<void> => {
    for (let n = 1; ; n++) {
      // Two records in one frame: after any crash both are there, or none.
      const first = await journal.append([
        { partition: 'a', type: 'half', body: { writer, n, filler: 'x'.repeat(n % 700) } },
        { partition: 'b', type: 'half', body: { writer, n } },
      ])
      say(`acked ${first} ${n}`)
    }
  }
  await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)))
} catch (thrown) {
  say(`refused ${ProvError.is(thrown) ? thrown.code : String(thrown)}`)
  process.exit(1)
}
