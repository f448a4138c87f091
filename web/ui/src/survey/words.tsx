// What the words of a survey are called, and how its parts are shown.

import { useLingui } from '@lingui/react/macro'
import { IconCircleCheck, IconCircleDashed, IconCircleX } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import type { SurveyConsent, SurveyDevice, SurveyHappened } from '../api/generated/types.gen'
import { DASH } from '../lib/format'
import classes from './Survey.module.css'

export type State = SurveyConsent['state']

export function useStates(): Record<State, string> {
  const { t } = useLingui()
  return { not_granted: t`not granted yet`, granted: t`granted`, revoked: t`revoked, anonymous` }
}

export function useIncidentTypes(): Record<SurveyHappened['type'], string> {
  const { t } = useLingui()
  return {
    serial_port_unavailable: t`The meter cannot be read`, measurements_missing: t`Measurements are missing`, meter_locked: t`The meter is locked`, pin_failed: t`The PIN was not taken`,
    crc_rate: t`Many telegrams are broken`, clock_skew: t`The clock is wrong`, heartbeat_missed: t`The device is silent`, disk_full: t`The disk is full`, certificate_expiry: t`The certificate expires`, update_failed: t`An update failed`, other: t`Something else`,
  }
}

export function ConsentState({ state }: { state: State }) {
  const words = useStates()
  const Icon = state === 'granted' ? IconCircleCheck : state === 'revoked' ? IconCircleX : IconCircleDashed
  return (
    <span className={`${classes.state ?? ''} ${(state === 'granted' ? classes.well : state === 'revoked' ? classes.dim : classes.warn) ?? ''}`}>
      <Icon size={16} aria-hidden="true" /> {words[state]}
    </span>
  )
}

/** The beginning of a random identifier, by which people tell households apart. */
export const short = (id: string): string => id.slice(0, 8)

export function HomeLink({ id }: { id: string }) {
  return (
    <Link to="/survey" search={(old) => ({ ...old, tab: 'households', home: id })} className={`${classes.id ?? ''} ${classes.home ?? ''}`} title={id}>
      {short(id)}
    </Link>
  )
}

/** Milliseconds of a time in an answer; null: it is not known. */
export const at = (s: string | undefined): number | null => (s === undefined ? null : Date.parse(s))

/** The version of the program of a device, and what else it consists of. */
export function Versions({ device: d }: { device: SurveyDevice }) {
  const others = (d.condition?.components ?? []).filter((c) => c.name !== 'program')
  return (
    <>
      {d.version ?? DASH}
      {others.length > 0 && <span className={`${classes.dim ?? ''} ${classes.line ?? ''}`}>{others.map((c) => `${c.name} ${c.version}`).join(', ')}</span>}
    </>
  )
}

/** A larger share of broken frames is shown as bad; from here on the device reports an incident. */
export const manyBroken = 0.1

/** The share of broken frames at the meter of a device that is read worst, 0 to 1; null: it is not known. */
export function brokenOf(d: SurveyDevice): number | null {
  const shares = (d.condition?.frames ?? []).filter((f) => f.whole + f.broken > 0).map((f) => f.broken / (f.whole + f.broken))
  return shares.length === 0 ? null : Math.max(...shares)
}
