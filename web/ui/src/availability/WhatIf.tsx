// What happens when objects fail at random: a curve over the probability of an
// outage, with spares and stand-ins as one wishes.

import { useLingui } from '@lingui/react/macro'
import { Button, NumberInput } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useCallback, useState } from 'react'
import { simulate, type Of, type Outcome } from '../api/availability'
import type { Tokens } from '../chart/colour'
import { percent } from '../lib/format'
import { count } from '../lib/units'
import { FigurePanel } from '../part/FigurePanel'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { axis, grid } from '../subject/option'
import classes from './Availability.module.css'

const outages = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5]

export function WhatIf({ of }: { of: Of }) {
  const { t } = useLingui()
  const [draft, setDraft] = useState({ replicas: 0, virtual: 0 })
  const [wanted, setWanted] = useState(draft)
  const asked = useQuery({
    queryKey: ['availability', 'simulate', of, wanted], queryFn: () => simulate(of, { outages, replicas: wanted.replicas, virtual: wanted.virtual / 100, draws: 20_000, seed: 1 }), staleTime: 60_000, placeholderData: keepPreviousData, retry: 0,
  })
  const curve = asked.data?.curve
  const lines = [
    { key: 'runs', name: t`runs as asked`, index: 0, type: 'solid' }, { key: 'full', name: t`everything runs`, index: 1, type: 'dashed' }, { key: 'mean', name: t`mean of composites`, index: 2, type: 'dotted' },
    { key: 'monolith', name: t`a monolith`, index: 7, type: [8, 3, 2, 3] },
  ] as const
  const option = useCallback(
    (k: Tokens) => ({
      grid: { ...grid(), top: 34 },
      legend: { top: 0, left: 0, textStyle: { color: k.ink }, itemWidth: 34 },
      tooltip: { trigger: 'axis', backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink }, valueFormatter: (v: number) => percent(v, 1) },
      xAxis: { type: 'category', data: (curve ?? []).map((c) => percent(c.outage)), ...axis(k), name: t`outage of each object`, nameLocation: 'middle', nameGap: 26 },
      yAxis: { type: 'value', min: 0, max: 1, ...axis(k), axisLabel: { color: k.dim, formatter: (v: number) => percent(v) } },
      series: lines.map((l) => ({ type: 'line', name: l.name, data: (curve ?? []).map((c) => c[l.key].mean), symbolSize: 5, itemStyle: { color: k.series[l.index] }, lineStyle: { color: k.series[l.index], type: l.type, width: 2 } })),
    }),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the lines are made of texts, which stay
    [curve, t],
  )
  const at = (o: number): Outcome | undefined => curve?.find((c) => c.outage === o)
  return (
    <>
      <Panel title={t`What if objects fail`} height={60}>
        <form
          className={classes.bar}
          onSubmit={(e) => {
            e.preventDefault()
            setWanted(draft)
          }}
        >
          <NumberInput size="xs" label={t`Spares of each object`} min={0} max={8} allowDecimal={false} value={draft.replicas} onChange={(v) => setDraft({ ...draft, replicas: typeof v === 'number' ? v : 0 })} />
          <NumberInput size="xs" label={t`Stand-ins succeed, %`} min={0} max={100} value={draft.virtual} onChange={(v) => setDraft({ ...draft, virtual: typeof v === 'number' ? v : 0 })} />
          <Button size="xs" type="submit" loading={asked.isFetching}>
            {t`Work it out`}
          </Button>
        </form>
      </Panel>
      <FigurePanel
        title={t`When objects fail at random`} note={asked.data && t`${count(asked.data.draws)} moments each, ${count(asked.data.objects)} objects`} asked={asked} height={320} option={option} file={t`availability when objects fail`}
        label={t`Availability over the probability of an outage: at 10 % it runs as asked in ${percent(at(0.1)?.runs.mean, 1)} of moments, a monolith in ${percent(at(0.1)?.monolith.mean, 1)}`}
        empty={curve?.length === 0 ? t`No object is below this service.` : undefined}
        table={() => ({ columns: [{ name: t`Outage`, unit: '' }, ...lines.map((l) => ({ name: l.name, unit: '' }))], rows: (curve ?? []).map((c) => [c.outage, ...lines.map((l) => c[l.key].mean)]), zone: 'UTC' })}
        below={
          <Table label={t`When objects fail at random`} columns={[{ name: t`Outage`, number: true }, ...lines.map((l) => ({ name: l.name, number: true }))]}>
            {(curve ?? []).map((c) => (
              <tr key={c.outage}>
                <td data-number="true">{percent(c.outage)}</td>
                {lines.map((l) => (
                  <td key={l.key} data-number="true" title={t`standard error ${percent(c[l.key].error, 2)}`}>
                    {percent(c[l.key].mean, 1)}
                  </td>
                ))}
              </tr>
            ))}
          </Table>
        }
      />
    </>
  )
}
