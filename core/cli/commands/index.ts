/**
 * The commands that the core owns: about the program and its parts, never about the domain.
 *
 * @module
 */
import type { CommandTable } from '../../plugin/define.ts'

export const commands: CommandTable = {
  actors: () => import('./actors.ts'),
  'actors letters': () => import('./actors-letters.ts'),
  'actors replay': () => import('./actors-replay.ts'),
  'actors resume': () => import('./actors-resume.ts'),
  'actors steps': () => import('./actors-steps.ts'),
  completion: () => import('./completion.ts'),
  doctor: () => import('./doctor.ts'),
  events: () => import('./events.ts'),
  'events emit': () => import('./events-emit.ts'),
  help: () => import('./help.ts'),
  'journal adopt': () => import('./journal-adopt.ts'),
  'journal archive': () => import('./journal-archive.ts'),
  'journal dump': () => import('./journal-dump.ts'),
  'journal repair': () => import('./journal-repair.ts'),
  'journal stats': () => import('./journal-stats.ts'),
  'journal verify': () => import('./journal-verify.ts'),
  'nats apply': () => import('./nats-apply.ts'),
  'nats config': () => import('./nats-config.ts'),
  'nats keys': () => import('./nats-keys.ts'),
  'nats status': () => import('./nats-status.ts'),
  'nats topology': () => import('./nats-topology.ts'),
  'ncl export': () => import('./ncl-export.ts'),
  'ncl key': () => import('./ncl-key.ts'),
  'ncl lint': () => import('./ncl-lint.ts'),
  'plane export': () => import('./plane-export.ts'),
  'plane join': () => import('./plane-join.ts'),
  'plane list': () => import('./plane-list.ts'),
  'plane run': () => import('./plane-run.ts'),
  plugins: () => import('./plugins.ts'),
  'plugins reload': () => import('./plugins-reload.ts'),
  'plugins trust': () => import('./plugins-trust.ts'),
  run: () => import('./run.ts'),
  'validate-ops-contract': () => import('./validate-ops-contract.ts'),
  'wait event': () => import('./wait-event.ts'),
}

/** What each prints with `--json`; only `prov help json` loads it. */
export const shapes = () => import('../shapes/index.ts')
