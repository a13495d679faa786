import t from 'tap'
import { globCovers, imageGlobCovers } from '../../policies/cover.ts'
import { compileGlob, compileImageGlob, imageParts } from '../../policies/glob.ts'

/** Small seeded numbers, so that a failure can be run again. */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return Math.floor((state / 2_147_483_648) * below)
  }
}

const word = (next: (below: number) => number, letters: string, longest: number) =>
  Array.from({ length: next(longest + 1) }, () => letters[next(letters.length)]).join('')

/** The same meaning as a regular expression, for short texts only. */
const oracle = (pattern: string, separator: string) =>
  new RegExp(
    `^${pattern
      .replaceAll(/\*\*+/g, '\u0001')
      .replaceAll('*', '\u0002')
      .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
      .replaceAll('\u0001', '.*')
      .replaceAll('\u0002', `[^${separator === '.' ? '\\.' : separator}]*`)}$`,
    's',
  )

t.test('a star stays in its segment, two stars cross, everything else is itself', async (t) => {
  const takes = (pattern: string, text: string, separator = '/') =>
    compileGlob(pattern, separator).matches(text)
  t.ok(takes('staging-*', 'staging-eu'))
  t.ok(takes('staging-*', 'staging-'))
  t.notOk(takes('staging-*', 'staging-eu/api'))
  t.notOk(takes('staging-*', 'prod-eu'))
  t.ok(takes('prod/**', 'prod/eu/api'))
  t.notOk(takes('prod/**', 'prod'))
  t.ok(takes('**/api', 'prod/eu/api'))
  t.ok(takes('*/api', 'prod/api'))
  t.notOk(takes('*/api', 'prod/eu/api'))
  t.notOk(takes('deploy.*', 'deploy', '.'))
  t.ok(takes('deploy*', 'deploy', '.'))
  t.notOk(takes('deploy*', 'deploy.canary', '.'))
  t.notOk(takes('a?c', 'abc'))
  t.ok(takes('a?c', 'a?c'))
  t.notOk(takes('a.c', 'abc'))
  t.notOk(takes('', 'a'))
})

t.test('only the pattern * takes a value that is not there', async (t) => {
  t.ok(compileGlob('*', '/').matches(undefined))
  t.ok(compileGlob('*', '/').matches('any/thing:at.all'))
  for (const pattern of ['**', 'a*', '*a', '']) {
    t.notOk(compileGlob(pattern, '/').matches(undefined), pattern)
  }
})

t.test('matching agrees with a regular expression on 20,000 random pairs', async (t) => {
  const next = numbers(7)
  const wrong: string[] = []
  for (let round = 0; round < 20_000; round++) {
    const pattern = word(next, 'ab/**', 8)
    if (pattern === '*') continue
    const text = word(next, 'ab/', 8)
    if (compileGlob(pattern, '/').matches(text) !== oracle(pattern, '/').test(text)) {
      wrong.push(`${pattern} on ${text}`)
    }
  }
  t.same(wrong, [])
})

t.test('a pattern made to hang a matcher does not', async (t) => {
  const glob = compileGlob('*a'.repeat(200), '/')
  // Backtracking would need centuries, so there is nothing to time.
  t.notOk(glob.matches(`${'a'.repeat(5_000)}b`))
})

t.test('an image pattern without tag takes any tag, one with a tag asks for it', async (t) => {
  const takes = (pattern: string, image: string) => compileImageGlob(pattern).matches(image)
  t.same(imageParts('registry:5000/team/app:1.2@sha256:ab'), {
    name: 'registry:5000/team/app',
    tag: '1.2',
    digest: 'sha256:ab',
  })
  t.same(imageParts('registry:5000/app'), { name: 'registry:5000/app' })
  t.ok(takes('ghcr.io/acme/*', 'ghcr.io/acme/app:1.2'))
  t.ok(takes('ghcr.io/acme/*', 'ghcr.io/acme/app@sha256:ab'))
  t.notOk(takes('ghcr.io/acme/*', 'ghcr.io/acme/team/app:1.2'))
  t.notOk(takes('ghcr.io/acme/*', 'ghcr.io/evil/app:acme/x'))
  t.ok(takes('ghcr.io/acme/app:1.*', 'ghcr.io/acme/app:1.2'))
  t.notOk(takes('ghcr.io/acme/app:1.*', 'ghcr.io/acme/app:2.0'))
  t.notOk(takes('ghcr.io/acme/app:*', 'ghcr.io/acme/app'))
  t.ok(takes('app@sha256:ab*', 'app:1@sha256:abc'))
  t.notOk(takes('app@sha256:ab*', 'app:1'))
  t.ok(takes('*', 'anything/at:all'))
  t.notOk(compileImageGlob('**').matches(undefined))
})

t.test('covering agrees with trying every short text', async (t) => {
  const texts: string[] = ['']
  for (let at = 0; at < texts.length && (texts[at] as string).length < 5; at++) {
    for (const letter of 'ab/') texts.push((texts[at] as string) + letter)
  }
  const next = numbers(11)
  const wrong: string[] = []
  for (let round = 0; round < 1_500; round++) {
    const wide = [word(next, 'ab/**', 4), word(next, 'a/**', 3)]
    const narrow = word(next, 'ab/**', 4)
    if (wide.includes('*') || narrow === '*') continue
    const takes = (pattern: string, text: string) => oracle(pattern, '/').test(text)
    const counterexample = texts.find(
      (text) => takes(narrow, text) && !wide.some((pattern) => takes(pattern, text)),
    )
    const covered = globCovers(wide, narrow, '/')
    if (covered === true && counterexample !== undefined) {
      wrong.push(`${wide.join(' | ')} does not cover ${narrow}: ${counterexample}`)
    }
    if (covered === false && counterexample === undefined && !narrow.includes('*')) {
      wrong.push(`${wide.join(' | ')} covers ${narrow}`)
    }
  }
  t.same(wrong, [])
  t.equal(globCovers(['*'], '**', '/'), true)
  t.equal(globCovers(['**'], '*', '/'), false, 'a missing value is taken by * alone')
  t.equal(globCovers(['prod/**'], 'prod/*/api', '/'), true)
  t.equal(globCovers(['prod/*'], 'prod/**', '/'), false)
  t.equal(globCovers(['a*', 'b*'], 'c*', '/'), false)
})

t.test('a covering image pattern covers name, tag and digest together', async (t) => {
  t.equal(imageGlobCovers(['ghcr.io/acme/*'], 'ghcr.io/acme/app:1'), true)
  t.equal(imageGlobCovers(['ghcr.io/acme/app:1.*'], 'ghcr.io/acme/app'), false)
  t.equal(imageGlobCovers(['ghcr.io/acme/app:*'], 'ghcr.io/acme/app:1.2'), true)
  t.equal(imageGlobCovers(['*:1'], 'a/b:1'), false)
})
