// The words of states and kinds, and marks for them: each state has a shape of
// its own, so that none is told by its colour alone.

import { useLingui } from '@lingui/react/macro'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { Space, State } from '../api/objects'
import classes from './Objects.module.css'

export function useStates(): Record<State, string> {
  const { t } = useLingui()
  return { live: t`live`, late: t`late`, stale: t`stale`, substituted: t`substituted`, virtual: t`virtual`, down: t`down` }
}

/** What each state means. */
export function useMeanings(): Record<State, string> {
  const { t } = useLingui()
  return {
    live: t`It reports as expected.`, late: t`It is late; its last value still counts.`, stale: t`Its last value is too old to count; earlier ones can stand in.`,
    substituted: t`Another object stands in for it.`, virtual: t`Its own earlier values stand in for it.`, down: t`Nothing is known of it.`,
  }
}

const shapes: Record<State, ReactNode> = {
  live: <circle cx="6.5" cy="6.5" r="5" fill="currentColor" />,
  late: (
    <>
      <circle cx="6.5" cy="6.5" r="4.8" fill="none" stroke="currentColor" strokeWidth="1.6" />
      <path d="M6.5 1.7a4.8 4.8 0 0 0 0 9.6z" fill="currentColor" />
    </>
  ),
  stale: <rect x="2" y="2" width="9" height="9" fill="none" stroke="currentColor" strokeWidth="1.8" />,
  substituted: (
    <>
      <path d="M6.5 .8 12.2 6.5 6.5 12.2 .8 6.5z" fill="none" stroke="currentColor" strokeWidth="1.4" />
      <path d="M4 8.8 8.8 4M6 10.6 10.6 6M2.4 7 7 2.4" stroke="currentColor" strokeWidth="1" />
    </>
  ),
  virtual: <circle cx="6.5" cy="6.5" r="5" fill="none" stroke="currentColor" strokeWidth="1.8" strokeDasharray="2.4 2" />,
  down: <path d="M2 2 11 11M11 2 2 11" stroke="currentColor" strokeWidth="2.6" />,
}

export function StateShape({ state }: { state: State }) {
  return (
    <svg width="13" height="13" viewBox="0 0 13 13" aria-hidden="true">
      {shapes[state]}
    </svg>
  )
}

export function StateMark({ state }: { state: State }) {
  const names = useStates()
  const meanings = useMeanings()
  return (
    <span className={classes.mark} data-state={state} title={meanings[state]}>
      <StateShape state={state} />
      {names[state]}
    </span>
  )
}

export function useSpaceKinds(): Record<Space['kind'], string> {
  const { t } = useLingui()
  return { 'rec:Site': t`Site`, 'rec:Building': t`Building`, 'rec:Level': t`Level`, 'rec:Room': t`Room`, 'rec:Zone': t`Zone` }
}

/** Leads to an object, by its identifier or a name. */
export function ObjectLink({ id, name }: { id: string; name?: string | undefined }) {
  return (
    <Link className={classes.link} to="/objects" search={(old) => ({ h: old.h, g: old.g, s: old.s, o: id })}>
      {name ?? id.replace(/^(sensor|group)\//, '')}
    </Link>
  )
}
