/**
 * The provisioning domain as a guest of the house: Nickel schemas and defaults, a sample workspace
 * and `prov setup`, which makes a folder a workspace. It runs nothing of its own.
 *
 * @module
 */
import { definePlugin } from 'prov'
import { commands } from './commands/index.ts'

export default definePlugin({
  name: 'provisioning',
  api: 1,
  describe: 'schemas, sample workspace and setup of the provisioning domain',
  commands,
})
