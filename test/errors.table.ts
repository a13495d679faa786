/** The table that `errors.test.ts` holds: code, disposition, exit code, text, remedy. */
export const expectedErrors: readonly (readonly [string, string, number, string, string])[] = []
