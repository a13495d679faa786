/**
 * Signs that a terminal or a reader's eye acts on instead of showing them: controls, line breaks, what turns
 * the direction of writing, what has no width. The joiner within an emoji is none of them.
 *
 * @module
 */

/** Inside of a class of a regular expression with the flag `u`. */
export const actingSigns = String.raw`\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff`

const acting = new RegExp(`[${actingSigns}]`, 'u')

/** True when a text shows what it is, in one line: names that others read must. */
export const isShown = (text: string): boolean => !acting.test(text)
