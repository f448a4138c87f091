// The highest quarters of an hour of the month, and who drew them; and where
// the running one is going to end.

import { Trans, useLingui } from '@lingui/react/macro'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { demand, running } from '../api/subject'
import type { Index } from '../lib/tree'
import { percent, text } from '../lib/format'
import { startOf } from '../lib/zone'
import { clear, time, timeRange } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { useHonest } from '../part/Honest'
import { Panel } from '../part/Panel'
import type { View } from '../shell/span'
import classes from './Peaks.module.css'
import { keyOf, type Subject } from './subject'

function nameOf(index: Index, c: { sensor?: string; group?: string }): string {
  if (c.group !== undefined) return index.groupName(c.group)
  const s = index.sensor(c.sensor ?? '')
  return s.name ?? s.id
}

export function Peaks({ subject, view, index }: { subject: Subject; view: View; index: Index }) {
  const { t } = useLingui()
  const honest = useHonest()
  const { zone } = subject
  // The month in which the view ends; its end is no part of it.
  const from = startOf('month', Math.max(view.from, view.to - 1), zone)
  const to = startOf('month', from, zone, 1)
  const asked = useQuery({
    queryKey: ['demand', keyOf(subject), from, to],
    queryFn: ({ signal }) => demand(subject, { from, to }, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    refetchInterval: view.live ? 300_000 : false,
  })
  const month = asked.data?.months?.[0]
  const peaks = month?.peaks ?? []
  const top = peaks[0]
  const unit = asked.data?.unit ?? subject.unit
  const contributors = top?.contributors
  const most = Math.max(1e-9, ...(contributors?.members ?? []).map((m) => Math.abs(m.share ?? 0)))
  return (
    <Panel
      title={t`Peak of the month`}
      note={time(from, zone, 'month')}
      asked={asked}
      height={250}
      {...(asked.data && !top ? { empty: t`Nothing of this month is settled yet.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} peaks ${month?.month ?? ''}`}
          table={() => ({
            columns: [{ name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: t`Demand`, unit }, { name: t`Completeness`, unit: '' }, { name: t`Quality`, unit: '' }],
            rows: peaks.map((p) => [{ at: p.start }, { at: p.end }, p.demand, p.completeness, p.quality]),
            zone,
          })}
        />
      }
    >
      {top && (
        <div className={classes.top}>
          <p className={classes.value}>
            <strong className="ww-number">{text(top.demand, unit)}</strong>
            <span>{timeRange(top.start, top.end, zone)}</span>
            <span>{honest(top.completeness, top.amount === 0 ? null : Math.min(1, top.estimated / Math.abs(top.amount)))}</span>
          </p>
          {contributors && (contributors.members ?? []).length > 0 && (
            <ol className={classes.list} aria-label={t`Who drew it`}>
              {(contributors.members ?? []).map((m) => (
                <li key={`${m.group ?? ''} ${m.sensor ?? ''}`}>
                  <span className={classes.name}>{nameOf(index, m)}</span>
                  <span className={classes.bar} aria-hidden="true">
                    <span data-negative={(m.share ?? 0) < 0} style={{ width: `${(Math.abs(m.share ?? 0) / most) * 100}%` }} />
                  </span>
                  <span className="ww-number">{text(m.demand, unit)}</span>
                  <span className={`ww-number ${classes.percent ?? ''}`}>{percent(m.share)}</span>
                </li>
              ))}
              {contributors.others !== null && contributors.total > (contributors.members ?? []).length && (
                <li>
                  <span className={classes.name}>{t`all others`}</span>
                  <span />
                  <span className="ww-number">{text(contributors.others, unit)}</span>
                  <span />
                </li>
              )}
              {contributors.unaccounted !== null && (
                <li>
                  <span className={classes.name}>{t`unaccounted`}</span>
                  <span />
                  <span className="ww-number">{text(contributors.unaccounted, unit)}</span>
                  <span />
                </li>
              )}
            </ol>
          )}
          {peaks.length > 1 && (
            <p className={classes.next}>
              <Trans>
                Then {peaks.slice(1).map((p) => `${text(p.demand, unit)} (${clear(p.start, zone)})`).join(', ')}
              </Trans>
            </p>
          )}
          {month && (
            <p className={classes.next}>
              {month.whole ? t`The month is settled as a whole.` : t`So far ${month.quarters} quarters of an hour are settled.`}{' '}
              {month.rolling.demand !== null && month.rolling.start !== null && t`Highest of twelve months: ${text(month.rolling.demand, unit)} on ${time(month.rolling.start, zone, 'date')}.`}
            </p>
          )}
        </div>
      )}
    </Panel>
  )
}

export function Running({ subject }: { subject: Subject }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['running', keyOf(subject)], queryFn: ({ signal }) => running(subject, signal), refetchInterval: 10_000 })
  const r = asked.data
  const { zone } = subject
  const gone = r ? Math.max(0, Math.min(1, (r.now - r.start) / Math.max(1, r.end - r.start))) : 0
  return (
    <Panel title={t`Running quarter of an hour`} note={r && timeRange(r.start, r.end, zone)} asked={asked} height={250}>
      {r && (
        <div className={classes.top}>
          <p className={classes.value}>
            <strong className="ww-number" data-testid="forecast">
              {text(r.forecast, r.unit)}
            </strong>
            <span>{r.forecast === null ? t`no forecast: the newest value is too old` : t`is going to be its mean`}</span>
          </p>
          <div className={classes.clock} role="img" aria-label={t`${percent(gone)} of it is over`}>
            <span style={{ width: `${gone * 100}%` }} />
          </div>
          <dl className={classes.facts}>
            <dt>{t`Mean so far`}</dt>
            <dd className="ww-number">{text(r.mean, r.unit)}</dd>
            <dt>{t`Power now`}</dt>
            <dd className="ww-number">{text(r.value, r.unit)}</dd>
            <dt>{t`Change per minute`}</dt>
            <dd className="ww-number">{text(r.slope, r.unit)}</dd>
            <dt>{t`Energy so far`}</dt>
            <dd className="ww-number">{text(r.amount, r.amountUnit)}</dd>
            <dt>{t`Known of it`}</dt>
            <dd className="ww-number">{percent(r.known)}</dd>
          </dl>
        </div>
      )}
    </Panel>
  )
}
