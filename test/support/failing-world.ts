/** A test that simulates a world and fails: what is on stderr then? @module */
import { mkdirSync } from 'node:fs'
import { simulate } from 'prov/testing'

const world = simulate({ seed: 4_711, discover: false })
world.close()
// A life that died in the middle may still write something.
mkdirSync(world.root, { recursive: true })
process.exitCode = Number(process.argv[2] ?? 1)
