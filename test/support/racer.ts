/**
 * A process that opens the journal in argv[2] again and again until it did so argv[3] times, each
 * time against whoever else does. What it wrote says who held it in which epoch. Lines on stdout:
 * `held <n> refused <n>` at the end, `odd <code>` for anything but success and PROV_JOURNAL_LOCKED.
 */
import { ProvError } from '../../core/errors.ts'
import { openJournal } from '../../core/journal/file.ts'

const [, , dir = '', rounds = '1'] = process.argv
let held = 0
let refused = 0
while (held < Number(rounds)) {
  try {
    const journal = await openJournal({ dir, segmentBytes: 16_384 })
    const body = { pid: process.pid, epoch: journal.epoch }
    await journal.append([{ partition: 'p', type: 'held', body }])
    await journal.append([{ partition: 'p', type: 'left', body }])
    held++
    await journal.close()
  } catch (thrown) {
    if (ProvError.is(thrown) && thrown.code === 'PROV_JOURNAL_LOCKED') refused++
    else process.stdout.write(`odd ${ProvError.is(thrown) ? thrown.message : String(thrown)}\n`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
process.stdout.write(`held ${held} refused ${refused}\n`)
