// What happened to meters and devices, and whether it lasts.

import { useLingui } from '@lingui/react/macro'
import { Button, SegmentedControl } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { surveyIncidents } from '../api/survey'
import { time } from '../lib/time'
import { count, lasting } from '../lib/units'
import { Panel } from '../part/Panel'
import { at, HomeLink, short, useIncidentTypes } from './words'
import classes from './Survey.module.css'

type Which = 'all' | 'open' | 'resolved'

export function Incidents({ zone, household }: { zone: string; household?: string }) {
  const { t } = useLingui()
  const types = useIncidentTypes()
  const [which, setWhich] = useState<Which>('all')
  const asked = useInfiniteQuery({
    queryKey: ['survey', 'incidents', household, which],
    queryFn: ({ pageParam, signal }) => surveyIncidents({ household, state: which === 'all' ? undefined : which, after: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  })
  const list = asked.data?.pages.flatMap((p) => p.items ?? []) ?? []
  const total = asked.data?.pages[0]?.total ?? 0
  return (
    <Panel
      title={t`Incidents`} note={asked.data && t`${count(total)} found`} height={160} asked={asked}
      actions={
        <SegmentedControl
          size="xs" aria-label={t`Which incidents`} value={which} onChange={(v) => setWhich(v)}
          data={[{ value: 'all', label: t`all` }, { value: 'open', label: t`open` }, { value: 'resolved', label: t`resolved` }]}
        />
      }
    >
      {list.length === 0 ? (
        <p className={classes.text}>{which === 'open' ? t`None is open.` : t`There is none.`}</p>
      ) : (
        <ul className={classes.list} aria-label={t`Incidents`}>
          {list.map((x) => {
            const begun = Date.parse(x.at)
            const over = at(x.resolved)
            const length = lasting(((over ?? asked.dataUpdatedAt) - begun) / 1000)
            return (
              <li key={x.id} data-over={over !== null}>
                {over === null ? <IconAlertTriangle size={19} aria-hidden="true" /> : <IconCircleCheck size={19} aria-hidden="true" />}
                <div>
                  <strong>{types[x.type]}</strong> <span className={over === null ? classes.warn : classes.well}>{over === null ? t`open` : t`resolved`}</span>
                  {x.detail !== undefined && x.detail !== '' && <span className={classes.line}>{x.detail}</span>}
                  <span className={`${classes.dim ?? ''} ${classes.line ?? ''}`}>
                    {household === undefined && (
                      <>
                        {t`Household`} <HomeLink id={x.household} /> ·{' '}
                      </>
                    )}
                    {t`meter ${x.model} ${short(x.meter)}`} · {time(begun, zone, 'exact')} · {over === null ? t`lasts ${length}` : t`lasted ${length}, until ${time(over, zone)}`}
                  </span>
                </div>
              </li>
            )
          })}
        </ul>
      )}
      {asked.hasNextPage && (
        <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
          {t`Older ones`}
        </Button>
      )}
    </Panel>
  )
}
