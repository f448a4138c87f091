// The energies of a period, window by window.

import { NativeSelect } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { useCallback, useRef } from 'react'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { windowsFile, type Size } from '../api/costs'
import { amount, sizes, type Bar, type Period } from '../lib/costs'
import { axisText, percent } from '../lib/format'
import { hatching, qualityName } from '../lib/quality'
import type { Subject } from '../lib/subject'
import { clear, time, zoneName } from '../lib/time'
import { shareDown } from '../flow/Figures'
import { ExportMenu } from '../part/ExportMenu'
import { Panel, type Asked } from '../part/Panel'
import { QualityLegend } from '../part/QualityLegend'
import type { Table } from '../part/table'
import classes from './Costs.module.css'

export interface EnergyProps {
  subject: Subject
  name: string
  period: Period
  zone: string
  size: Size
  unit: string
  bars: readonly Bar[]
  /** Beside each, that of the period it is compared with. */
  other: readonly (Bar | undefined)[] | undefined
  otherName: string
  asked: readonly Asked[]
  until: string
  compare: string
  onSize: (s: string) => void
  onCompare: (s: string) => void
}

/** How a window is called on the axis and in the table. */
function label(b: Bar, size: Size, period: Period, zone: string, long: boolean): string {
  if (size === '1M') return time(b.start, zone, 'month')
  if (size === '1d') return time(b.start, zone, long || period.unit !== 'year' ? 'day' : 'date')
  // On the day the clock is put back an hour comes twice.
  const clock = long ? time(b.start, zone, 'clock') : clear(b.start, zone, 'clock')
  return long ? `${time(b.start, zone, 'day')} ${clock} ${zoneName(zone, b.start)}` : period.unit === 'day' ? clock : `${time(b.start, zone, 'day')} ${clock}`
}

/** Somebody had a hand in it; what is estimated of a window is a part of its bar. */
const handed = (b: Bar) => b.quality === 'corrected' || b.quality === 'substituted'

const shownRows = 400

