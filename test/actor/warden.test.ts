/** What survives `kill -9`: how often a message failed, why, and the promise of a replay. */
import t from 'tap'
import { readJournal } from '../../core/journal/reader.ts'
import { openLedger } from '../../core/actor/restore.ts'
import { runChild } from '../support/child.ts'
import { tempDir } from '../support/place.ts'

t.test(
  'a poison message is counted across killed processes, and replayed across them',
  async (t) => {
    const dir = await tempDir(t)
    const live = async (mode: string, ...starts: string[]) => {
      const child = runChild('poisoned', [dir, mode])
      const lines: string[] = []
      for (const start of starts) lines.push(await child.line(start))
      await child.kill()
      return lines
    }
    const kept = async () => {
      const journal = await readJournal({ dir })
      const ledger = await openLedger(journal, 'kernel')
      await journal.close()
      return ledger
    }
    t.same(await live('fail', 'failed'), ['failed 1 restart'])
    t.same(await live('fail', 'failed'), ['failed 2 restart'])
    t.match((await kept()).stored.get('k.target/t')?.trouble?.tries, { 'k.sender/s:2:0': 2 })
    t.same(await live('fail', 'failed'), ['failed 3 restart'])
    const { letters, outbox, stored } = await kept()
    t.match(letters.rows, [
      { id: 1, reason: 'poison', from: 'k.sender/s', body: { type: 'hit', n: 7 } },
    ])
    t.equal(outbox.size, 0, 'what it stood for does not come again')
    t.equal(stored.get('k.target/t')?.trouble?.tries, undefined)
    t.same(await live('replay', 'replayed'), ['replayed'])
    const replayed = await kept()
    t.same(replayed.letters.rows, [])
    const waiting = Array.from(replayed.outbox.values(), ({ id }) => id)
    t.same(waiting, ['letter/1:1:0'], 'it waits for its receiver')
    const expected = ['hits 1 letters 0', 'crashes 1 2 3']
    t.same(await live('mended', 'hits', 'crashes'), expected)
    t.same(await live('mended', 'hits', 'crashes'), expected, 'it was handled once')
  },
)
