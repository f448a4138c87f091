// Which sensors below the group send, and which are late or silent.

import { Plural, useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { coverage } from '../api/dashboard'
import type { State } from '../lib/state'
import { ago, percent } from '../lib/format'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { StateMark, useStateNames } from '../sensors/State'
import type { Subject } from '../subject/subject'
import classes from './Coverage.module.css'

const most = 100
const states: readonly State[] = ['live', 'late', 'silent', 'never']

export function Coverage({ subject }: { subject: Extract<Subject, { kind: 'group' }> }) {
  const { t } = useLingui()
  const names = useStateNames()
  const asked = useQuery({
    queryKey: ['coverage', subject.hierarchy, subject.id],
    queryFn: ({ signal }) => coverage(subject.id, subject.hierarchy, most, signal),
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
  })
  const c = asked.data
  const wrong = c?.sensors ?? []
  const counts = c?.counts
  const all = c?.total ?? 0
  const left = counts ? counts.late + counts.silent + counts.never - wrong.length : 0
  return (
    <Panel
      title={t`Coverage`}
      note={counts ? t`${percent(all > 0 ? (counts.live + counts.late) / all : null)} of ${all} sensors count` : undefined}
      asked={asked}
      height={130}
      grows
      actions={
        <ExportMenu
          name={t`${subject.label} coverage`}
          table={() => ({
            columns: [{ name: t`Sensor`, unit: '' }, { name: t`Name`, unit: '' }, { name: t`State`, unit: '' }, { name: t`Last reading`, unit: '' }],
            rows: wrong.map((s) => [s.sensor, s.name, names[s.state], s.seen === null ? null : { at: s.seen }]),
            zone: subject.zone,
          })}
        />
      }
    >
      {counts && (
        <>
          <ul className={classes.counts} aria-label={t`Sensors by state`}>
            {states.map((s) => (
              <li key={s} data-some={counts[s] > 0}>
                <StateMark state={s} /> <strong className="ww-number">{counts[s]}</strong>
              </li>
            ))}
          </ul>
          {wrong.length === 0 ? (
            <p className={classes.quiet}>{t`Every sensor sends as often as it should.`}</p>
          ) : (
            <ul className={classes.list} aria-label={t`Sensors that are late or silent`}>
              {wrong.map((s) => (
                <li key={`${s.group} ${s.sensor}`}>
                  <Link to="/sensors" search={{ h: subject.hierarchy, g: s.group, s: s.sensor }} className={classes.name}>
                    {s.name}
                  </Link>
                  <StateMark state={s.state} />
                  <span className={classes.age}>{s.age === null ? '' : ago(s.age * 1000)}</span>
                </li>
              ))}
            </ul>
          )}
          {left > 0 && (
            <p className={classes.quiet}>
              <Plural value={left} one="and one more" other="and # more" />
            </p>
          )}
        </>
      )}
    </Panel>
  )
}
