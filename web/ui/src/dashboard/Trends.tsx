// The three arrows: the last hour, day and week against the one before.

import { useLingui } from '@lingui/react/macro'
import { Skeleton } from '@mantine/core'
import { IconArrowRight, IconMinus } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { api, type Column } from '../api/client'
import { power } from '../lib/format'
import { angle, changeText } from '../lib/trend'
import classes from './Trends.module.css'

function Arrow({ group, column, span, name, before }: { group: string; column: Column; span: '1h' | '1d' | '1w'; name: string; before: string }) {
  const { t } = useLingui()
  const q = useQuery({
    queryKey: ['trend', group, column, span],
    queryFn: ({ signal }) => api.trend(group, column, span, signal),
    refetchInterval: 60_000,
    retry: 1,
  })
  const trend = { current: q.data?.current ?? null, before: q.data?.before ?? null, direction: q.data?.direction ?? null }
  const { direction } = trend
  const colour = direction === 'up' ? 'var(--ww-up)' : direction === 'down' ? 'var(--ww-down)' : 'var(--ww-dim)'
  const said = direction === null ? t`not known yet` : t`${changeText(trend)} against ${before}: ${power(trend.current)} after ${power(trend.before)}`
  return (
    <div className={classes.arrow} title={said}>
      <dt>{name}</dt>
      <dd>
        {q.isPending ? (
          <Skeleton height={22} width={64} />
        ) : (
          <>
            <span style={{ color: colour }} className={classes.icon} aria-hidden="true">
              {direction === null ? <IconMinus size={20} /> : <IconArrowRight size={20} stroke={2.4} style={{ transform: `rotate(${angle(trend)}deg)` }} />}
            </span>
            <span className="ww-number">{changeText(trend)}</span>
          </>
        )}
      </dd>
    </div>
  )
}

export function Trends({ group, column }: { group: string; column: Column }) {
  const { t } = useLingui()
  return (
    <dl className={classes.row} aria-label={t`Mean power against the same time before`}>
      <Arrow group={group} column={column} span="1h" name={t`Hour`} before={t`the hour before`} />
      <Arrow group={group} column={column} span="1d" name={t`Day`} before={t`the day before`} />
      <Arrow group={group} column={column} span="1w" name={t`Week`} before={t`the week before`} />
    </dl>
  )
}
