/** The files of a workspace, by what they hold. @module */

/** Paths relative to the workspace. */
export const workspaceFiles = {
  manifest: '.ontology/manifest.ncl',
  state: '.ontology/state.ncl',
  gate: '.ontology/gate.ncl',
  core: '.ontology/core.ncl',
  connections: '.ontology/connections.ncl',
  provisioning: '.ontology/provisioning.ncl',
  backlog: 'reflection/backlog.ncl',
} as const

export type WorkspaceFile = keyof typeof workspaceFiles

/** Without these there is no workspace; the others may be absent and then hold nothing. */
export const requiredFiles: readonly WorkspaceFile[] = ['manifest', 'state']

/** What each one holds, for the message that it is not there. */
export const fileContents: Readonly<Record<WorkspaceFile, string>> = {
  manifest: 'what this repository is, offers and needs',
  state: 'the dimensions: where things stand and where they should go',
  gate: 'the gates over the whole workspace',
  core: 'the core ontology: axioms, tensions, practices',
  connections: 'the connections to other projects',
  provisioning: 'units, clusters, gates on connections and operation types',
  backlog: 'what is to be done',
}
