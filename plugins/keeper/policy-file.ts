/** Where a workspace keeps its policy (D-48), relative to its root. @module */
export const policyFile = 'keeper_policy.ncl'
