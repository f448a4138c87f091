// What the energy of a period costs or emits: its bill, line by line, and
// what each day or month comes to. Where nothing prices it, how that is done.

import { Button, NativeSelect } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { Trans, useLingui } from '@lingui/react/macro'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useRef, useState, type SubmitEvent } from 'react'
import { assign, tariffs } from '../api/costs'
import type { BillBody, CostsBody } from '../api/generated/types.gen'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { amount, decimal, money, type Period } from '../lib/costs'
import { percent } from '../lib/format'
import type { Subject } from '../lib/subject'
import { time } from '../lib/time'
import { shareDown } from '../flow/Figures'
import { ExportMenu } from '../part/ExportMenu'
import { Panel, type Asked } from '../part/Panel'
import type { Table } from '../part/table'
import classes from './Costs.module.css'

export interface MoneyProps {
  title: string
  subject: Subject
  name: string
  period: Period
  zone: string
  costs: CostsBody | undefined
  bill: BillBody | undefined
  asked: readonly Asked[]
  may: boolean
}

export function Money({ title, subject, name, period, zone, costs, bill, asked, may }: MoneyProps) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const currency = bill?.currency ?? ''
  const none = bill !== undefined && currency === ''
  const start = costs?.start
  const values = costs?.total ?? costs?.used
  const size = costs?.size ?? '1d'
  const label = useCallback((at: number) => (size === '1M' ? time(at, zone, 'month') : size === '1h' || size === '15m' ? time(at, zone, 'clock') : time(at, zone, 'day')), [size, zone])
  const option = useCallback(
    (k: Tokens) => ({
      grid: { left: 4, right: 8, top: 12, bottom: 4, containLabel: true },
      tooltip: {
        trigger: 'axis', axisPointer: { type: 'shadow', shadowStyle: { color: k.grid } }, backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink },
        formatter: (xs: { dataIndex: number }[]) => {
          const i = xs[0]?.dataIndex ?? 0
          return `<b>${label(start?.[i] ?? 0)}</b><br>${money(values?.[i], currency)}`
        },
      },
      xAxis: { type: 'category', data: (start ?? []).map(label), axisLabel: { color: k.dim, hideOverlap: true }, axisLine: { lineStyle: { color: k.line } }, axisTick: { show: false } },
      yAxis: { type: 'value', axisLabel: { color: k.dim, formatter: (v: number) => money(String(v), currency) }, splitLine: { lineStyle: { color: k.grid } } },
      series: [{ type: 'bar', barCategoryGap: '18%', data: (values ?? []).map((v) => (v === null ? null : Number(v))), itemStyle: { color: k.series[5] } }],
    }),
    [start, values, currency, label],
  )
  const parts = bill?.parts ?? []
  const day = (at: string) => time(Date.parse(at), zone, 'date')
  const table = (): Table => ({
    columns: [
      { name: t`Tariff`, unit: '' }, { name: t`Item`, unit: '' }, { name: t`Begin`, unit: '' }, { name: t`End`, unit: '' }, { name: t`Quantity`, unit: '' }, { name: t`Unit`, unit: '' }, { name: t`Price`, unit: '' },
      { name: t`Amount`, unit: currency },
    ],
    rows: parts.flatMap((x) =>
      (x.lines ?? []).map((l) => [x.document, [l.name ?? l.component, l.slot].filter(Boolean).join(', '), l.from, l.to, l.quantity ?? (l.days === undefined ? null : String(l.days)), l.unit ?? null, l.price ?? l.percent ?? null, Number(l.money)]),
    ),
    zone,
  })
  const total = money(bill?.total, currency)
  return (
    <Panel
      title={title}
      asked={asked}
      height={300}
      grows
      empty={none ? <Without subject={subject} name={name} may={may} from={period.text.length === 4 ? `${period.text}-01-01` : new Date(period.from + 43_200_000).toISOString().slice(0, 10)} /> : undefined}
      warning={
        bill && !none && (bill.unpriced > 0 || bill.unassigned > 0)
          ? t`${decimal(String(bill.unpriced + bill.unassigned), 1)} hours of this period have no price; they are in no sum.`
          : undefined
      }
      actions={none ? undefined : <ExportMenu name={`${title} ${name} ${period.text}`} table={table} picture={() => host.current} />}
    >
      <dl className={classes.sums}>
        <div>
          <dt>{t`Total`}</dt>
          <dd className="ww-number" data-testid={bill?.of === 'cost' ? 'bill-total' : 'co2-total'}>
            {total}
          </dd>
        </div>
        <div>
          <dt>{t`Taken`}</dt>
          <dd className="ww-number">{amount(bill ? Number(bill.taken) : null, bill?.unit ?? 'Wh')}</dd>
        </div>
        {bill && Number(bill.given) !== 0 && (
          <div>
            <dt>{t`Given back`}</dt>
            <dd className="ww-number">{amount(Number(bill.given), bill.unit)}</dd>
          </div>
        )}
        <div>
          <dt>{t`Complete`}</dt>
          <dd className="ww-number">{percent(bill ? shareDown(bill.completeness) : null, 1)}</dd>
        </div>
        <div>
          <dt>{t`Estimated`}</dt>
          <dd className="ww-number">
            {percent(bill?.estimatedShare, 1)}
            <small>{money(bill?.estimated, currency)}</small>
          </dd>
        </div>
        {bill?.unaccounted && (
          <div>
            <dt>{t`Of it, explained by no member`}</dt>
            <dd className="ww-number">{money(bill.unaccounted.total, currency)}</dd>
          </div>
        )}
      </dl>
      <div ref={host}>
        <Figure option={option} height={200} label={t`${title} of ${name}: ${total} together`} />
      </div>
      <details open={bill?.of === 'cost'}>
        <summary>{t`Bill`}</summary>
        <div className={classes.scroll} tabIndex={0} role="region" aria-label={t`Lines of the bill: ${title}`}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">{t`Item`}</th>
                <th scope="col">{t`Time`}</th>
                <th scope="col">{t`Quantity`}</th>
                <th scope="col">{t`Price`}</th>
                <th scope="col">{t`Amount`}</th>
              </tr>
            </thead>
            {parts.map((x) => (
              <tbody key={`${x.assignment} ${x.from}`}>
                <tr>
                  <th scope="rowgroup" colSpan={5}>
                    {x.document}
                    {x.by === 'meter' ? `, ${t`by its meter`}` : ''}
                  </th>
                </tr>
                {(x.lines ?? []).map((l, i) => (
                  <tr key={i}>
                    <td className={classes.text}>{[l.name ?? l.component, l.slot].filter(Boolean).join(', ')}</td>
                    <td className="ww-number">
                      {day(l.from)} – {time(Date.parse(l.to) - 1, zone, 'date')}
                    </td>
                    <td className="ww-number">{l.percent !== undefined ? '' : l.quantity !== undefined ? `${decimal(l.quantity, 3)} ${l.unit ?? ''}` : l.days !== undefined ? t`${l.days} days` : ''}</td>
                    <td className="ww-number">{l.percent !== undefined ? `${decimal(l.percent)} %` : decimal(l.price)}</td>
                    <td className="ww-number">{money(l.money, currency)}</td>
                  </tr>
                ))}
              </tbody>
            ))}
            <tfoot>
              <tr>
                <th scope="row" colSpan={4}>
                  {t`Total`}
                </th>
                <td className="ww-number">{total}</td>
              </tr>
            </tfoot>
          </table>
        </div>
      </details>
    </Panel>
  )
}

