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
  /(?:^|[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?|authorization|nkey|seed)(?:$|[_.-])/i

/** `secret:db/password`, `env:DB_PASSWORD`, `file:/run/secrets/db`: a place, not a value. */
const reference = /^(?:secret|env|file|vault|sops|kms):\S+$/

/** True for `DB_PASSWORD`, `apiKey`, `auth.token`: what a name of that kind holds is not shown. */
export function namesSecret(name: string): boolean {
  return secretName.test(apart(name))
}

/** Spelt apart, so that `dbPassword` is seen like `db_password`. */
const apart = (name: string): string => name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')

/** Path of the first parameter that holds a secret itself, such as `db.password` or `password.value`. */
export function secretParam(params: JsonObject | undefined): string | undefined {
  return params && secretIn(params, '', false)
}

/** Whatever stands below a name that says secret is one, a number too. */
function secretIn(value: JsonValue | undefined, path: string, named: boolean): string | undefined {
  if (typeof value === 'string') {
    if (reference.test(value)) return undefined
    return (named && value !== '') || maskSecrets(value) !== value ? path : undefined
  }
  if (typeof value === 'number') return named ? path : undefined
  if (typeof value !== 'object' || value === null) return undefined
  const parts: readonly (readonly [string, JsonValue | undefined, boolean])[] = Array.isArray(value)
    ? (value as readonly JsonValue[]).map((item, at) => [`${path}[${at}]`, item, named])
    : Object.entries(value).map(([name, item]) => [
        path === '' ? name : `${path}.${name}`,
        item,
        named || namesSecret(name),
      ])
  for (const [at, item, isNamed] of parts) {
    const inner = secretIn(item, at, isNamed)
    if (inner !== undefined) return inner
  }
  return undefined
}

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
  [/\b(Bearer|Basic)\s+[-\w.~+/]{8,}=*/g, '$1 (secret)'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '(secret)'],
]

/** Text with what looks like a secret replaced by `(secret)`. */
export function maskSecrets(text: string): string {
  return shapes.reduce((masked, [shape, cover]) => masked.replaceAll(shape, cover), text)
}
