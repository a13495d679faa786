/**
 * Text for a terminal as text and nothing else. Names, targets and reasons come from whoever holds a key,
 * and are read by whoever agrees: what would move the cursor, clear a line or turn the direction of
 * writing could show them something that nobody signed.
 *
 * @module
 */
import { actingSigns } from '../signs.ts'

/** Colours that `Paint` makes, in one piece, or one sign that acts. */
const acts = new RegExp(String.raw`\p{Cc}\[(?:1|2|22|3[1-3]|39)m|[${actingSigns}]`, 'gu')

/**
 * The same line with signs that act shown by their numbers, line breaks too: what was written is no line
 * of ours. Tabs and our colours stay.
 */
export function printable(line: string): string {
  return line.replaceAll(acts, (found) =>
    found === '\t' || found.startsWith('\u001b[')
      ? found
      : `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}${found.slice(1)}`,
  )
}

/** Lines of ours as one text. */
export const printableLines = (lines: readonly string[]): string => lines.map(printable).join('\n')
