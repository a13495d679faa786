/**
 * Values of a file as they may be shown: on one line, not longer than one reads, and nothing in them
 * that a terminal would act on.
 *
 * @module
 */
const longest = 64

const printable = (text: string): string =>
  text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`,
  )

/** A value as JSON, cut where it gets long. */
export function valueText(value: unknown): string {
  const text = JSON.stringify(value ?? null)
  return printable(text.length > longest ? `${text.slice(0, longest)}…` : text)
}

/** The name of a field: as it is where it is a plain word. */
export function fieldText(field: string): string {
  return /^[\w-]{1,64}$/.test(field) ? field : valueText(field)
}
