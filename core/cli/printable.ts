/**
 * Text for a terminal as text and nothing else. Names, targets and reasons come from whoever holds a key,
 * and are read by whoever agrees: what would move the cursor, clear a line or turn the direction of
 * writing could show them something that nobody signed.
 *
 * @module
 */

/** What a terminal or a reader's eye acts on, with the colours that `Paint` makes in one piece. */
const acts =
  /(?![\n\t])(?:\p{Cc}\[(?:1|2|22|3[1-3]|39)m|[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069])/gu

/** The same text with signs that act shown by their numbers; new lines, tabs and our colours stay. */
export function printable(text: string): string {
  return text.replaceAll(acts, (found) =>
    found.startsWith('\u001b[')
      ? found
      : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}${found.slice(1)}`,
  )
}
