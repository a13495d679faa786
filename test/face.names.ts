/** The public names that `face.test.ts` holds. @module */
export const faceValues: readonly string[] = []
export const faceTypes: readonly string[] = []
export const testingValues: readonly string[] = []
export const testingTypes: readonly string[] = []
