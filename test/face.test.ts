/**
 * The public names, exactly: adding, removing or renaming one is a visible line in a diff. Values are
 * what the built package really exports; types are read from the two faces' sources. After a change
 * on purpose, `node dist/test/face.test.js --print` prints the lists.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as face from 'prov'
import * as testing from 'prov/testing'
import { faceTypes, faceValues, testingTypes, testingValues } from './face.names.ts'
import { repoRoot } from './support/root.ts'

function typesOf(file: string): string[] {
  const text = readFileSync(join(repoRoot, file), 'utf8')
  const names: string[] = []
  for (const [, only, list] of text.matchAll(/export (type )?\{([^}]*)\}/g)) {
    for (const raw of (list ?? '').split(',')) {
      const name = raw.trim()
      if (name === '') continue
      if (only !== undefined) names.push(name)
      else if (name.startsWith('type ')) names.push(name.slice(5))
    }
  }
  return names.map((name) => name.replace(/^.* as /, '')).sort()
}

const now = {
  faceValues: Object.keys(face).sort(),
  faceTypes: typesOf('core/index.ts'),
  testingValues: Object.keys(testing).sort(),
  testingTypes: typesOf('core/testing.ts'),
}

if (process.argv.includes('--print')) {
  for (const [name, list] of Object.entries(now)) {
    process.stdout.write(`\nexport const ${name} = ${JSON.stringify(list, null, 2)}\n`)
  }
}

t.test('prov exports exactly the values written down', async (t) => {
  t.same(now.faceValues, faceValues)
})

t.test('prov exports exactly the types written down', async (t) => {
  t.same(now.faceTypes, faceTypes)
})

t.test('prov/testing exports exactly the values written down', async (t) => {
  t.same(now.testingValues, testingValues)
})

t.test('prov/testing exports exactly the types written down', async (t) => {
  t.same(now.testingTypes, testingTypes)
})

t.test('nothing is exported by default, and no name is exported twice', async (t) => {
  t.notOk('default' in face)
  t.notOk('default' in testing)
  const all = [...now.faceValues, ...now.faceTypes]
  t.same(
    all.filter((name, at) => all.indexOf(name) !== at),
    [],
  )
})
