/** `prov completion`: what a shell has to read so that the tab key knows Prov. @module */
import { defineCommand } from '../command.ts'
import { completionScripts, shells } from '../completion-scripts.ts'

export const command = defineCommand({
  pattern: 'completion <shell>',
  describe: 'script that lets a shell complete commands, flags, and what there is now',
  notes: [
    'Operations, gates, actors and the like come from where the list commands read them: no lock, no passphrase, no server, and no code of guests.',
  ],
  group: 'Tools',
  examples: [
    ['prov completion bash', 'in ~/.bashrc: source <(prov completion bash)'],
    ['prov completion zsh', 'in ~/.zshrc, after compinit: source <(prov completion zsh)'],
    ['prov completion fish', 'into ~/.config/fish/completions/prov.fish'],
  ],
  flags: {
    shell: { type: 'string', choices: shells, required: true, describe: 'whose script' },
  },
  run: async ({ shell }) => ({ shell, script: completionScripts[shell] }),
  render: ({ script }) => script.trimEnd().split('\n'),
})
