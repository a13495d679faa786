/**
 * Signs that a terminal or a reader's eye acts on instead of showing them: controls, line breaks, and what
 * turns the direction of writing.
 *
 * @module
 */

/** Inside of a class of a regular expression with the flag `u`. */
export const actingSigns = String.raw`\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069`

const acting = new RegExp(`[${actingSigns}]`, 'u')

/** True when a text shows what it is, in one line: names that others read must. */
export const isShown = (text: string): boolean => !acting.test(text)
