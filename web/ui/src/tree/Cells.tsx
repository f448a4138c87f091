// The live cells of a row: drawn once by React, then written past it.

import { useLingui } from '@lingui/react/macro'
import { memo, useRef, type RefObject } from 'react'
import { live, ofGroups } from '../api/live'
import { ago, percent, power, text, unitOf } from '../lib/format'
import { bar, marker, writer } from '../live/paint'
import { usePainted } from '../live/LiveText'
import { maxAge, type GroupRow, type SensorRow, type UnaccountedRow } from '../lib/tree'
import classes from './Tree.module.css'

/** Where a row's cells are. */
interface Refs {
  shareRef: RefObject<HTMLSpanElement | null>
  noteRef: RefObject<HTMLSpanElement | null>
  valueRef: RefObject<HTMLSpanElement | null>
}

/** What stands in them. */
interface Shown {
  /** Part of the whole; null when not known. */
  part: number | null
  whole: number | null
  said: string
  /** Something is wrong: the note has a sign. */
  warns: boolean
  stale: boolean
  value: string
}

function useCells(topics: string, read: () => Shown): Refs {
  const refs: Refs = { shareRef: useRef<HTMLSpanElement>(null), noteRef: useRef<HTMLSpanElement>(null), valueRef: useRef<HTMLSpanElement>(null) }
  usePainted(topics, read, () => {
    const drawBar = bar(refs.shareRef.current)
    const writeShare = writer(refs.shareRef.current)
    const writeNote = writer(refs.noteRef.current)
    const writeValue = writer(refs.valueRef.current)
    const markWarns = marker(refs.noteRef.current, 'data-warns')
    const markStale = marker(refs.valueRef.current, 'data-stale')
    return (s) => {
      const share = s.part !== null && s.whole ? s.part / s.whole : null
      drawBar(share)
      writeShare(share === null ? '' : percent(share))
      writeNote(s.said)
      markWarns(s.warns)
      markStale(s.stale)
      writeValue(s.value)
    }
  })
  return refs
}

/** One element for each: to paint a row costs by their number. */
function Cells({ shareRef, noteRef, valueRef, shares, group }: Refs & { shares: boolean; group?: string }) {
  return (
    <>
      <span className={classes.share} {...(shares ? { ref: shareRef, 'data-bar': true } : {})} />
      <span ref={noteRef} className={classes.note} />
      <span ref={valueRef} className={classes.value} {...(group === undefined ? {} : { 'data-testid': 'group-power', 'data-group': group })} />
    </>
  )
}

export const GroupCells = memo(function GroupCells({ row }: { row: GroupRow }) {
  const refs = useCells(ofGroups(row.hierarchy), () => {
    const v = live.group(row.hierarchy, row.group)
    const whole = row.within === undefined ? undefined : live.group(row.hierarchy, row.within)
    return {
      part: v?.power === null || v?.power === undefined ? null : v.power * row.sign, whole: whole?.power ?? null,
      said: v ? `${v.count}/${v.total}` : '', warns: v !== undefined && v.count < v.total, stale: false, value: v ? power(v.power) : '…',
    }
  })
  return (
    <Cells
      {...refs}
      shares={row.within !== undefined}
      group={row.group}
    />
  )
})

export const SensorCells = memo(function SensorCells({ row }: { row: SensorRow }) {
  const { t } = useLingui()
  const unit = unitOf(row.sensor.quantity)
  const shares = !row.meter && unit === 'W' && row.within !== ''
  const quiet = row.meter ? t`meter` : row.sign < 0 ? t`subtracted` : ''
  const refs = useCells(`s\n${row.sensor.id}\tnewest${shares ? `\t${ofGroups(row.hierarchy)}` : ''}`, () => {
    const v = live.sensor(row.sensor.id)
    const age = v && live.newest > 0 ? Math.floor(live.newest / 1000) * 1000 - v.t : 0
    const stale = v !== undefined && age > maxAge(row.sensor)
    const whole = shares ? live.group(row.hierarchy, row.within) : undefined
    return {
      part: !v || stale ? null : v.value * row.sign, whole: whole?.power ?? null, said: stale ? ago(age) : quiet, warns: stale, stale, value: text(v?.value, unit),
    }
  })
  return <Cells {...refs} shares={shares} />
})

export const UnaccountedCells = memo(function UnaccountedCells({ row }: { row: UnaccountedRow }) {
  const { t } = useLingui()
  const refs = useCells(ofGroups(row.hierarchy), () => {
    const v = live.group(row.hierarchy, row.within)
    const u = v?.unaccounted ?? null
    const negative = u !== null && v?.power ? u < -0.02 * Math.abs(v.power) : false
    // It is not told while a member is silent; of those that were never heard, it says how many count.
    const count = v?.count ?? 0
    const total = v?.total ?? 0
    const silent = v !== undefined && u === null && v.meter !== null
    const said = negative ? t`parts exceed meter` : count < total && (u !== null || silent) ? t`${count} of ${total} sensors known` : ''
    return { part: u, whole: v?.power ?? null, said, warns: negative || silent, stale: false, value: power(u) }
  })
  return <Cells {...refs} shares />
})
