/** Resolves a peer from this folder, where it is installed; the bench itself cannot see it. */
export const load = (name) => import(name)
