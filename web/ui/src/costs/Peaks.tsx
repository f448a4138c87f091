// The highest quarter hour of each month, and what drew it.

import { useLingui } from '@lingui/react/macro'
import type { MonthsBody } from '../api/generated/types.gen'
import { amount } from '../lib/costs'
import { percent } from '../lib/format'
import { nameOf } from '../lib/subject'
import { clear, time } from '../lib/time'
import type { Index } from '../lib/tree'
import { shareDown } from '../flow/Figures'
import { ExportMenu } from '../part/ExportMenu'
import { Panel, type Asked } from '../part/Panel'
import type { Table } from '../part/table'
import classes from './Costs.module.css'

export function Peaks({ body, asked, index, name, zone }: { body: MonthsBody | undefined; asked: Asked; index: Index; name: string; zone: string }) {
  const { t } = useLingui()
  const months = [...(body?.months ?? [])].filter((m) => m.quarters > 0).reverse()
  const unit = body?.unit ?? 'W'
  const who = (m: (typeof months)[number]) =>
    (m.peaks?.[0]?.contributors?.members ?? []).flatMap((c) => {
      const id = c.group ?? c.sensor
      return id === undefined || c.demand === null ? [] : [`${nameOf(index, { kind: c.group === undefined ? 'sensor' : 'group', id })} ${amount(c.demand, unit)}`]
    })
  const table = (): Table => ({
    columns: [
      { name: t`Month`, unit: '' }, { name: t`Peak`, unit }, { name: t`Time of the peak`, unit: '' }, { name: t`Peak of twelve months`, unit }, { name: t`Energy`, unit: body?.amountUnit ?? '' }, { name: t`Complete`, unit: '' },
      { name: t`Most drawn by`, unit: '' },
    ],
    rows: months.map((m) => [m.month, m.demand, m.peaks?.[0] ? { at: m.peaks[0].start } : null, m.rolling.demand, m.amount, m.completeness, who(m).join('; ')]),
    zone,
  })
  return (
    <Panel
      title={t`Peaks of the months`}
      note={t`the highest mean power over a quarter of an hour`}
      asked={asked}
      height={330}
      grows
      empty={body && months.length === 0 ? t`Nothing is settled of these months yet.` : undefined}
      actions={<ExportMenu name={`${t`Peaks`} ${name}`} table={table} />}
    >
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t`Peaks of the months`}>
        <table className={classes.table}>
          <thead>
            <tr>
              <th scope="col">{t`Month`}</th>
              <th scope="col">{t`Peak`}</th>
              <th scope="col">{t`Time of the peak`}</th>
              <th scope="col">{t`Peak of twelve months`}</th>
              <th scope="col">{t`Energy`}</th>
              <th scope="col">{t`Complete`}</th>
              <th scope="col">{t`Most drawn by`}</th>
            </tr>
          </thead>
          <tbody>
            {months.map((m) => (
              <tr key={m.start}>
                <th scope="row">
                  {time(m.start, zone, 'month')}
                  {m.whole ? '' : ` (${t`open`})`}
                </th>
                <td className="ww-number">{amount(m.demand, unit)}</td>
                <td className="ww-number">{m.peaks?.[0] ? clear(m.peaks[0].start, zone) : '–'}</td>
                <td className="ww-number">{amount(m.rolling.demand, unit)}</td>
                <td className="ww-number">{amount(m.amount, body?.amountUnit ?? 'Wh')}</td>
                <td className="ww-number">{percent(shareDown(m.completeness), 1)}</td>
                <td className={classes.text}>{who(m).join(', ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
