/** A test that simulates a world and fails: what is on stderr then? @module */
import { simulate } from 'prov/testing'

simulate({ seed: 4_711, discover: false })
process.exitCode = Number(process.argv[2] ?? 1)
