// What is usual: by hour of the week, by hour of the day, by weekday; from
// settled quarters of an hour, by the clock of the site.

import { useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, type ReactNode } from 'react'
import { memberStatistics, statistics, type By } from '../api/subject'
import type { StatisticsBody } from '../api/generated/types.gen'
import type { Tokens } from '../chart/colour'
import { axisText, text } from '../lib/format'
import { valuesFor } from '../lib/own'
import { highest, meanOf, rowsOfHours, week, weighted } from '../lib/profile'
import { day } from '../lib/span'
import { coarse, type Ends } from '../lib/steps'
import { time, weekdays } from '../lib/time'
import { FigurePanel } from '../part/FigurePanel'
import { useHonest } from '../part/Honest'
import type { View } from '../shell/span'
import { axis, axisTooltip, grid, heat, tooltip } from './option'
import { keyOf, type Subject } from './subject'

const pad = (h: number) => String(h).padStart(2, '0')
const hours = Array.from({ length: 24 }, (_, h) => pad(h))

/** Of a span of a week or more that span, else the four weeks up to its end. */
function periodOf(view: View): Ends {
  const { from, to } = coarse(view, view.live, 15 * 60_000)
  return to - from >= 7 * day ? { from, to } : { from: to - 28 * day, to }
}

/** In the unit the subject is shown in, where they are in that of its values: a counter's are rates. */
function shownAs(s: StatisticsBody, x: Subject): StatisticsBody {
  if (x.own === undefined || s.unit !== x.unit) return s
  return { ...s, unit: x.own.symbol, mean: valuesFor(x, s.mean ?? []), min: valuesFor(x, s.min ?? []), max: valuesFor(x, s.max ?? []) }
}

function useStatistics(subject: Subject, by: By, view: View) {
  const { from, to } = periodOf(view)
  return useQuery({
    queryKey: ['statistics', keyOf(subject), by, from, to],
    queryFn: ({ signal }) => statistics(subject, by, { from, to }, signal),
    select: useCallback((s: StatisticsBody) => shownAs(s, subject), [subject]),
    placeholderData: keepPreviousData,
    staleTime: 300_000,
    refetchInterval: view.live ? 300_000 : false,
  })
}

/** From when to when, and how far it can be trusted. */
function useNote(): (s: StatisticsBody | undefined) => ReactNode {
  const honest = useHonest()
  return (s) => s && `${time(s.from, s.zone, 'date')} – ${time(Math.max(s.from, s.until - 1), s.zone, 'date')}, ${honest(meanOf(s.completeness), weighted(s.estimated, s.count))}`
}

function useEmpty(): (s: StatisticsBody | undefined) => { empty?: string } {
  const { t } = useLingui()
  return (s) => (s && !(s.mean ?? []).some((v) => v !== null) ? { empty: t`Nothing is settled in this time yet: quarters of an hour are, some minutes after they end.` } : {})
}

