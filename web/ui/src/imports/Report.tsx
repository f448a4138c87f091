// What an import did, or would do.

import { useLingui } from '@lingui/react/macro'
import type { ImportReport } from '../api/generated/types.gen'
import { kilowattHours } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Table } from '../part/Table'
import classes from './Imports.module.css'

export function Report({ report: r, zone }: { report: ImportReport; zone: string }) {
  const { t } = useLingui()
  return (
    <>
      {(r.notes ?? []).map((n) => (
        <p key={n} className={classes.note}>
          {n}
        </p>
      ))}
      <Table
        label={t`Sensors of the import`}
        columns={[
          { name: t`Sensor` }, { name: t`From` }, { name: t`To` }, { name: t`New`, number: true }, { name: t`There already`, number: true }, { name: t`Count instead`, number: true },
          { name: t`Refused`, number: true }, { name: t`Amount`, number: true },
        ]}
      >
        {r.sensors.map((s) => {
          const amount = kilowattHours(s.amount)
          return (
            <tr key={s.sensor}>
              <td>
                {s.sensor} {r.made?.includes(s.sensor) && <span className={classes.dim}>{t`(new)`}</span>}
              </td>
              <td>{s.from === undefined ? '–' : time(Date.parse(s.from), zone)}</td>
              <td>{s.to === undefined ? '–' : time(Date.parse(s.to), zone)}</td>
              <td data-number="true">{count(s.new)}</td>
              <td data-number="true">{count(s.same)}</td>
              <td data-number="true">{count(s.replacing)}</td>
              <td data-number="true">{count(s.conflicts)}</td>
              <td data-number="true">{s.amount === undefined ? '–' : `${amount.value} ${amount.unit}`}</td>
            </tr>
          )
        })}
      </Table>
      {r.refused > 0 && <p className={classes.note}>{t`${count(r.refused)} rows or values could not be read.`}</p>}
      {r.examples.length > 0 && (
        <ul className={classes.examples}>
          {r.examples.slice(0, 10).map((e, i) => (
            <li key={`${e.line ?? e.row ?? i}/${i}`}>
              {e.line !== undefined && t`Line ${e.line}: `}
              {e.reason}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