export function Energy(p: EnergyProps) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const { bars, other, size, period, zone, unit, otherName } = p
  const names: Record<string, string> = { '15m': t`Quarter hours`, '1h': t`Hours`, '1d': t`Days`, '1M': t`Months` }
  const words = { measured: t`Measured`, estimated: t`Estimated`, unknown: t`Nothing known` }
  const { measured, estimated, unknown } = words

  const option = useCallback(
    (k: Tokens) => {
      const hatch = { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: -Math.PI / 4, color: k.power }
      const pale = `color-mix(in srgb, ${k.power} 30%, ${k.card})`
      const gaps = bars.some((b) => b.amount === null && !b.open)
      return {
        grid: { left: 4, right: 8, top: 34, bottom: 4, containLabel: true },
        legend: { top: 0, left: 0, itemWidth: 16, itemHeight: 10, textStyle: { color: k.dim }, data: [measured, estimated, ...(gaps ? [unknown] : []), ...(other ? [otherName] : [])] },
        tooltip: {
          trigger: 'axis', axisPointer: { type: 'shadow', shadowStyle: { color: k.grid } }, backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
          formatter: (xs: { dataIndex: number }[]) => {
            const i = xs[0]?.dataIndex ?? 0
            const b = bars[i]
            if (!b) return ''
            const o = other?.[i]
            const said = [`<b>${label(b, size, period, zone, true)}</b>`, b.amount === null ? (b.open ? '–' : unknown) : amount(b.amount, unit)]
            if (b.estimated !== null && b.estimated !== 0) said.push(`${estimated}: ${amount(b.estimated, unit)}`)
            if (b.amount !== null && b.quality !== 'measured') said.push(qualityName(b.quality))
            if (b.amount !== null && b.completeness < 1) said.push(percent(shareDown(b.completeness), 1))
            if (other) said.push(`${otherName}: ${amount(o?.amount, unit)}`)
            return said.join('<br>')
          },
        },
        xAxis: { type: 'category', data: bars.map((b) => label(b, size, period, zone, false)), axisLabel: { color: k.dim, hideOverlap: true }, axisLine: { lineStyle: { color: k.line } }, axisTick: { show: false } },
        yAxis: [
          { type: 'value', axisLabel: { color: k.dim, formatter: axisText([...bars.map((b) => b.amount), ...(other ?? []).map((o) => o?.amount)], unit) }, splitLine: { lineStyle: { color: k.grid } } },
          { type: 'value', show: false, min: 0, max: 1 },
        ],
        series: [
          { name: measured, type: 'bar', stack: 'a', barCategoryGap: bars.length > 100 ? '5%' : '18%', data: bars.map((b) => ({ value: b.amount === null ? null : b.amount - (b.estimated ?? 0), itemStyle: { decal: handed(b) ? hatching(b.quality, k.card) : undefined } })), itemStyle: { color: k.power } },
          { name: estimated, type: 'bar', stack: 'a', data: bars.map((b) => (b.amount === null ? null : b.estimated === 0 ? null : b.estimated)), itemStyle: { color: pale, decal: hatch } },
          { name: unknown, type: 'bar', yAxisIndex: 1, barGap: '-100%', silent: true, data: bars.map((b) => (b.amount === null && !b.open ? 1 : null)), itemStyle: { color: k.grid } },
          ...(other
            ? [{ name: otherName, type: 'line', step: 'middle', symbol: bars.length === 1 ? 'circle' : 'none', connectNulls: false, data: bars.map((_, i) => other[i]?.amount ?? null), lineStyle: { color: k.dim, width: 1.5, type: 'dashed' }, itemStyle: { color: k.dim } }]
            : []),
        ],
      }
    },
    [bars, other, otherName, size, period, zone, unit, measured, estimated, unknown],
  )
  const table = (): Table => ({
    columns: [{ name: t`Begin`, unit: '' }, { name: t`End`, unit: '' }, { name: t`Energy`, unit }, { name: t`Estimated`, unit }, { name: t`Complete`, unit: '' }, { name: t`Quality`, unit: '' }, ...(other ? [{ name: otherName, unit }] : [])],
    rows: bars.map((b, i) => [{ at: b.start }, { at: b.end }, b.amount, b.estimated, b.completeness, b.amount === null ? null : qualityName(b.quality), ...(other ? [other[i]?.amount ?? null] : [])]),
    zone,
  })
  const known = bars.filter((b) => b.amount !== null)
  const most = known.reduce<Bar | undefined>((a, b) => (a === undefined || (b.amount ?? 0) > (a.amount ?? 0) ? b : a), undefined)
  const most1 = most ? amount(most.amount, unit) : ''
  const when = most ? label(most, size, period, zone, true) : ''
  const nothing = known.length === 0
  return (
    <Panel
      title={t`Energy`}
      note={p.until}
      asked={p.asked}
      height={362}
      empty={nothing ? (bars.length > 0 && bars.every((b) => b.open) ? t`Nothing is settled of this period yet. Settled windows come some minutes after the time they are of.` : t`Nothing is known of this period. Choose another one, or import readings of it.`) : undefined}
      actions={
        <>
          <NativeSelect size="xs" aria-label={t`Length of the windows`} value={size} data={sizes[period.unit].map((s) => ({ value: s, label: names[s] ?? s }))} onChange={(e) => p.onSize(e.currentTarget.value)} />
          <NativeSelect
            size="xs"
            aria-label={t`Compare with`}
            value={p.compare}
            data={[
              { value: '', label: t`Compare with nothing` },
              { value: 'previous', label: t`Period before` },
              { value: 'year', label: t`A year before` },
            ]}
            onChange={(e) => p.onCompare(e.currentTarget.value)}
          />
          <ExportMenu
            name={`${p.name} ${period.text}`}
            table={table}
            picture={() => host.current}
            links={[
              { label: t`Settled windows (CSV)`, end: 'csv', href: windowsFile(p.subject, size, period.from, period.to, 'csv') },
              { label: t`Settled windows (XLSX)`, end: 'xlsx', href: windowsFile(p.subject, size, period.from, period.to, 'xlsx') },
              { label: t`Settled windows (Parquet)`, end: 'parquet', href: windowsFile(p.subject, size, period.from, period.to, 'parquet') },
            ]}
          />
        </>
      }
    >
      <div ref={host}>
        <Figure option={option} height={340} label={t`Energy of ${p.name} in ${known.length} of ${bars.length} windows known; the highest is ${most1} in ${when}`} />
      </div>
      <QualityLegend of={bars.filter(handed).map((b) => b.quality)} />
      <details>
        <summary>{t`Figures`}</summary>
        <div className={classes.scroll} tabIndex={0} role="region" aria-label={t`Energies as figures`}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">{t`Time`}</th>
                <th scope="col">{t`Energy`}</th>
                <th scope="col">{t`Estimated`}</th>
                <th scope="col">{t`Complete`}</th>
                <th scope="col">{t`Quality`}</th>
                {other && <th scope="col">{otherName}</th>}
              </tr>
            </thead>
            <tbody>
              {bars.slice(0, shownRows).map((b, i) => (
                <tr key={b.start}>
                  <th scope="row">{label(b, size, period, zone, true)}</th>
                  <td className="ww-number">{amount(b.amount, unit)}</td>
                  <td className="ww-number">{amount(b.estimated, unit)}</td>
                  <td className="ww-number">{b.open && b.amount === null ? t`open` : percent(shareDown(b.completeness), 1)}</td>
                  <td>{b.amount === null ? '–' : qualityName(b.quality)}</td>
                  {other && <td className="ww-number">{amount(other[i]?.amount, unit)}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {bars.length > shownRows && <p className={classes.note}>{t`These are the first ${shownRows} of ${bars.length}; the export has all of them.`}</p>}
      </details>
    </Panel>
  )
}
