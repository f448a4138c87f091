// What was refused of this sensor, and why.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { deadLetters } from '../api/sensors'
import { text } from '../lib/format'
import { time } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'

/** So many of all sensors are looked through. */
const most = 1000

export function DeadLetters({ subject }: { subject: Subject }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['dead-letters', most], queryFn: ({ signal }) => deadLetters(most, signal), refetchInterval: 30_000 })
  const all = asked.data?.letters ?? []
  const list = all.filter((l) => l.sensor === subject.id)
  const { zone, unit } = subject
  return (
    <Panel
      title={t`Refused`}
      note={asked.data && asked.data.count > all.length ? t`among the newest ${all.length} of all sensors` : undefined}
      asked={asked}
      height={100}
      {...(asked.data && list.length === 0 ? { empty: t`Nothing of this sensor was refused.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} refused`}
          table={() => ({
            columns: [{ name: t`Refused`, unit: '' }, { name: t`Time`, unit: '' }, { name: t`Value`, unit }, { name: t`Source`, unit: '' }, { name: t`Why`, unit: '' }, { name: t`Sample`, unit: '' }],
            rows: list.map((l) => [{ at: l.at }, l.time === undefined ? null : { at: l.time }, l.value ?? null, l.source, l.reason, l.sample ?? null]),
            zone,
          })}
        />
      }
    >
      <ul className={classes.list}>
        {list.slice(0, 100).map((l, i) => (
          <li key={`${l.at} ${i}`}>
            <span>{time(l.at, zone, 'exact')}</span>
            <span className={classes.end}>{l.value === undefined ? l.source : t`${text(l.value, unit)} from ${l.source}`}</span>
            <span className={classes.sentence}>{l.reason}</span>
            {l.sample !== undefined && <span className={classes.sample}>{l.sample}</span>}
          </li>
        ))}
      </ul>
    </Panel>
  )
}
