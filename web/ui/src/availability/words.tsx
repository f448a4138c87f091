// The words of availability: how much can be carried out, and what is missing
// in full sentences.

import { useLingui } from '@lingui/react/macro'
import type { ReactNode } from 'react'
import type { Exec, Missing, Source } from '../api/availability'
import type { State } from '../api/objects'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { ObjectLink } from '../objects/words'
import classes from './Availability.module.css'

export function useExecs(): Record<Exec, string> {
  const { t } = useLingui()
  return { full: t`fully`, partial: t`partially`, none: t`not available` }
}

export function ExecMark({ exec }: { exec: Exec }) {
  const names = useExecs()
  return (
    <span className={classes.exec} data-exec={exec}>
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        {exec === 'full' ? (
          <circle cx="7" cy="7" r="6" fill="currentColor" />
        ) : exec === 'partial' ? (
          <>
            <circle cx="7" cy="7" r="5.6" fill="none" stroke="currentColor" strokeWidth="1.6" />
            <path d="M7 1.4a5.6 5.6 0 0 0 0 11.2z" fill="currentColor" />
          </>
        ) : (
          <path d="M2.5 2.5 11.5 11.5M11.5 2.5 2.5 11.5" stroke="currentColor" strokeWidth="2.6" />
        )}
      </svg>
      {names[exec]}
    </span>
  )
}

/** The state that a member shows. */
export const stateOf = (s: Source): State => (s === 'none' ? 'down' : s)

/** What is missing, as a sentence, and how much more is. */
export function MissingSentence({ missing: m, zone, more = 0 }: { missing: Missing; zone: string; more?: number }): ReactNode {
  const { t } = useLingui()
  const where = m.cvo === undefined ? m.ms : `${m.ms} › ${m.cvo}`
  const since = m.since === undefined || m.since === 0 ? '' : ` ${t`It is so since ${time(m.since, zone, 'exact')}.`}`
  const said = {
    object: t`has no value, and nothing stands in for it.`, link: t`is there, but the link to it is cut.`, microservice: t`has no instance that works.`, absent: t`is needed, and no object of the installation is of that kind.`,
    quality: t`has a stand-in that is not good enough.`,
    conflict: m.holder ? t`is held by somebody of priority ${m.holder.priority} until ${time(m.holder.until, zone, 'exact')}.` : t`is held by somebody else.`,
  }[m.cause]
  return (
    <>
      {m.vo === undefined || m.vo === '' ? <strong>{where}</strong> : <ObjectLink id={m.vo} />} {said}
      {since}
      {m.vo !== undefined && m.vo !== '' && <span> ({where})</span>}
      {more > 0 && <> {t`${count(more)} more are missing.`}</>}
    </>
  )
}
