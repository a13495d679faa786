/** What `prov setup` refuses before it writes anything, and how `prov demo` can go wrong. @module */
import { defineErrors } from 'prov'

export const setupErrors = defineErrors<{
  PROV_SETUP_NAME_INVALID: { name: string }
  PROV_SETUP_KIND_DIFFERS: { asked: string; found: string }
  PROV_SETUP_WRITE_FAILED: { file: string; what: string }
}>({
  PROV_SETUP_NAME_INVALID: {
    disposition: 'usage',
    text: ({ name }) => `"${name}" cannot name a workspace: lower case letters, digits and - only`,
    remedy: 'say `prov setup --name my-infra`',
  },
  PROV_SETUP_KIND_DIFFERS: {
    disposition: 'usage',
    text: ({ asked, found }) => `this workspace is a ${found} already; ${asked} was asked for`,
    remedy: 'setup never overwrites: change `repo_kind` in .ontology/manifest.ncl yourself',
  },
  PROV_SETUP_WRITE_FAILED: {
    disposition: 'fail',
    text: ({ file, what }) => `${file} could not be written: ${what}`,
    remedy: ({ file }) => `see who may write beside ${file}, then run \`prov setup\` again`,
  },
})

export const demoErrors = defineErrors<{ PROV_DEMO_UNEXPECTED: { what: string } }>({
  PROV_DEMO_UNEXPECTED: {
    disposition: 'crash',
    text: ({ what }) => `the story went another way than it should: ${what}`,
    remedy: 'run `prov doctor` and, when it finds nothing, report this line',
  },
})
