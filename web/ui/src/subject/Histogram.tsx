// How often which values occur in the span.

import { useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { distribution } from '../api/subject'
import type { Tokens } from '../chart/colour'
import { wide } from '../lib/bins'
import { percent, text } from '../lib/format'
import { unitFor, valueFor } from '../lib/own'
import { coarse } from '../lib/steps'
import { timeRange } from '../lib/time'
import { FigurePanel } from '../part/FigurePanel'
import type { View } from '../shell/span'
import { axis, grid, tooltip } from './option'
import { keyOf, type Subject } from './subject'

const buckets = 24

export function Histogram({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const { from, to } = coarse(view, view.live, 60_000)
  const asked = useQuery({
    queryKey: ['distribution', keyOf(subject), from, to],
    queryFn: ({ signal }) => distribution(subject, { from, to }, buckets, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
  })
  const { own } = subject
  const bins = useMemo(() => wide(asked.data ?? []).map((b) => ({ ...b, lower: valueFor({ own }, b.lower), upper: valueFor({ own }, b.upper) })), [asked.data, own])
  const all = bins.reduce((n, b) => n + b.elements, 0)
  const usual = bins.reduce((best, b) => (best === undefined || b.elements > best.elements ? b : best), bins[0])
  const unit = unitFor(subject)
  const option = useCallback(
    (k: Tokens) => ({
      grid: grid(),
      tooltip: tooltip(k, (i) => {
        const b = bins[i]
        return b ? [b.lower < b.upper ? t`${text(b.lower, unit)} to ${text(b.upper, unit)}` : text(b.lower, unit), t`${percent(all > 0 ? b.elements / all : null, 1)} of the values`] : []
      }),
      xAxis: { type: 'category', data: bins.map((b) => text((b.lower + b.upper) / 2, unit)), ...axis(k), axisTick: { show: false } },
      yAxis: { type: 'value', ...axis(k), axisLabel: { color: k.dim, formatter: (v: number) => percent(v) } },
      series: [{ type: 'bar', barCategoryGap: '8%', barMaxWidth: 80, data: bins.map((b) => (all > 0 ? b.elements / all : 0)), itemStyle: { color: k.power, borderRadius: [3, 3, 0, 0] } }],
    }),
    [bins, all, unit, t],
  )
  const span = timeRange(view.from, view.to, subject.zone)
  return (
    <FigurePanel
      title={t`How often which value`}
      note={span}
      asked={asked}
      {...(bins.length === 0 || all === 0 ? { empty: t`There are no values in this span.` } : {})}
      option={option}
      label={usual ? t`Distribution of the values of ${subject.label}: most often between ${text(usual.lower, unit)} and ${text(usual.upper, unit)}` : t`Distribution of the values of ${subject.label}`}
      height={230}
      file={t`${subject.label} distribution`}
      table={() => ({
        columns: [{ name: t`From`, unit }, { name: t`To`, unit }, { name: t`Values`, unit: '' }],
        rows: bins.map((b) => [b.lower, b.upper, b.elements]),
        zone: subject.zone,
      })}
    />
  )
}
