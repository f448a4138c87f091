// How the measurement devices are.

import { useLingui } from '@lingui/react/macro'
import { Button, Switch } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { consentText, health, surveyIncidents } from '../api/survey'
import { ApiError } from '../api/client'
import { useNow } from '../data/now'
import { ago, DASH, percent } from '../lib/format'
import { locale } from '../lib/locale'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { at, brokenOf, ConsentState, HomeLink, manyBroken, short, Versions } from './words'
import classes from './Survey.module.css'

/** A clock that is further off is shown as wrong, s. */
const wrongBy = 60

/** A certificate that ends sooner should have been renewed, ms. */
const renewal = 7 * 86_400_000

export function Devices({ zone }: { zone: string }) {
  const { t } = useLingui()
  const now = useNow()
  const [sick, setSick] = useState(false)
  const asked = useInfiniteQuery({
    queryKey: ['survey', 'devices'],
    queryFn: ({ pageParam, signal }) => health(pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    refetchInterval: 30_000,
  })
  const open = useQuery({ queryKey: ['survey', 'open'], queryFn: ({ signal }) => surveyIncidents({ state: 'open', limit: 1 }, signal), refetchInterval: 30_000 })
  const text = useQuery({ queryKey: ['survey', 'text'], queryFn: ({ signal }) => consentText(signal), retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status === 404) })
  const all = asked.data?.pages.flatMap((p) => p.items ?? []) ?? []
  const list = sick ? all.filter((x) => !x.well) : all
  const well = all.filter((x) => x.well).length
  const seconds = (s: number) => `${new Intl.NumberFormat(locale, { maximumFractionDigits: 1, signDisplay: 'exceptZero' }).format(s)}\u00a0s`
  const none = text.error instanceof ApiError && text.error.status === 404
  return (
    <>
      <Panel
        title={t`At a glance`} height={70} asked={[asked, open]}
        warning={none ? t`There is no text yet that people could consent to, so no household can: 'wattwerk survey text' puts one into force.` : undefined}
      >
        <dl className={classes.sums}>
          <div>
            <dt>{t`Devices`}</dt>
            <dd>
              {count(all.length)}
              {asked.hasNextPage && '+'}
            </dd>
          </div>
          <div>
            <dt>{t`Well`}</dt>
            <dd className={classes.well}>{count(well)}</dd>
          </div>
          <div>
            <dt>{t`Something to do`}</dt>
            <dd className={all.length > well ? classes.warn : undefined}>{count(all.length - well)}</dd>
          </div>
          <div>
            <dt>{t`Open incidents`}</dt>
            <dd className={(open.data?.total ?? 0) > 0 ? classes.warn : undefined}>{count(open.data?.total ?? 0)}</dd>
          </div>
          <div>
            <dt>{t`Text in force`}</dt>
            <dd>{text.data?.version ?? DASH}</dd>
          </div>
        </dl>
      </Panel>
      <Panel
        title={t`Health of the devices`} height={260} asked={asked} empty={all.length === 0 ? t`No household with a device takes part yet.` : undefined}
        actions={<Switch size="sm" label={t`Only with something to do`} checked={sick} onChange={(e) => setSick(e.currentTarget.checked)} />}
      >
        {list.length === 0 ? (
          <p className={classes.text}>{t`All are well.`}</p>
        ) : (
          <Table
            label={t`Health of the devices`}
            columns={[
              { name: t`Device` }, { name: t`Household` }, { name: t`State` }, { name: t`Version` }, { name: t`Last seen` }, { name: t`Last measurement` }, { name: t`Frames broken`, number: true }, { name: t`Clock ahead by`, number: true },
              { name: t`Certificate until` },
            ]}
          >
            {list.map(({ device: d, ...x }) => {
              const seen = at(d.lastSeen)
              const measured = at(d.lastMeasurement)
              const expires = at(d.expires)
              return (
                <tr key={d.id}>
                  <td>
                    {d.name ?? DASH}
                    <span className={`${classes.id ?? ''} ${classes.dim ?? ''} ${classes.line ?? ''}`} title={d.id}>{short(d.id)}</span>
                  </td>
                  <td>
                    <HomeLink id={x.household} />
                    <span className={classes.line}><ConsentState state={x.consent} /></span>
                  </td>
                  <td className={classes.many}>
                    {x.well ? (
                      <span className={`${classes.state ?? ''} ${classes.well ?? ''}`}>
                        <IconCircleCheck size={16} aria-hidden="true" /> {t`well`}
                      </span>
                    ) : (
                      (x.findings ?? []).map((f) => (
                        <span key={f} className={classes.line}>
                          <IconAlertTriangle size={14} aria-hidden="true" className={classes.warn} style={{ verticalAlign: '-2px' }} /> {f}
                        </span>
                      ))
                    )}
                  </td>
                  <td><Versions device={d} /></td>
                  <td>{seen === null ? DASH : <span title={time(seen, zone, 'exact')}>{ago(now - seen)}</span>}</td>
                  <td>{measured === null ? DASH : time(measured, zone)}</td>
                  <td data-number="true" className={(brokenOf(d) ?? 0) > manyBroken ? classes.bad : undefined}>{percent(brokenOf(d), 1)}</td>
                  <td data-number="true" className={d.clockSkew !== undefined && Math.abs(d.clockSkew) > wrongBy ? classes.bad : undefined}>{d.clockSkew === undefined ? DASH : seconds(d.clockSkew)}</td>
                  <td className={expires !== null && expires - now < renewal ? classes.warn : undefined}>{expires === null ? DASH : time(expires, zone)}</td>
                </tr>
              )
            })}
          </Table>
        )}
        {asked.hasNextPage && (
          <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
            {t`More`}
          </Button>
        )}
      </Panel>
    </>
  )
}
