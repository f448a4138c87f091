// How alike the chosen series move: a heat map, and the figures behind it.

import { useLingui } from '@lingui/react/macro'
import { useCallback, useMemo, useRef } from 'react'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import type { Line } from '../chart/lines'
import { correlation, held, type Correlation } from '../lib/compare'
import { locale } from '../lib/locale'
import { duration } from '../lib/words'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { Table } from '../part/table'
import type { Chosen, Lines } from './data'
import classes from './Compare.module.css'

const moments = 288

const figure = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const written = (r: number | null) => (r === null ? '–' : figure.format(r))

export function Correlations({ chosen, now, from, to, zone }: { chosen: readonly Chosen[]; now: Lines; from: number; to: number; zone: string }) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const step = Math.max(1000, (to - from) / moments)
  // What comes in live is looked at now and then, not at each tick.
  const stamp = `${chosen.map((c) => c.code).join()} ${Math.round((to - from) / 1000)} ${Math.floor(from / Math.max(15_000, step))} ${now.isPending} ${now.isPlaceholderData} ${[...now.lines.values()].filter((l) => l.t.length > 1).length}`
  const { names, cells } = useMemo(() => {
    const lines = chosen.flatMap((c): { line: Line; gap: number }[] => {
      const line = now.lines.get(c.code)
      return line ? [{ line, gap: c.source.gap }] : []
    })
    const times = Array.from({ length: moments }, (_, i) => from + (i + 1) * step)
    const columns = lines.map(({ line, gap }) => held(line, times, Math.max(gap, 2 * step)))
    return { names: lines.map((l) => l.line.label), cells: columns.map((a) => columns.map((b) => correlation(a, b))) }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the stamp stands for the lines
  }, [stamp])

  const option = useCallback(
    (k: Tokens) => ({
      grid: { left: 8, right: 70, top: 8, bottom: 8, containLabel: true },
      tooltip: {
        backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
        formatter: (p: { data: { value: [number, number, number | null]; n: number } }) => {
          const [x, y, r] = p.data.value
          return `${escaped(names[y])}<br>${escaped(names[x])}<br><b>${written(r)}</b>`
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
          data: cells.flatMap((row, y) => row.map((c, x) => ({ value: [x, y, c.r ?? '-'], n: c.n, label: { color: Math.abs(c.r ?? 0) > 0.6 ? k.card : k.ink } }))),
          label: { show: names.length <= 10, color: k.ink, formatter: (p: { data: { value: [number, number, number | '-'] } }) => (p.data.value[2] === '-' ? '–' : written(p.data.value[2])) },
          itemStyle: { borderColor: k.line, borderWidth: 1 },
        },
      ],
    }),
    [names, cells],
  )

  const table = (): Table => ({
    columns: [{ name: t`Series`, unit: '' }, ...names.map((name) => ({ name, unit: '' }))],
    rows: names.map((n, y) => [n, ...(cells[y] ?? []).map((c) => c.r)]),
    zone,
  })
  const strongest = strongestOf(names, cells)
  const few = chosen.length < 2
  const each = duration(step)
  return (
    <Panel
      title={t`Correlation`}
      note={few ? undefined : t`of the values each ${each} in view, from −1 to 1`}
      asked={few ? [] : now}
      height={few ? 120 : Math.min(520, 140 + 34 * chosen.length)}
      empty={few ? t`With two series and more it is shown here how alike they move.` : undefined}
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
