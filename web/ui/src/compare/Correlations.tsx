// How alike the chosen series move: a heat map, and the figures behind it, from
// settled quarters of an hour.

import { useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo, useRef } from 'react'
import { correlation } from '../api/compare'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import type { Correlation } from '../lib/compare'
import { locale } from '../lib/locale'
import type { Index } from '../lib/tree'
import { coarse } from '../lib/steps'
import { timeRange } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { Table } from '../part/table'
import type { View } from '../shell/span'
import type { Chosen } from './data'
import classes from './Compare.module.css'

/** A shorter span has too few quarters of an hour: the day up to its end is looked at. */
const shortest = 24 * 3_600_000

const figure = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const written = (r: number | null) => (r === null ? '–' : figure.format(r))

/** What is correlated: of a group that is drawn as its meter says the meter, and not the sum of its members. */
function targetOf({ pick, source }: Chosen, index: Index): { kind: 'sensor' | 'group'; id: string; summed: boolean } {
  if (source.kind !== 'group' || source.column !== 'meter') return { kind: pick.kind, id: pick.id, summed: false }
  const meters = (index.groups.get(pick.id)?.members ?? []).filter((m) => m.meter === true)
  const only = meters.length === 1 ? meters[0] : undefined
  return only?.sensor !== undefined && only.sign !== -1 ? { kind: 'sensor', id: only.sensor, summed: false } : { kind: 'group', id: pick.id, summed: true }
}

export function Correlations({ index, chosen, view, zone }: { index: Index; chosen: readonly Chosen[]; view: View; zone: string }) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const { from, to } = coarse({ from: Math.min(view.from, view.to - shortest), to: view.to }, view.live, 900_000)
  const targets = useMemo(() => chosen.map((c) => targetOf(c, index)), [chosen, index])
  const ids = (kind: 'sensor' | 'group') => [...new Set(targets.filter((x) => x.kind === kind).map((x) => x.id))]
  const few = ids('sensor').length + ids('group').length < 2
  const summed = chosen.filter((_, i) => targets[i]?.summed === true).map((c) => c.source.label)
  const asked = useQuery({
    queryKey: ['correlation', ids('sensor'), ids('group'), from, to],
    queryFn: ({ signal }) => correlation(ids('sensor'), ids('group'), { from, to }, signal),
    enabled: !few,
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    refetchInterval: view.live ? 60_000 : false,
    retry: 1,
  })
  const c = asked.data
  const { names, cells } = useMemo(() => {
    const series = c?.series ?? []
    return {
      names: series.map((s) => chosen[targets.findIndex((x) => x.kind === s.kind && x.id === s.id)]?.source.label ?? s.name),
      cells: series.map((_, y) => series.map((_, x): Correlation => ({ r: c?.pearson?.[y]?.[x] ?? null, n: c?.count?.[y]?.[x] ?? 0 }))),
    }
  }, [c, chosen, targets])

  const option = useCallback(
    (k: Tokens) => ({
      grid: { left: 8, right: 70, top: 8, bottom: 8, containLabel: true },
      tooltip: {
        backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
        formatter: (p: { data: { value: [number, number, number]; r: number | null; n: number } }) => {
          const [x, y] = p.data.value
          const { r } = p.data
          const many = p.data.n
          return `${escaped(names[y])}<br>${escaped(names[x])}<br><b>${written(r)}</b><br>${escaped(t`${many} quarters of an hour known of both`)}`
        },
      },
      xAxis: { type: 'category', data: names, axisLabel: { color: k.dim, rotate: names.length > 4 ? 40 : 0, width: 120, overflow: 'truncate' }, axisLine: { show: false }, axisTick: { show: false }, splitArea: { show: false } },
      yAxis: { type: 'category', data: names, inverse: true, axisLabel: { color: k.dim, width: 130, overflow: 'truncate' }, axisLine: { show: false }, axisTick: { show: false } },
      visualMap: {
        min: -1, max: 1, calculable: false, orient: 'vertical', right: 0, top: 'middle', itemHeight: 120, itemWidth: 12, text: ['1', '−1'], textStyle: { color: k.dim },
        inRange: { color: [k.series[1], k.card, k.series[0]] },
      },
      series: [
        {
          type: 'heatmap',
          data: cells.flatMap((row, y) => row.map((c, x) => ({
            value: [x, y, c.r ?? 0], r: c.r, n: c.n, label: { color: Math.abs(c.r ?? 0) > 0.6 ? k.card : k.ink },
            // What is not known is a dash without a colour.
            ...(c.r === null ? { visualMap: false, itemStyle: { color: k.card } } : {}),
          }))),
          label: { show: names.length <= 10, color: k.ink, formatter: (p: { data: { r: number | null } }) => written(p.data.r) },
          itemStyle: { borderColor: k.line, borderWidth: 1 },
        },
      ],
    }),
    [names, cells, t],
  )

  const table = (): Table => ({
    columns: [{ name: t`Series`, unit: '' }, ...names.map((name) => ({ name, unit: '' }))],
    rows: names.map((n, y) => [n, ...(cells[y] ?? []).map((c) => c.r)]),
    zone,
  })
  const strongest = strongestOf(names, cells)
  return (
    <Panel
      title={t`Correlation`}
      note={few || !c || c.quarters === 0 ? undefined : t`of ${c.quarters} settled quarters of an hour, ${timeRange(c.from, c.until, zone)}`}
      asked={few ? [] : asked}
      height={few ? 120 : Math.min(520, 140 + 34 * chosen.length)}
      empty={
        few
          ? t`With two series and more it is shown here how alike they move.`
          : c && c.quarters < 3
            ? t`Too few quarters of an hour are settled of this time yet.`
            : undefined
      }
      {...(!few && summed.length > 0 ? { warning: t`Of ${summed.join(', ')} the sum of the members is correlated, not what the meters say.` } : {})}
      actions={few ? undefined : <ExportMenu name={t`Correlation`} table={table} picture={() => host.current} />}
    >
      <div ref={host} className={classes.heat}>
        <Figure
          option={option}
          height={Math.min(520, 110 + 34 * names.length)}
          label={strongest ? t`Correlation of ${names.length} series; most alike are ${strongest.a} and ${strongest.b} with ${written(strongest.r)}` : t`Correlation of ${names.length} series; nothing is known of any two`}
        />
        <details>
          <summary>{t`Figures`}</summary>
          <div className={classes.scroll} tabIndex={0} role="region" aria-label={t`Figures of the correlation`}>
            <table className={classes.table}>
              <thead>
                <tr>
                  <td />
                  {names.map((n, i) => (
                    <th key={i} scope="col">
                      {n}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {names.map((n, y) => (
                  <tr key={y}>
                    <th scope="row">{n}</th>
                    {(cells[y] ?? []).map((c, x) => (
                      <td key={x} className="ww-number">
                        {written(c.r)}
                      </td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      </div>
    </Panel>
  )
}

function strongestOf(names: readonly string[], cells: readonly Correlation[][]): { a: string; b: string; r: number } | undefined {
  let best: { a: string; b: string; r: number } | undefined
  cells.forEach((row, y) =>
    row.forEach((c, x) => {
      if (x <= y || c.r === null || (best && Math.abs(best.r) >= Math.abs(c.r))) return
      best = { a: names[y] ?? '', b: names[x] ?? '', r: c.r }
    }),
  )
  return best
}

function escaped(s: string | undefined): string {
  return (s ?? '').replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
}
