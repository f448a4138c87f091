// The devices that served a sensor, the newest first.

import { useLingui } from '@lingui/react/macro'
import type { Sensor } from '../api/generated/types.gen'
import { DASH, text } from '../lib/format'
import { unitFor, valueFor } from '../lib/own'
import { time } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'

export function Devices({ sensor, subject }: { sensor: Sensor; subject: Subject }) {
  const { t } = useLingui()
  const { zone } = subject
  const unit = unitFor(subject)
  const list = [...(sensor.devices ?? [])].reverse()
  return (
    <Panel
      title={t`Devices`}
      height={80}
      {...(list.length === 0 ? { empty: t`No device is recorded. When one is replaced, this tells which served when.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} devices`}
          table={() => ({
            columns: [{ name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: t`Serial number`, unit: '' }, { name: t`Description`, unit: '' }, { name: t`Reading at its begin`, unit }, { name: t`Reading at its end`, unit }],
            rows: list.map((d) => [{ at: Date.parse(d.from) }, d.to === undefined ? null : { at: Date.parse(d.to) }, d.serial ?? null, d.description ?? null, valueFor(subject, d.start) ?? null, valueFor(subject, d.end) ?? null]),
            zone,
          })}
        />
      }
    >
      <div className={classes.scroll} tabIndex={0} role="region" aria-label={t`Devices`}>
        <table className={classes.plain}>
          <thead>
            <tr>
              <th scope="col">{t`From`}</th>
              <th scope="col">{t`To`}</th>
              <th scope="col">{t`Device`}</th>
              <th scope="col" className={classes.number}>{t`Reading at its begin`}</th>
              <th scope="col" className={classes.number}>{t`Reading at its end`}</th>
            </tr>
          </thead>
          <tbody>
            {list.map((d) => (
              <tr key={d.from}>
                <td>{time(Date.parse(d.from), zone)}</td>
                <td>{d.to === undefined ? t`in service` : time(Date.parse(d.to), zone)}</td>
                <td>
                  {d.serial ?? DASH}
                  {d.description !== undefined && <div className={classes.dim}>{d.description}</div>}
                </td>
                <td className={`${classes.number ?? ''} ww-number`}>{text(valueFor(subject, d.start), unit)}</td>
                <td className={`${classes.number ?? ''} ww-number`}>{text(valueFor(subject, d.end), unit)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  )
}
