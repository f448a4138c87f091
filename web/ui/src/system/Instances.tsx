// Which processes there are, what each works on, and how far each reads.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import type { Instance, Owned } from '../api/generated/types.gen'
import { instances } from '../api/system'
import { ago } from '../lib/format'
import { ranges, readersOf } from '../lib/instances'
import { time } from '../lib/time'
import { count, lasting } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import classes from './System.module.css'

export function Instances({ zone }: { zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['instances'], queryFn: ({ signal }) => instances(signal), refetchInterval: 5000 })
  const list = asked.data?.instances ?? []
  const orphans = (asked.data?.work ?? []).filter((w) => (w.unowned ?? []).length > 0)
  const readers = readersOf(asked.data?.readers ?? [])
  const name = (id: string) => list.find((x) => x.id === id)?.name ?? id
  const owned = (o: Owned) => {
    const pieces = ranges(o.pieces ?? [])
    // What is not divided has no numbers.
    if (o.of === 1 && pieces !== '') return o.module
    return pieces === '' ? t`${o.module}: none of ${o.of} ${o.share}` : t`${o.module}: ${o.share} ${pieces} of ${o.of}`
  }
  const state = (x: Instance): { text: string; bad: boolean } => {
    if (!x.answered) return { text: t`does not answer`, bad: true }
    if (x.diskFull) return { text: t`its disk is full`, bad: true }
    const unready = (x.unready ?? []).map((m) => m.name).join(', ')
    return unready === '' ? { text: t`running`, bad: false } : { text: t`not running: ${unready}`, bad: true }
  }
  return (
    <>
      <Panel
        title={t`Instances`} height={140} grows asked={asked}
        warning={orphans.length === 0 ? undefined : orphans.map((w) => t`Nobody works on ${w.share} ${ranges(w.unowned ?? [])} of ${w.module}.`).join(' ')}
      >
        <Table label={t`Instances`} columns={[{ name: t`Name` }, { name: t`State` }, { name: t`Modules` }, { name: t`Works on` }, { name: t`Since` }, { name: t`Heard of` }, { name: t`Version` }]}>
          {list.map((x) => {
            const s = state(x)
            return (
              <tr key={x.id}>
                <td>
                  {x.name}
                  {x.here && <span className={classes.dim}> {t`(answers here)`}</span>}
                </td>
                <td className={s.bad ? classes.bad : classes.well}>{s.text}</td>
                <td className={classes.many}>{(x.modules ?? []).join(', ')}</td>
                <td className={classes.many}>
                  {(x.owns ?? []).length === 0
                    ? '–'
                    : (x.owns ?? []).map((o) => (
                        <span key={`${o.module}/${o.share}`} className={classes.line}>
                          {owned(o)}
                        </span>
                      ))}
                </td>
                <td>{time(Date.parse(x.started), zone, 'moment')}</td>
                <td>{x.seen === null ? '–' : ago(Math.max(0, Date.parse(asked.data?.at ?? x.seen) - Date.parse(x.seen)))}</td>
                <td>{x.version}</td>
              </tr>
            )
          })}
        </Table>
      </Panel>
      <Panel title={t`Reading from the bus`} height={140} grows asked={asked} empty={readers.length === 0 ? t`Nothing reads from the bus in a process that answered.` : undefined}>
        <Table label={t`Reading from the bus`} columns={[{ name: t`Reader` }, { name: t`Instance` }, { name: t`Partitions` }, { name: t`Waiting`, number: true }, { name: t`Behind by`, number: true }]}>
          {readers.map((r) => (
            <tr key={`${r.reader}/${r.instance}`}>
              <td>{r.reader}</td>
              <td>{name(r.instance)}</td>
              <td>{ranges(r.partitions)}</td>
              <td data-number="true">{count(r.messages)}</td>
              <td data-number="true">{r.messages === 0 ? t`nothing` : lasting(r.seconds)}</td>
            </tr>
          ))}
        </Table>
      </Panel>
    </>
  )
}
