// What was refused of this sensor, and why.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { deadLetters } from '../api/system'
import { text } from '../lib/format'
import { time } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { Subject } from '../subject/subject'
import { reasonOf } from '../system/letters'
import classes from './Lists.module.css'

/** So many are shown; all of them are in the view of the system. */
const most = 100

export function DeadLetters({ subject }: { subject: Subject }) {
  const { t } = useLingui()
  const { id } = subject
  const asked = useQuery({ queryKey: ['dead-letters', id], queryFn: ({ signal }) => deadLetters({ sensor: id, limit: most }, signal), refetchInterval: 30_000 })
  const list = asked.data?.letters ?? []
  const { zone, unit } = subject
  return (
    <Panel
      title={t`Refused`}
      note={asked.data?.next !== undefined ? t`the newest ${list.length}` : undefined}
      asked={asked}
      height={100}
      {...(asked.data && list.length === 0 ? { empty: t`Nothing of this sensor was refused.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} refused`}
          table={() => ({
            columns: [{ name: t`Refused`, unit: '' }, { name: t`Time`, unit: '' }, { name: t`Value`, unit }, { name: t`Source`, unit: '' }, { name: t`Why`, unit: '' }, { name: t`Sample`, unit: '' }],
            rows: list.map((l) => [{ at: l.at }, l.time === undefined ? null : { at: l.time }, l.value ?? null, l.source, reasonOf(l, zone), l.sample ?? null]),
            zone,
          })}
        />
      }
    >
      <ul className={classes.list}>
        {list.map((l) => (
          <li key={l.id ?? l.at}>
            <span>{time(l.at, zone, 'exact')}</span>
            <span className={classes.end}>{l.value === undefined ? l.source : t`${text(l.value, unit)} from ${l.source}`}</span>
            <span className={classes.sentence}>{reasonOf(l, zone)}</span>
            {l.retriedAt !== undefined && <span className={classes.dim}>{t`Stored since, when it was tried again.`}</span>}
            {l.sample !== undefined && <span className={classes.sample}>{l.sample}</span>}
          </li>
        ))}
      </ul>
    </Panel>
  )
}
