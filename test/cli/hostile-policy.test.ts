/**
 * Whatever lies where the policy should: `prov policy lint` and `prov validate-keeper-policy` answer with a
 * code, the place, a remedy and the exit code, as text and as JSON, and never with a stack.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { provHere } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'

const file = 'keeper_policy.ncl'
const invalid = 'PROV_POLICY_INVALID'
const computes = 'PROV_POLICY_NOT_DECLARATIVE'
/** A policy whose first rule to sign is this text; the rule begins at 1:28. */
const rule = (text: string): string => `{ policy = { auto_sign = [ ${text} ] } }`
const manual = (quorum: string): string =>
  `{ policy = { require_manual = [ { op_type = "a", quorum = ${quorum} } ] } }`
const deep = (open: string, close: string, times: number): string =>
  `{ policy = ${open.repeat(times)}1${close.repeat(times)} }`

interface Row {
  readonly text: string | Uint8Array
  readonly code: string
  /** Line and column; any line where it is left open. */
  readonly at?: string
  readonly says: RegExp
}

const rows: Readonly<Record<string, Row>> = {
  nothing: { text: '', code: invalid, at: '1:1', says: /end of the file/ },
  binary: { text: Uint8Array.of(0, 255, 254, 10, 27), code: invalid, at: '1:1', says: /U\+0000/ },
  'a mark of byte order': {
    text: '\ufeff{ policy = {} }',
    code: invalid,
    at: '1:1',
    says: /U\+FEFF/,
  },
  'half a file': { text: '{ policy = {', code: invalid, at: '1:13', says: /end of the file/ },
  'a list': { text: '[1, 2]', code: invalid, at: '1:1', says: /policy: not a record/ },
  'no policy': { text: '{ rules = 1 }', code: invalid, at: '1:3', says: /rules: no such field/ },
  'more than a policy': {
    text: '{\n  policy = {},\n  other = 2,\n}',
    code: invalid,
    at: '3:3',
    says: /other: no such field; the file says `policy` and nothing else/,
  },
  'a field unknown': {
    text: '{\r\n  policy = {\r\n    versoin = 1 }}',
    code: invalid,
    at: '3:5',
    says: /did you mean version/,
  },
  'a rule with a field unknown': {
    text: rule('{ op_typ = "a" }'),
    code: invalid,
    at: '1:30',
    says: /auto_sign\[0\]\.op_typ: no such field/,
  },
  'a field that would colour': {
    text: '{ policy = { "\\u{1b}[31mx" = 1 } }',
    code: invalid,
    says: /policy\."\\u001b\[31mx": no such field/,
  },
  'a name that would colour': {
    text: rule('{ op_type = "a", id = "\\u{1b}[31mx" }'),
    code: invalid,
    at: '1:45',
    says: /id: not a name/,
  },
  'members of every object': {
    text: rule('{ "__proto__" = { op_type = "*" }, constructor = 1 }'),
    code: invalid,
    says: /__proto__: no such field[^]*constructor: no such field/,
  },
  'wrong types': {
    text: rule('{ id = 5, op_type = [], actors = 3, windows = {}, destructive = "yes" }'),
    code: invalid,
    at: '1:30',
    says: /id: not a name[^]*op_type: not a pattern[^]*destructive: not true[^]*windows: not a list/,
  },
  'rules that are none': {
    text: rule("null, true, 'x, 5"),
    code: invalid,
    at: '1:28',
    says: /\[0\]: not a record[^]*\[3\]: not a record/,
  },
  'a rule for everything': {
    text: rule('{}'),
    code: invalid,
    at: '1:28',
    says: /matches_everything/,
  },
  'another version': {
    text: '{ policy = { version = 1.5 } }',
    code: invalid,
    at: '1:14',
    says: /version 1\.5/,
  },
  'a number beyond numbers': {
    text: '{ policy = { version = 1e400 } }',
    code: invalid,
    at: '1:24',
    says: /exported/,
  },
  'a division by zero': {
    text: '{ policy = { version = 0 / 0 } }',
    code: invalid,
    at: '1:28',
    says: /zero/,
  },
  'people by the fraction': {
    text: manual('{ at_least = 1.5 }'),
    code: invalid,
    at: '1:61',
    says: /at_least: not a whole number/,
  },
  'needs in needs': {
    text: manual(`${'{ all = ['.repeat(40)}{ at_least = 1 }${'] }'.repeat(40)}`),
    code: invalid,
    says: /needs in needs, more than 16 deep/,
  },
  'more seats than people': {
    text: manual('{ distinct = [{ at_least = 60 }, { at_least = 60 }] }'),
    code: invalid,
    at: '1:61',
    says: /more than 100 people in all/,
  },
  'no zone': {
    text: rule('{ op_type = "a", windows = [{ zone = "Mars/Olympus" }] }'),
    code: invalid,
    at: '1:58',
    says: /"Mars\/Olympus" is not an IANA time zone/,
  },
  'an empty pattern': {
    text: rule('{ op_type = "a", target_patterns = ["***", ""] }'),
    code: invalid,
    at: '1:71',
    says: /target_patterns\[1\]: not a pattern/,
  },
  'a long pattern': {
    text: rule(`{ op_type = "${'a*'.repeat(300)}" }`),
    code: invalid,
    at: '1:30',
    says: /longer than 512/,
  },
  'values in a circle': {
    text: '{ policy = { version = x, x = version } }',
    code: invalid,
    at: '1:31',
    says: /infinite recursion/,
  },
  'an import of itself': { text: `import "${file}"`, code: computes, at: '1:1', says: /import/ },
  'a file of this machine': {
    text: '{ policy = import "/etc/passwd" }',
    code: computes,
    at: '1:12',
    says: /import/,
  },
  'a function': { text: '{ policy = fun x => x }', code: computes, at: '1:12', says: /function/ },
  'a function in a list': {
    text: rule('{ op_type = "a", target_patterns = ["b", fun x => x] }'),
    code: computes,
    at: '1:69',
    says: /function/,
  },
  'a function that is called': {
    text: manual('{ at_least = (fun x => x) 1 }'),
    code: computes,
    at: '1:73',
    says: /function/,
  },
  'a function in a contract': {
    text: '{ policy | { version | (fun l v => v) } = {} }',
    code: computes,
    at: '1:25',
    says: /function/,
  },
  'a function as a default': {
    text: 'let C = { version | default = (fun x => x) 1 } in { policy | C = {} }',
    code: computes,
    at: '1:32',
    says: /function/,
  },
  'a function that nobody uses': {
    text: '{ policy = let f = fun x => x in {} }',
    code: computes,
    at: '1:20',
    says: /function/,
  },
  'a function of the language': {
    text: '{ policy = { deny = std.array.map } }',
    code: invalid,
    at: '1:21',
    says: /exported/,
  },
  'lists in lists': { text: deep('[', ']', 50_000), code: invalid, says: /nested too deeply/ },
  'records in records': {
    text: deep('{a=', '}', 40_000),
    code: invalid,
    says: /nested too deeply/,
  },
  parentheses: { text: deep('(', ')', 50_000), code: invalid, says: /nested too deeply/ },
  negations: { text: deep('!', '', 100_000), code: invalid, says: /nested too deeply/ },
  'a huge file': {
    text: `{ policy = { deny = "${'x'.repeat(300_000)}" } }`,
    code: invalid,
    says: /at most 262144/,
  },
  'thousands of rules': {
    text: rule('5,'.repeat(5_000)),
    code: invalid,
    at: '1:14',
    says: /more than 1000 rules in all$/m,
  },
  'hundreds of mistakes': {
    text: rule('5,'.repeat(500)),
    code: invalid,
    at: '1:28',
    says: /and 480 more/,
  },
}

