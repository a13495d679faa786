/**
 * The walls of the house: who may import whom. A failure names the file, the import and what that
 * room is allowed, so that the mend is clear without reading this file.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import t from 'tap'
import { repoRoot } from './support/root.ts'

const rooms = ['core', 'plugins', 'machines', 'policies', 'extensions', 'bench', 'test'] as const

/** What the user gave as the top level, and what tools force. */
const topLevel = [
  ...rooms,
  'package.json',
  'tsconfig.json',
  'README.md',
  'package-lock.json',
  '.gitignore',
  '.ci',
  'LICENSE',
]

interface Import {
  readonly file: string
  readonly from: string
  readonly typeOnly: boolean
}

function sources(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return name === 'node_modules' ? [] : sources(path)
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : []
  })
}

/** Comments and template texts out, so that an example in a docstring is no import. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')

function importsOf(file: string): Import[] {
  const text = withoutComments(readFileSync(file, 'utf8'))
  const found: Import[] = []
  const statement = /^\s*(import|export)\s+(type\s+)?([\s\S]*?)\sfrom\s+['"]([^'"]+)['"]/gm
  for (const [, , type, names, from] of text.matchAll(statement)) {
    const named = (names ?? '').trim()
    const inner = /^\{([\s\S]*)\}$/.exec(named)
    const allTypes =
      inner !== null &&
      (inner[1] ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
        .every((name) => name.startsWith('type '))
    found.push({ file, from: from ?? '', typeOnly: type !== undefined || allTypes })
  }
  for (const [, from] of text.matchAll(/^\s*import\s+['"]([^'"]+)['"]/gm)) {
    found.push({ file, from: from ?? '', typeOnly: false })
  }
  for (const [, from] of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ file, from: from ?? '', typeOnly: false })
  }
  return found
}

type Kind = 'own' | 'face' | 'node' | 'npm' | (typeof rooms)[number] | 'outside'

function kindOf(one: Import): Kind {
  const [room, part] = relative(repoRoot, one.file).split(sep) as [string, string]
  if (one.from === 'prov' || one.from.startsWith('prov/')) return 'face'
  if (one.from.startsWith('node:') || builtinModules.includes(one.from)) return 'node'
  if (!one.from.startsWith('.')) return 'npm'
  const target = resolve(dirname(one.file), one.from)
  const [targetRoom, targetPart] = relative(repoRoot, target).split(sep) as [string, string]
  if (!(rooms as readonly string[]).includes(targetRoom)) return 'outside'
  if (targetRoom !== room) return targetRoom as Kind
  const divided = room === 'plugins' || room === 'extensions'
  return divided && part !== targetPart ? (targetRoom as Kind) : 'own'
}

const allowed: Readonly<
  Record<string, { readonly text: string; readonly may: (kind: Kind, one: Import) => boolean }>
> = {
  policies: {
    text: "own room, types from 'prov'",
    may: (kind, one) => kind === 'own' || (kind === 'face' && one.typeOnly),
  },
  machines: {
    text: "own room, policies, xstate, types from 'prov'",
    may: (kind, one) =>
      kind === 'own' ||
      kind === 'policies' ||
      (kind === 'npm' && (one.from === 'xstate' || one.from === 'xstate/graph')) ||
      (kind === 'face' && one.typeOnly),
  },
  core: {
    text: 'own room, node, npm',
    may: (kind) => kind === 'own' || kind === 'node' || kind === 'npm',
  },
  plugins: {
    text: "own folder, 'prov', policies, machines, node, npm",
    may: (kind) => ['own', 'face', 'policies', 'machines', 'node', 'npm'].includes(kind),
  },
  extensions: {
    text: "own folder, 'prov', policies, machines, node, npm",
    may: (kind) => ['own', 'face', 'policies', 'machines', 'node', 'npm'].includes(kind),
  },
}

/** Packages that one place alone may load: everything else goes through that place. */
const lazyEdges: Readonly<Record<string, readonly string[]>> = {
  nats: ['core/bus/nats.ts', 'core/bus/nats/'],
  jose: ['core/protocol/tokens.ts'],
  tweetnacl: ['core/protocol/keys.ts', 'core/protocol/seal.ts'],
  'isomorphic-git': ['plugins/mirror/'],
  yargs: ['core/cli/'],
  'fast-glob': ['core/config/', 'core/plugin/'],
  ssh2: ['extensions/provider-local/', 'plugins/orchestrator/', 'core/protocol/provider-kit.ts'],
  yaml: ['core/nickel/'],
  'smol-toml': ['core/nickel/'],
}