const example = `id: home
name: Home, one price
currency: EUR
versions:
  - from: 2026-01-01
    components:
      - {id: energy, name: Energy, kind: energy, price: 0.28571}
      - {id: basic, name: Standing charge, kind: standing, price: 10.50, per: month}`

/** Nothing prices it: how that is done, or the tariffs there are. */
function Without({ subject, name, may, from }: { subject: Subject; name: string; may: boolean; from: string }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const q = useQuery({ queryKey: ['tariffs'], queryFn: ({ signal }) => tariffs(signal) })
  const there = (q.data?.items ?? []).filter((x) => x.removed !== true)
  const [tariff, setTariff] = useState<string>()
  const [since, setSince] = useState(from)
  const put = useMutation({
    mutationFn: () => assign(subject, tariff ?? there[0]?.id ?? '', since),
    onSuccess: () => client.invalidateQueries({ queryKey: ['costs'] }),
    onError: (e) => notifications.show({ color: 'red', title: t`The tariff could not be assigned`, message: e.message }),
  })
  const submit = (e: SubmitEvent) => {
    e.preventDefault()
    put.mutate()
  }
  const where = new URL('api/v1/tariffs/home', document.baseURI).href
  return (
    <div className={classes.how}>
      <p>
        <Trans>Nothing prices {name} in this period.</Trans>
      </p>
      {there.length > 0 && may ? (
        <form className={classes.form} onSubmit={submit}>
          <NativeSelect size="xs" label={t`Tariff`} value={tariff ?? there[0]?.id ?? ''} data={there.map((x) => x.id)} onChange={(e) => setTariff(e.currentTarget.value)} />
          <label className={`${classes.when ?? ''} ww-when`}>
            {t`From the day`}
            <input type="date" required value={since} onChange={(e) => setSince(e.currentTarget.value)} />
          </label>
          <Button size="xs" type="submit" loading={put.isPending}>
            {t`Assign`}
          </Button>
        </form>
      ) : there.length === 0 && q.isSuccess ? (
        <>
          <p>
            <Trans>Write a tariff into a file, and send it. Prices by the hour, steps, demand charges and spot prices are possible, too.</Trans>
          </p>
          <pre tabIndex={0}>{example}</pre>
          <pre tabIndex={0}>{`curl -X PUT -H "Content-Type: application/yaml" --data-binary @home.yaml ${where}`}</pre>
          <p className={classes.note}>
            <Trans>Then it can be assigned here.</Trans> <a href="docs">{t`Description of the API`}</a>
          </p>
        </>
      ) : null}
    </div>
  )
}