interface Lint {
  readonly state: string
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly remedy: string
    readonly place: { readonly file: string; readonly line?: number; readonly column?: number }
  }
}

const ofTerminals = /[\p{Cc}\p{Cf}]/u

function place(t: Parameters<typeof temporaryFolder>[0]) {
  const { dir } = temporaryFolder(t, { 'w/.ontology/x': '' })
  return { at: join(dir, 'w', file), cwd: join(dir, 'w'), env: { PROV_HOME: join(dir, 'home') } }
}

for (const [what, { text, code, at, says }] of Object.entries(rows)) {
  t.test(`${what} instead of a policy`, async (t) => {
    const on = place(t)
    writeFileSync(on.at, text)
    for (const command of [['policy', 'lint'], ['validate-keeper-policy']]) {
      const json = await provHere([...command, '--json'], on)
      t.equal(json.code, 1)
      t.equal(json.err, '')
      const { state, error } = JSON.parse(json.out) as Lint
      t.match({ state, error }, { state: 'broken', error: { code, place: { file: on.at } } })
      const { line, column } = error?.place ?? {}
      if (at !== undefined) t.equal(`${line}:${column}`, at)
      t.match(error?.message, says)
      t.match(error?.remedy, /prov policy lint/)
      const plain = await provHere(command, on)
      t.equal(plain.code, 1)
      t.match(plain.out, says)
      t.match(plain.out, `${on.at}${line === undefined ? '' : `:${line}:${column}`}`)
      t.match(plain.out, code)
      t.notMatch(plain.out + plain.err, /\n +at /, 'no stack')
      t.notMatch((plain.out + plain.err).replaceAll('\n', ''), ofTerminals)
    }
  })
}

