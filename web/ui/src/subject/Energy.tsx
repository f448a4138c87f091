// What settled windows of the span come to, and how far they can be trusted:
// bars, and under them a strip of how much of each window is known.

import { useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { settledExports, windows } from '../api/subject'
import type { Tokens } from '../chart/colour'
import { axisText, kilowattHours, percent, text } from '../lib/format'
import { hatching, qualityName } from '../lib/quality'
import { amounts, total } from '../lib/settled'
import { valueFor, valuesFor } from '../lib/own'
import { coarse, windowSize } from '../lib/steps'
import { clear, time, timeRange } from '../lib/time'
import { FigurePanel } from '../part/FigurePanel'
import { useHonest } from '../part/Honest'
import { QualityLegend } from '../part/QualityLegend'
import type { View } from '../shell/span'
import { axis, axisTooltip, grid } from './option'
import classes from './Energy.module.css'
import { keyOf, type Subject } from './subject'

export function energyText(v: number | null | undefined, unit: string): string {
  if (unit !== 'Wh') return text(v, unit)
  const k = kilowattHours(v)
  return `${k.value}\u00a0${k.unit}`
}

/** Energy of a sensor's or group's settled windows; of what has none, the quality of its mean. */
export function Energy({ subject, view, title }: { subject: Subject; view: View; title: string }) {
  const { t } = useLingui()
  const honest = useHonest()
  const size = windowSize(view)
  const { from, to } = coarse(view, view.live, 5 * 60_000)
  const asked = useQuery({
    queryKey: ['windows', keyOf(subject), size, from, to],
    queryFn: ({ signal }) => windows(subject, size, { from, to }, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    refetchInterval: view.live ? 60_000 : false,
  })
  const w = asked.data
  const metered = subject.kind === 'group' && subject.column === 'meter'
  const counts = w !== undefined && w.unit !== ''
  const coherent = w === undefined ? '' : counts ? w.unit : w.averageUnit
  const own = coherent === subject.unit ? subject.own : undefined
  const unit = own?.symbol ?? coherent
  const kept = useMemo(() => (w === undefined ? [] : counts ? amounts(w, metered) : (w.average ?? [])), [w, counts, metered])
  const values = useMemo(() => valuesFor({ own }, kept), [own, kept])
  const sum = useMemo(() => {
    const s = w && total(w, metered)
    return s && { ...s, amount: valueFor({ own }, s.amount) }
  }, [w, metered, own])
  const say = useCallback((v: number | null | undefined) => (counts ? energyText(v, unit) : text(v, unit)), [counts, unit])
  const { zone } = subject
  const style = size === '1d' || size === '1w' ? 'day' : size === '1M' ? 'month' : size === '1y' ? 'year' : to - from > 86_400_000 ? 'moment' : 'clock'
  const option = useCallback(
    (k: Tokens) => {
      const starts = (w?.start ?? []).map((s) => (style === 'day' || style === 'month' ? time(s, zone, style) : clear(s, zone, style)))
      const settled = (i: number) => (w?.start?.[i] ?? 0) < (w?.settled ?? 0)
      return {
        grid: [grid({ bottom: 46 }), { left: 8, right: 12, bottom: 4, height: 12, containLabel: false }],
        tooltip: axisTooltip(k, (i) => [
          timeRange(w?.start?.[i] ?? 0, w?.end?.[i] ?? 0, zone),
          settled(i) ? say(values[i]) : t`not settled yet`,
          ...(settled(i) ? [honest(w?.completeness?.[i], kept[i] && !metered ? Math.min(1, (w?.estimated?.[i] ?? 0) / Math.abs(kept[i])) : null), t`${w?.readings?.[i] ?? 0} readings`, ...(metered || w?.quality[i] === 'measured' ? [] : [qualityName(w?.quality[i])])] : []),
        ]),
        axisPointer: { link: [{ xAxisIndex: 'all' }] },
        xAxis: [
          { type: 'category', data: starts, ...axis(k), axisTick: { show: false } },
          { type: 'category', gridIndex: 1, data: starts, show: false },
        ],
        yAxis: [
          { type: 'value', ...axis(k), axisLabel: { color: k.dim, formatter: axisText(values, unit) } },
          { type: 'value', gridIndex: 1, show: false, min: 0, max: 1 },
        ],
        series: [
          { type: 'bar', barCategoryGap: '14%', data: values.map((v, i) => ({ value: settled(i) ? (v ?? '-') : '-', itemStyle: { decal: metered ? undefined : hatching(w?.quality[i], k.card) } })), itemStyle: { color: k.power, borderRadius: [3, 3, 0, 0] } },
          {
            type: 'bar', xAxisIndex: 1, yAxisIndex: 1, barCategoryGap: '4%',
            data: (w?.completeness ?? []).map((c, i) => ({
              value: settled(i) ? 1 : '-',
              itemStyle: { color: c >= 0.999 ? k.heat[3] : c > 0 ? k.warn : k.bad, opacity: c >= 0.999 ? 0.55 : 0.9 },
            })),
          },
        ],
      }
    },
    [w, kept, values, unit, say, zone, style, metered, honest, t],
  )
  const empty = w && sum && (sum.windows === 0 || (sum.amount === null && !(w.average ?? []).some((v) => v !== null)))
  return (
    <FigurePanel
      title={title}
      note={sum && !empty ? honest(sum.completeness, sum.estimated) : undefined}
      asked={asked}
      {...(empty ? { empty: t`Nothing is settled in this span yet: windows are, some minutes after they end.` } : {})}
      above={
        sum && (
          <p className={classes.total}>
            {counts && <strong className="ww-number">{energyText(sum.amount, unit)}</strong>}
            <span>{w && w.settled < to ? t`settled until ${time(Math.max(from, w.settled), zone)}` : timeRange(from, to, zone)}</span>
          </p>
        )
      }
      option={option}
      label={sum ? t`${title} of ${subject.label}: ${energyText(sum.amount, unit)}, ${percent(sum.completeness)} complete` : title}
      height={250}
      grows
      below={
        <div className={classes.legends}>
          <ul className={classes.legend}>
            <li data-kind="whole">{t`complete`}</li>
            <li data-kind="part">{t`in part`}</li>
            <li data-kind="none">{t`nothing known`}</li>
          </ul>
          {!metered && <QualityLegend of={w?.quality ?? []} />}
        </div>
      }
      file={t`${subject.label} energy`}
      links={settledExports(subject, size, { from: Math.round(from), to: Math.round(to) })}
      table={() => ({
        columns: [
          { name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: title, unit }, { name: t`Mean`, unit: w?.averageUnit ?? '' }, { name: t`Completeness`, unit: '' },
          { name: t`Estimated`, unit: w?.unit ?? '' }, { name: t`Readings`, unit: '' }, { name: t`Quality`, unit: '' },
        ],
        rows: (w?.start ?? []).map((s, i) => [
          { at: s }, { at: w?.end?.[i] ?? s }, values[i] ?? null, w?.average?.[i] ?? null, w?.completeness?.[i] ?? null, w?.estimated?.[i] ?? null, w?.readings?.[i] ?? null, metered ? null : qualityName(w?.quality[i]),
        ]),
        zone,
      })}
    />
  )
}
