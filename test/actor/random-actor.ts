/**
 * Random machines as actors; the same seed gives the same machine.
 *
 * @module
 */
import type { AnyStateMachine } from 'xstate'
import { defineActor } from '../../core/actor/define.ts'
import type { ActorDef, Durability } from '../../core/actor/define.ts'
import { randomEvents, randomFrom, randomMachine as machineOf } from '../support/random-machine.ts'
import type { Random } from '../support/random-machine.ts'

/** What these machines listen to. */
export const events = randomEvents

export const generator = randomFrom

/** Without children: those run outside of the steps, and `children.test.ts` is about them. */
export const randomMachine = (random: Random): AnyStateMachine =>
  machineOf(random, { children: false }).machine

export function typed(machine: AnyStateMachine, durability: Durability = 'journal'): ActorDef {
  return defineActor({
    type: 'test.random',
    version: 1,
    durability,
    machine,
    effects: { note: (params: { what: number }) => ({ what: params.what }) },
    supervision: { onFailure: 'resume' },
  })
}
