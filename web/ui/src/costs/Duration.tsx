// How long which demand was there: the load duration curve.

import { useLingui } from '@lingui/react/macro'
import { useCallback, useRef } from 'react'
import type { DurationBody } from '../api/generated/types.gen'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { amount } from '../lib/costs'
import { axisText, percent } from '../lib/format'
import { clear } from '../lib/time'
import { locale } from '../lib/locale'
import { shareDown } from '../flow/Figures'
import { ExportMenu } from '../part/ExportMenu'
import { Panel, type Asked } from '../part/Panel'
import classes from './Costs.module.css'

const hoursOf = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 })

export function Duration({ body, asked, name, period, zone }: { body: DurationBody | undefined; asked: Asked; name: string; period: string; zone: string }) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const share = body?.share
  const demand = body?.demand
  const unit = body?.unit ?? 'W'
  const hours = body?.hours
  const option = useCallback(
    (k: Tokens) => ({
      grid: { left: 4, right: 18, top: 12, bottom: 4, containLabel: true },
      tooltip: {
        trigger: 'axis', backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
        formatter: (xs: { dataIndex: number }[]) => {
          const i = xs[0]?.dataIndex ?? 0
          return `<b>≥ ${amount(demand?.[i], unit)}</b><br>${percent(share?.[i], 1)} · ${hoursOf.format(hours?.[i] ?? 0)} h`
        },
      },
      xAxis: { type: 'value', min: 0, max: 100, axisLabel: { color: k.dim, formatter: '{value} %' }, splitLine: { show: false }, axisLine: { onZero: false, lineStyle: { color: k.line } } },
      // From zero, or from below it where energy was fed in.
      yAxis: { type: 'value', axisLabel: { color: k.dim, formatter: axisText(demand ?? [], unit) }, splitLine: { lineStyle: { color: k.grid } } },
      series: [{ type: 'line', step: 'end', symbol: 'none', data: (share ?? []).map((s, i) => [s * 100, demand?.[i] ?? null]), lineStyle: { color: k.power, width: 2 }, itemStyle: { color: k.power }, areaStyle: { color: k.band } }],
    }),
    [share, demand, hours, unit],
  )
  const known = (body?.known ?? 0) > 0
  const peak = amount(body?.known ? (body.highest as DurationBody['highest'] | null | undefined)?.demand : null, unit)
  const mean = amount(body?.average, unit)
  const at = known ? (body?.highest as DurationBody['highest'] | null | undefined)?.start : undefined
  return (
    <Panel
      title={t`Load duration`}
      note={t`for how much of the known time the demand was at least so high`}
      asked={asked}
      height={330}
      grows
      empty={body && !known ? t`Nothing is known of this period.` : undefined}
      actions={
        <ExportMenu
          name={`${t`Load duration`} ${name} ${period}`}
          table={() => ({ columns: [{ name: t`Share of the time`, unit: '' }, { name: t`Hours`, unit: 'h' }, { name: t`Demand`, unit }], rows: (share ?? []).map((s, i) => [s, hours?.[i] ?? null, demand?.[i] ?? null]), zone })}
          picture={() => host.current}
        />
      }
    >
      <div ref={host}>
        <Figure option={option} height={240} label={t`Load duration of ${name}: at most ${peak}, on average ${mean}`} />
      </div>
      <dl className={classes.sums}>
        <div>
          <dt>{t`Highest`}</dt>
          <dd className="ww-number">
            {peak}
            {at !== undefined && <small>{clear(at, zone)}</small>}
          </dd>
        </div>
        <div>
          <dt>{t`Average`}</dt>
          <dd className="ww-number">{mean}</dd>
        </div>
        <div>
          <dt>{t`Load factor`}</dt>
          <dd className="ww-number">{percent(body?.loadFactor, 1)}</dd>
        </div>
        <div>
          <dt>{t`Full load hours`}</dt>
          <dd className="ww-number">{body?.fullLoadHours === null || body?.fullLoadHours === undefined ? '–' : `${hoursOf.format(body.fullLoadHours)} h`}</dd>
        </div>
        <div>
          <dt>{t`Complete`}</dt>
          <dd className="ww-number">{percent(body ? shareDown(body.completeness) : null, 1)}</dd>
        </div>
      </dl>
    </Panel>
  )
}