t.test('every import stays inside the walls', async (t) => {
  const broken: string[] = []
  for (const [room, rule] of Object.entries(allowed)) {
    for (const file of sources(join(repoRoot, room))) {
      for (const one of importsOf(file)) {
        if (!rule.may(kindOf(one), one)) {
          broken.push(
            `${relative(repoRoot, file)} imports "${one.from}"; ${room} may import: ${rule.text}`,
          )
        }
      }
    }
  }
  t.same(broken, [])
})

t.test('core/nickel imports nothing of the house', async (t) => {
  const broken = sources(join(repoRoot, 'core/nickel'))
    .flatMap(importsOf)
    .filter((one) => one.from.startsWith('.'))
    .filter(
      (one) =>
        !resolve(dirname(one.file), one.from).startsWith(join(repoRoot, 'core/nickel') + sep),
    )
    .map((one) => `${relative(repoRoot, one.file)} imports "${one.from}"`)
  t.same(broken, [])
})

t.test('heavy packages are loaded at one edge each', async (t) => {
  const broken = ['core', 'machines', 'policies', 'plugins', 'extensions']
    .flatMap((room) => sources(join(repoRoot, room)))
    .flatMap(importsOf)
    .filter((one) => !one.typeOnly)
    .filter((one) => {
      const edges = lazyEdges[one.from]
      const place = relative(repoRoot, one.file)
      return edges !== undefined && !edges.some((edge) => place.startsWith(edge))
    })
    .map(
      (one) =>
        `${relative(repoRoot, one.file)} imports "${one.from}"; its edge is ${lazyEdges[one.from]?.join(', ')}`,
    )
  t.same(broken, [])
})

t.test('core names no domain noun outside core/protocol', async (t) => {
  const broken: string[] = []
  for (const file of sources(join(repoRoot, 'core'))) {
    const place = relative(repoRoot, file)
    if (
      place.startsWith('core/protocol/') ||
      place === 'core/index.ts' ||
      place === 'core/testing.ts'
    )
      continue
    const text = withoutComments(readFileSync(file, 'utf8'))
    for (const noun of text.match(/\b(dimension|membrane|lease)s?\b/gi) ?? [])
      broken.push(`${place}: ${noun}`)
  }
  t.same(broken, [])
})

t.test('imports carry .ts, and default exports belong to plugins', async (t) => {
  const broken: string[] = []
  for (const room of rooms) {
    for (const file of sources(join(repoRoot, room))) {
      const place = relative(repoRoot, file)
      for (const one of importsOf(file)) {
        if (one.from.startsWith('.') && !/\.(ts|json)$/.test(one.from))
          broken.push(`${place} imports "${one.from}"`)
      }
      const isPlugin = /^(plugins|extensions)\/[^/]+\/index\.ts$/.test(place)
      const mayDefault =
        isPlugin || /^test\/(fixtures|samples)\//.test(place) || place.endsWith('.bench.ts')
      if (/^export default/m.test(readFileSync(file, 'utf8')) && !mayDefault)
        broken.push(`${place} exports by default`)
    }
  }
  t.same(broken, [])
})

t.test(
  'no utils, helpers, common, types, manager or impl: a file is an idea with a name',
  async (t) => {
    const broken = rooms
      .flatMap((room) => sources(join(repoRoot, room)))
      .map((file) => relative(repoRoot, file))
      .filter((place) => /(^|\/)(utils?|helpers?|common|types|manager|impl)(\.ts$|\/)/.test(place))
    t.same(broken, [])
  },
)

t.test('the top level is exactly what the house plan says', async (t) => {
  const ignored = new Set(['node_modules', 'dist', '.tap', '.git', '.prov'])
  const extra = readdirSync(repoRoot).filter(
    (name) => !ignored.has(name) && !topLevel.includes(name),
  )
  t.same(extra, [])
})

t.test('every room tells what it is on one page', async (t) => {
  const missing = rooms.filter((room) => !existsSync(join(repoRoot, room, 'README.md')))
  t.same(missing, [])
})
