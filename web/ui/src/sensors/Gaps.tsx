// How much of the span is known, and where it is not.

import { Plural, useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { gaps } from '../api/sensors'
import { percent } from '../lib/format'
import { lasting } from '../lib/lasting'
import { coarse } from '../lib/steps'
import { time, timeRange } from '../lib/time'
import { count } from '../lib/units'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { View } from '../shell/span'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'

const most = 200

export function Gaps({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const { from, to } = coarse(view, view.live, 30_000)
  const asked = useQuery({
    queryKey: ['gaps', subject.id, from, to],
    queryFn: ({ signal }) => gaps(subject.id, { from, to }, most, signal),
    placeholderData: keepPreviousData,
    refetchInterval: view.live ? 30_000 : false,
  })
  const g = asked.data
  const list = g?.gaps ?? []
  const { zone } = subject
  return (
    <Panel
      title={t`Gaps`}
      note={g && t`${percent(g.completeness, g.completeness > 0.99 && g.completeness < 1 ? 2 : 0)} of the span known`}
      asked={asked}
      height={290}
      grows
      actions={
        <ExportMenu
          name={t`${subject.label} gaps`}
          table={() => ({ columns: [{ name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: t`Length`, unit: 's' }], rows: list.map((x) => [{ at: x.from }, { at: x.to }, x.length / 1000]), zone })}
        />
      }
    >
      {g && (
        <>
          <dl className={classes.sums}>
            <div>
              <dt>{t`Readings`}</dt>
              <dd className="ww-number">{count(g.readings)}</dd>
            </div>
            <div>
              <dt>{t`Expected`}</dt>
              <dd className="ww-number">{count(g.expected)}</dd>
            </div>
            <div>
              <dt>{t`Gaps`}</dt>
              <dd className="ww-number">{count(g.total)}</dd>
            </div>
            <div>
              <dt>{t`Longest`}</dt>
              <dd>{g.total === 0 ? t`none` : lasting(g.longest)}</dd>
            </div>
          </dl>
          {list.length === 0 ? (
            <p className={classes.quiet}>{t`No reading was missing for longer than it may.`}</p>
          ) : (
            <ul className={classes.list} aria-label={t`Gaps, newest first`}>
              {list.map((x) => (
                <li key={x.from}>
                  <button type="button" className={classes.link} onClick={() => view.set({ from: x.from - Math.max(60_000, x.length / 2), to: Math.min(Date.now(), x.to + Math.max(60_000, x.length / 2)) })}>
                    {x.open ? t`since ${time(x.from, zone)}` : timeRange(x.from, x.to, zone)}
                  </button>
                  <span className={classes.end}>{lasting(x.length)}</span>
                </li>
              ))}
            </ul>
          )}
          {g.total > list.length && (
            <p className={classes.quiet}>
              <Plural value={g.total - list.length} one="and one earlier" other="and # earlier" />
            </p>
          )}
        </>
      )}
    </Panel>
  )
}
