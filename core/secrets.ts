/**
 * Secrets stay out of what is signed: a body stands in journal and ledger for ever. So a parameter
 * whose name says secret must name where the secret lies, and content that is shown for review has
 * what looks like one covered.
 *
 * Heuristics by name and by well-known shapes: they catch mistakes, not malice.
 *
 * @module
 */
import type { JsonObject, JsonValue } from './json.ts'

const secretName =
  /(?:^|[_.-])(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|nkey|seed)(?:$|[_.-])/i

/** `secret:db/password`, `env:DB_PASSWORD`, `file:/run/secrets/db`: a place, not a value. */
const reference = /^[a-z][a-z0-9+-]{1,31}:\S+$/

/** True for `DB_PASSWORD`, `apiKey`, `auth.token`: what a name of that kind holds is not shown. */
export function namesSecret(name: string): boolean {
  return secretName.test(apart(name))
}

/** Spelt apart, so that `dbPassword` is seen like `db_password`. */
const apart = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')

/** Path of the first parameter that holds a secret itself, such as `db.password`. */
export function secretParam(params: JsonObject | undefined, under = ''): string | undefined {
  for (const [name, value] of Object.entries(params ?? {})) {
    const path = under === '' ? name : `${under}.${name}`
    const inner = secretIn(name, value, path)
    if (inner !== undefined) return inner
  }
  return undefined
}

function secretIn(name: string, value: JsonValue | undefined, path: string): string | undefined {
  if (typeof value === 'string') {
    const isPlain = value !== '' && !reference.test(value)
    if (isPlain && namesSecret(name)) return path
    return privateKey.test(value) ? path : undefined
  }
  if (Array.isArray(value)) {
    for (const [at, item] of (value as readonly JsonValue[]).entries()) {
      const inner = secretIn(name, item, `${path}[${at}]`)
      if (inner !== undefined) return inner
    }
    return undefined
  }
  if (typeof value === 'object' && value !== null) return secretParam(value as JsonObject, path)
  return undefined
}

const privateKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/

const shapes: readonly (readonly [RegExp, string])[] = [
  // NAME_TOKEN=…, "password": "…"; variables and references stay readable.
  [
    /((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|seed)["']?\s*[:=]\s*["']?)(?![$<"'\s])[^\s"']+/gi,
    '$1(secret)',
  ],
  [
    /(--[a-z-]*(?:password|passphrase|secret|token|api-key|access-key)(?:\s+|=)["']?)(?![$<"'\s-])[^\s"']+/gi,
    '$1(secret)',
  ],
  [/(:\/\/[^\s:/@]+:)[^\s/@$]+(@)/g, '$1(secret)$2'],
  [/\b(?:ghp|gho|glpat|xox[abp]|sk|AKIA)[-_A-Za-z0-9]{16,}\b/g, '(secret)'],
  [/\bS[UAONCX][A-Z2-7]{56}\b/g, '(secret)'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '(secret)'],
]

/** Text with what looks like a secret replaced by `(secret)`. */
export function maskSecrets(text: string): string {
  return shapes.reduce((masked, [shape, cover]) => masked.replaceAll(shape, cover), text)
}