export function WeekMap({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const asked = useStatistics(subject, 'hourOfWeek', view)
  const note = useNote()
  const empty = useEmpty()
  const s = asked.data
  const map = useMemo(() => week(s?.mean ?? []), [s])
  const days = useMemo(() => weekdays('short'), [])
  const long = weekdays('long')
  const unit = s?.unit ?? subject.unit
  const option = useCallback(
    (k: Tokens) => ({
      grid: grid({ top: 34 }),
      tooltip: tooltip(k, (_i, d) => {
        const [h, w] = d as [number, number]
        const i = w * 24 + h
        return [
          `${days[w] ?? ''} ${pad(h)}:00–${pad(h + 1)}:00`, t`mean ${text(s?.mean?.[i], unit)}`, t`${text(s?.min?.[i], unit)} to ${text(s?.max?.[i], unit)}`,
          t`${s?.count?.[i] ?? 0} quarters of an hour`,
        ]
      }),
      visualMap: heat(k, map.min, map.max, (v) => text(v, unit)),
      xAxis: { type: 'category', data: hours, ...axis(k), splitLine: { show: false }, axisTick: { show: false } },
      yAxis: { type: 'category', data: days, inverse: true, ...axis(k), axisTick: { show: false } },
      series: [{ type: 'heatmap', data: map.known, itemStyle: { borderColor: k.card, borderWidth: 2, borderRadius: 4 } }],
    }),
    [map, s, unit, days, t],
  )
  const top = highest(map)
  return (
    <FigurePanel
      title={t`Usual week`}
      note={note(s)}
      asked={asked}
      {...empty(s)}
      option={option}
      label={top ? t`Mean of ${subject.label} by weekday and hour: most on ${long[top[1]] ?? ''} at ${top[0]}:00 with ${text(top[2], unit)}` : t`Mean of ${subject.label} by weekday and hour`}
      height={270}
      grows
      file={t`${subject.label} week`}
      table={() => ({
        columns: [{ name: t`Weekday`, unit: '' }, { name: t`Hour`, unit: '' }, { name: t`Mean`, unit }, { name: t`Least`, unit }, { name: t`Greatest`, unit }, { name: t`Completeness`, unit: '' }],
        rows: (s?.mean ?? []).map((v, i) => [long[Math.floor(i / 24)] ?? '', i % 24, v, s?.min?.[i] ?? null, s?.max?.[i] ?? null, s?.completeness?.[i] ?? null]),
        zone: subject.zone,
      })}
    />
  )
}

function Band({ subject, view, by, title, names, file }: { subject: Subject; view: View; by: 'hourOfDay' | 'dayOfWeek'; title: string; names: readonly string[]; file: string }) {
  const { t } = useLingui()
  const asked = useStatistics(subject, by, view)
  const note = useNote()
  const empty = useEmpty()
  const s = asked.data
  const unit = s?.unit ?? subject.unit
  const option = useCallback(
    (k: Tokens) => {
      const min = s?.min ?? []
      const line = { type: 'line', symbol: 'none', step: by === 'hourOfDay' ? 'middle' : false }
      return {
        grid: grid(),
        tooltip: axisTooltip(k, (i) => [names[i] ?? '', t`mean ${text(s?.mean?.[i], unit)}`, t`${text(s?.min?.[i], unit)} to ${text(s?.max?.[i], unit)}`]),
        xAxis: { type: 'category', data: names, ...axis(k), axisTick: { show: false } },
        yAxis: { type: 'value', ...axis(k), axisLabel: { color: k.dim, formatter: axisText([...min, ...(s?.max ?? [])], unit) } },
        series: [
          // The band: its lower edge, and its height on top of that.
          { ...line, stack: 'band', stackStrategy: 'all', silent: true, lineStyle: { opacity: 0 }, data: min.map((v) => v ?? '-') },
          {
            ...line, stack: 'band', stackStrategy: 'all', silent: true, lineStyle: { opacity: 0 }, areaStyle: { color: k.band, opacity: 1 },
            data: (s?.max ?? []).map((v, i) => (v === null || min[i] === null || min[i] === undefined ? '-' : v - min[i])),
          },
          { ...line, symbol: 'circle', symbolSize: 5, lineStyle: { color: k.power, width: 2 }, itemStyle: { color: k.power }, data: (s?.mean ?? []).map((v) => v ?? '-') },
        ],
      }
    },
    [s, unit, names, by, t],
  )
  const mean = weighted(s?.mean, s?.count)
  return (
    <FigurePanel
      title={title}
      note={note(s)}
      asked={asked}
      {...empty(s)}
      option={option}
      label={t`${title} of ${subject.label}: mean ${text(mean, unit)}; the band reaches from the least to the greatest quarter of an hour`}
      height={230}
      grows
      file={file}
      table={() => ({
        columns: [{ name: title, unit: '' }, { name: t`Mean`, unit }, { name: t`Least`, unit }, { name: t`Greatest`, unit }, { name: t`Completeness`, unit: '' }],
        rows: (s?.mean ?? []).map((v, i) => [names[i] ?? '', v, s?.min?.[i] ?? null, s?.max?.[i] ?? null, s?.completeness?.[i] ?? null]),
        zone: subject.zone,
      })}
    />
  )
}

export function DayProfile({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  return <Band subject={subject} view={view} by="hourOfDay" title={t`Usual day`} names={hours} file={t`${subject.label} day`} />
}

export function WeekdayProfile({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const names = useMemo(() => weekdays('short'), [])
  return <Band subject={subject} view={view} by="dayOfWeek" title={t`Weekdays`} names={names} file={t`${subject.label} weekdays`} />
}

const mostRows = 20

/** Which member draws when: members below each other, hours of the day beside. */
export function Composition({ subject, view, onPick }: { subject: Subject; view: View; onPick: (kind: 'sensor' | 'group', id: string) => void }) {
  const { t } = useLingui()
  const { from, to } = periodOf(view)
  const asked = useQuery({
    queryKey: ['composition', keyOf(subject), from, to],
    queryFn: ({ signal }) => memberStatistics(subject.id, { from, to }, mostRows, signal),
    placeholderData: keepPreviousData,
    staleTime: 300_000,
    refetchInterval: view.live ? 300_000 : false,
  })
  const s = asked.data
  const members = useMemo(() => s?.members ?? [], [s])
  const map = useMemo(() => rowsOfHours(members.map((m) => m.mean ?? [])), [members])
  const unit = s?.unit ?? subject.unit
  const known = members.some((m) => (m.mean ?? []).some((v) => v !== null))
  const option = useCallback(
    (k: Tokens) => ({
      grid: grid({ top: 34 }),
      tooltip: tooltip(k, (_i, d) => {
        const [h, row] = (d as { value: [number, number, number] }).value
        const m = members[row]
        return [m?.name ?? '', `${pad(h)}:00–${pad(h + 1)}:00`, t`mean ${text(m?.mean?.[h], unit)}`, t`${text(m?.min?.[h], unit)} to ${text(m?.max?.[h], unit)}`]
      }),
      visualMap: heat(k, map.min, map.max, (v) => text(v, unit)),
      xAxis: { type: 'category', data: hours, ...axis(k), splitLine: { show: false }, axisTick: { show: false } },
      yAxis: { type: 'category', data: members.map((m) => m.name), inverse: true, ...axis(k), axisTick: { show: false }, axisLabel: { color: k.dim, width: 110, overflow: 'truncate' } },
      series: [{
        type: 'heatmap',
        data: map.known.map((value) => ({ value, id: `${members[value[1]]?.kind ?? ''} ${members[value[1]]?.id ?? ''}` })),
        itemStyle: { borderColor: k.card, borderWidth: 2, borderRadius: 4 },
      }],
    }),
    [map, members, unit, t],
  )
  const top = highest(map)
  return (
    <FigurePanel
      title={t`Who draws when`}
      note={s && `${time(s.from, s.zone, 'date')} – ${time(Math.max(s.from, s.until - 1), s.zone, 'date')}`}
      asked={asked}
      {...(s && !known ? { empty: t`Nothing is settled in this time yet: quarters of an hour are, some minutes after they end.` } : {})}
      {...(s && s.left > 0 ? { warning: t`${s.left} more members are not shown.` } : {})}
      option={option}
      label={top ? t`Mean of each member of ${subject.label} by hour of the day: most is ${members[top[1]]?.name ?? ''} at ${top[0]}:00 with ${text(top[2], unit)}` : t`Mean of each member of ${subject.label} by hour of the day`}
      height={Math.max(200, 70 + 26 * members.length)}
      onPick={(id) => {
        const [kind, ...rest] = id.split(' ')
        if (kind === 'group' || kind === 'sensor') onPick(kind, rest.join(' '))
      }}
      file={t`${subject.label} members by hour`}
      table={() => ({
        columns: [{ name: t`Member`, unit: '' }, ...hours.map((h) => ({ name: `${h}:00`, unit }))],
        rows: members.map((m) => [m.name, ...hours.map((_, i) => m.mean?.[i] ?? null)]),
        zone: subject.zone,
      })}
    />
  )
}
