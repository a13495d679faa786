/**
 * Runs every case of test/fixtures/nickel/conformance.
 *
 * A case begins with `### title => outcome`; the outcome is JSON, or `error` and a kind. The
 * expectations were checked against the reference binary of Nickel 1.18; kinds are ours.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { evaluate, exportJson, NickelError } from '../../core/nickel/index.ts'

const root = path.resolve(import.meta.dirname, '../../..')
const folder = path.join(root, 'test/fixtures/nickel/conformance')

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.ncl')) continue
  t.test(file.replace('.ncl', ''), async (t) => {
    const text = readFileSync(path.join(folder, file), 'utf8')
    const cases = text.split(/^### /m).slice(1)
    t.ok(cases.length > 0, 'the file holds cases')
    for (const each of cases) {
      const [head = '', ...body] = each.split('\n')
      const at = head.lastIndexOf(' => ')
      const title = head.slice(0, at)
      const wanted = head.slice(at + 4).trim()
      t.same(
        outcome(body.join('\n'), file),
        wanted.startsWith('error ') ? wanted : JSON.parse(wanted),
        title,
      )
    }
  })
}

function outcome(source: string, file: string): unknown {
  try {
    return exportJson(evaluate({ source, name: path.join(folder, file) }))
  } catch (error) {
    if (error instanceof NickelError) return `error ${error.kind}`
    throw error
  }
}
