// The steps that can be undone, or done again.

import { ApiError } from '../api/request'

/** One that was done: its name, and the revision it made. */
export interface Step {
  label: string
  revision: number
}

/** Whether the server has refused it for what it is, and would again: the model is not there any more as it was. */
export const forGood = (e: unknown): boolean => e instanceof ApiError && [404, 409, 410, 412, 422].includes(e.status)

/** Puts a step back among the others, where it was. */
export const putBack = (steps: readonly Step[], step: Step): readonly Step[] => [...steps, step].sort((a, b) => a.revision - b.revision)