t.test('a folder, a dead link, nothing at all', async (t) => {
  const lint = async (make: (at: string) => void) => {
    const on = place(t)
    make(on.at)
    const { code, out } = await provHere(['validate-keeper-policy', '--json'], on)
    const strict = await provHere(['validate-keeper-policy', '--strict'], on)
    return { ...(JSON.parse(out) as Lint), code, strict: strict.code }
  }
  const folder = await lint((at) => mkdirSync(at))
  t.match(folder, { code: 1, strict: 1, state: 'broken', error: { code: invalid } })
  t.match(folder.error?.message, /it is no file/)
  const absent = { code: 0, strict: 3, state: 'absent' }
  t.match(await lint(() => {}), absent, 'everything is held, which is safe; advice under --strict')
  t.match(await lint((at) => symlinkSync('nowhere', at)), absent)
})

t.test('names that come twice are advice', async (t) => {
  const on = place(t)
  const twice = '{ id = "r", op_type = "a", destructive = false }'
  writeFileSync(on.at, `{ policy = { auto_sign = [${twice}], deny = [${twice}] } }`)
  const { code, out } = await provHere(['policy', 'lint', '--strict'], on)
  t.equal(code, 3)
  t.match(out, /named-twice: auto_sign\[0\] \(r\) has the name of deny\[0\] \(r\)/)
})

t.test('validate-ops-contract says what is wrong and which command mends it', async (t) => {
  const asked = async (make: (state: string) => void) => {
    const { cwd, env } = place(t)
    make(join(cwd, '.prov'))
    const [json, text] = await Promise.all(
      [['--json'], []].map((flags) => provHere(['validate-ops-contract', ...flags], { cwd, env })),
    )
    t.notMatch(`${text?.out}${text?.err}`, /\n +at /, 'no stack')
    t.equal(text?.code, json?.code)
    return { code: json?.code, text, said: JSON.parse(json?.out || json?.err || '') as object }
  }
  const fresh = await asked(() => {})
  const rows = [{ check: 'OPS_PENDING_W', good: false, fix: 'prov run' }]
  t.match(fresh, { code: 1, said: { bus: 'embedded', rows } })
  t.match(fresh.text?.out, /BAD +OPS_PENDING_W +does not exist\. Fix: prov run/)
  const noJournal = { code: 64, said: { code: 'PROV_JOURNAL_ABSENT', remedy: /prov setup/ } }
  const inside = (write: (journal: string) => void) => (state: string) => {
    mkdirSync(join(state, 'journal'), { recursive: true })
    write(join(state, 'journal'))
  }
  t.match(await asked(inside(() => {})), noJournal)
  t.match(
    await asked(inside((at) => writeFileSync(join(at, 'x'), Buffer.alloc(5_000, 7)))),
    noJournal,
  )
  const file = (state: string) => {
    mkdirSync(state)
    writeFileSync(join(state, 'journal'), 'x')
  }
  t.match(await asked(file), noJournal)
  const nowhere = await provHere(['validate-ops-contract', '--json'], { cwd: '/', env: {} })
  t.match(
    { ...nowhere, said: JSON.parse(nowhere.err) },
    { code: 64, said: { code: /NO_WORKSPACE/ } },
  )
})
