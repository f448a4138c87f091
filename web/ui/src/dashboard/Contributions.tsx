// What each member contributes: now, live; and over the span, from settled energy.

import { useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useRef, type CSSProperties } from 'react'
import { flow } from '../api/subject'
import { strokes, type Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { percent, power } from '../lib/format'
import { shares, type Share } from '../lib/shares'
import { coarse } from '../lib/steps'
import { timeRange } from '../lib/time'
import type { Index } from '../lib/tree'
import { ExportMenu } from '../part/ExportMenu'
import { FigurePanel } from '../part/FigurePanel'
import { useHonest } from '../part/Honest'
import { Panel } from '../part/Panel'
import type { Table } from '../part/table'
import type { View } from '../shell/span'
import { energyText } from '../subject/Energy'
import { axis, grid, tooltip } from '../subject/option'
import type { Subject } from '../subject/subject'
import classes from './Contributions.module.css'
import { useMembers } from './members'

export type Pick = (kind: 'sensor' | 'group', id: string) => void
const most = 12
const opacities = [1, 0.65, 0.4, 0.25]

/** How each part is filled: in the colour that it has everywhere. */
function fills(k: Tokens, parts: readonly Share[]): { color: string; opacity: number }[] {
  const drawn = strokes(parts.map((p) => p.id))
  const seen = new Map<number, number>()
  return parts.map((p, i) => {
    if (p.kind === 'unaccounted') return { color: k.dim, opacity: 0.45 }
    if (p.kind === 'others') return { color: k.dim, opacity: 0.8 }
    const at = drawn[i]?.index ?? 0
    const n = seen.get(at) ?? 0
    seen.set(at, n + 1)
    return { color: k.series[at] ?? k.power, opacity: opacities[n % opacities.length] ?? 1 }
  })
}

const idOf = (p: Share) => (p.kind === 'sensor' || p.kind === 'group' ? `${p.kind} ${p.id}` : '')

function picked(onPick: Pick) {
  return (id: string) => {
    const [kind, ...rest] = id.split(' ')
    if (kind === 'group' || kind === 'sensor') onPick(kind, rest.join(' '))
  }
}

function useNames() {
  const { t } = useLingui()
  return useMemo(() => ({ others: (n: number) => t`${n} others`, unaccounted: t`Unaccounted` }), [t])
}

/** Horizontal bars, the first on top. */
function bars(k: Tokens, parts: readonly Share[], whole: number | null, say: (v: number | null) => string) {
  const fill = fills(k, parts)
  const share = (p: Share) => (whole && p.value !== null ? percent(p.value / whole) : '')
  return {
    grid: grid({ right: 96 }),
    tooltip: tooltip(k, (i) => [parts[i]?.label ?? '', say(parts[i]?.value ?? null), parts[i] ? share(parts[i]) : '']),
    // Each bar says its value; the axis has no room for more words beside them.
    xAxis: { type: 'value', ...axis(k), max: (v: { max: number }) => Math.max(0, v.max), axisLabel: { show: false }, splitLine: { show: false }, splitNumber: 3 },
    yAxis: { type: 'category', inverse: true, data: parts.map((p) => p.label), ...axis(k), axisTick: { show: false }, axisLabel: { color: k.ink, width: 120, overflow: 'truncate' } },
    series: [{
      type: 'bar',
      barMaxWidth: 18,
      barCategoryGap: '25%',
      data: parts.map((p, i) => ({ value: p.value ?? '-', id: idOf(p), itemStyle: { ...fill[i], borderRadius: 3 } })),
      label: { show: true, position: 'right', color: k.dim, formatter: (x: { dataIndex: number }) => say(parts[x.dataIndex]?.value ?? null) },
      labelLayout: { hideOverlap: false },
    }],
  }
}

function tableOfShares(parts: readonly Share[], whole: number | null, unit: string, zone: string, names: [string, string, string]): Table {
  return {
    columns: [{ name: names[0], unit: '' }, { name: names[1], unit }, { name: names[2], unit: '' }],
    rows: parts.map((p) => [p.label, p.value, whole && p.value !== null ? p.value / whole : null]),
    zone,
  }
}

export function ContributionsNow({ index, subject, onPick }: { index: Index; subject: Extract<Subject, { kind: 'group' }>; onPick: Pick }) {
  const { t } = useLingui()
  const names = useNames()
  const host = useRef<HTMLDivElement>(null)
  const { list, unaccounted, whole, waits } = useMembers(index, subject.hierarchy, subject.id)
  const s = useMemo(() => shares(list, unaccounted, most, names), [list, unaccounted, names])
  const { parts } = s
  const below = parts.filter((p) => (p.value ?? 0) < 0).length
  const pie = useCallback(
    (k: Tokens) => {
      const fill = fills(k, parts)
      const data = parts.flatMap((p, i) => ((p.value ?? 0) > 0 ? [{ name: p.label, value: p.value, id: idOf(p), itemStyle: fill[i] }] : []))
      return {
        tooltip: tooltip(k, (i) => [data[i]?.name ?? '', power(data[i]?.value), whole ? percent((data[i]?.value ?? 0) / whole) : '']),
        series: [{
          type: 'pie', radius: ['52%', '84%'], center: ['50%', '50%'], data, minAngle: 2, itemStyle: { borderColor: k.card, borderWidth: 2, borderRadius: 4 },
          label: { show: true, position: 'center', color: k.ink, fontSize: 13, fontWeight: 600, formatter: power(whole) }, emphasis: { label: { show: true } }, labelLine: { show: false },
        }],
      }
    },
    [parts, whole],
  )
  const bar = useCallback((k: Tokens) => bars(k, parts, whole, power), [parts, whole])
  const said = parts.slice(0, 5).map((p) => `${p.label} ${power(p.value)}`).join(', ')
  // What has no value yet has its place.
  const height = Math.max(230, 40 + 24 * Math.max(parts.length, Math.min(most, list.length)))
  const wheel = Math.min(height, 250)
  return (
    <Panel
      title={t`Who draws it now`}
      height={height}
      {...(parts.length === 0 ? { empty: list.length === 0 ? t`This group has no members.` : <p className={classes.none} style={{ '--stacked': `${wheel + height}px` } as CSSProperties}>{waits ? t`waiting for the first tick…` : t`No member has a value now.`}</p> } : {})}
      note={!waits && s.unknown > 0 ? t`${s.unknown} of ${list.length} members not known` : undefined}
      actions={<ExportMenu name={t`${subject.label} now`} table={() => tableOfShares(parts, whole, 'W', subject.zone, [t`Member`, t`Power`, t`Share`])} picture={() => host.current} />}
    >
      <div className={classes.two}>
        <div>
          <Figure option={pie} label={t`Shares of ${subject.label} now: ${said}`} height={wheel} onPick={picked(onPick)} />
          {below > 0 && <p className={classes.note}>{t`What feeds in or counts below zero stands in the bars alone.`}</p>}
        </div>
        <div ref={host}>
          <Figure option={bar} label={t`Power of each member of ${subject.label} now: ${said}`} height={height} onPick={picked(onPick)} />
        </div>
      </div>
    </Panel>
  )
}

export function ContributionsOver({ subject, view, onPick }: { subject: Extract<Subject, { kind: 'group' }>; view: View; onPick: Pick }) {
  const { t } = useLingui()
  const honest = useHonest()
  const names = useNames()
  const { from, to } = coarse(view, view.live, 15 * 60_000)
  const asked = useQuery({
    queryKey: ['members-over', subject.id, from, to],
    queryFn: ({ signal }) => flow(subject.id, { from, to }, most, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    refetchInterval: view.live ? 60_000 : false,
  })
  const f = asked.data
  const root = f?.nodes?.[0]
  const parts = useMemo(() => {
    const below = (f?.links ?? []).flatMap((l): Share[] => {
      const n = f?.nodes?.[l.target]
      if (l.source !== 0 || !n) return []
      return [{ id: n.id ?? '', kind: n.kind, label: n.kind === 'others' ? names.others(n.members ?? 0) : n.kind === 'unaccounted' ? names.unaccounted : (n.name ?? n.id ?? ''), value: l.amount }]
    })
    const rank = (p: Share) => (p.kind === 'unaccounted' ? 2 : p.kind === 'others' ? 1 : 0)
    return below.filter((p) => p.value !== null).sort((a, b) => rank(a) - rank(b) || (b.value ?? 0) - (a.value ?? 0))
  }, [f, names])
  const whole = root?.amount ?? null
  const unit = f?.unit ?? 'Wh'
  const option = useCallback((k: Tokens) => bars(k, parts, whole, (v) => energyText(v, unit)), [parts, whole, unit])
  const said = parts.slice(0, 5).map((p) => `${p.label} ${energyText(p.value, unit)}`).join(', ')
  return (
    <FigurePanel
      title={t`Who drew it in this span`}
      note={root && parts.length > 0 ? honest(root.sumCompleteness ?? root.completeness, root.estimated) : undefined}
      asked={asked}
      {...(f && parts.length === 0 ? { empty: t`Nothing is settled in this span yet: quarters of an hour are, some minutes after they end.` } : {})}
      above={
        f && (
          <p className={classes.total}>
            <strong className="ww-number">{energyText(whole, unit)}</strong>
            <span>{f.until > f.from ? timeRange(f.from, f.until, subject.zone) : ''}</span>
          </p>
        )
      }
      option={option}
      label={t`Energy of each member of ${subject.label}: ${said}`}
      height={Math.max(230, 40 + 24 * parts.length)}
      grows
      onPick={picked(onPick)}
      file={t`${subject.label} members`}
      table={() => tableOfShares(parts, whole, unit, subject.zone, [t`Member`, t`Energy`, t`Share`])}
    />
  )
}
