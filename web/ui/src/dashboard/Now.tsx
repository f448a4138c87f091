// What the chosen group takes now, and today, and how that has changed.

import { Trans, useLingui } from '@lingui/react/macro'
import { Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useGroup } from '../api/live'
import { kilowattHours, power, scaled } from '../lib/format'
import { time } from '../lib/time'
import type { Subject } from '../subject/subject'
import { useEnergyToday } from './data'
import classes from './Now.module.css'
import { Trends } from './Trends'

/** A tick this far behind the clock is no longer called live, ms. */
const late = 30_000

export function Now({ subject }: { subject: Extract<Subject, { kind: 'group' }> }) {
  const { t } = useLingui()
  const { hierarchy, id, column, zone } = subject
  const v = useGroup(hierarchy, id)
  const energy = useEnergyToday(hierarchy, id, column, zone)
  const now = scaled(v?.power, 'W')
  const today = kilowattHours(energy.wh)
  const total = v?.total ?? 0
  const count = v?.count ?? 0
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="now-title">
      <h2 id="now-title">
        <Trans>Power now</Trans>
      </h2>
      <p className={classes.now} data-testid="live-power">
        <span className="ww-number">{now.value}</span> <small>{now.unit}</small>
      </p>
      <p className={classes.cover}>
        {v === undefined ? (
          t`waiting for the first tick…`
        ) : count < total ? (
          <span className={classes.partial}>
            <IconAlertTriangle size={15} aria-hidden="true" /> <Trans>{count} of {total} sensors known</Trans>
          </span>
        ) : total === 1 ? (
          t`its one sensor known`
        ) : (
          t`all ${total} sensors known`
        )}
        {v !== undefined && v.behind > late && <span className={classes.partial}>{t`as of ${time(v.t, zone)}, catching up`}</span>}
        {v?.unaccounted !== null && v?.unaccounted !== undefined && <span>{t`unaccounted ${power(v.unaccounted)}`}</span>}
      </p>
      <dl className={classes.energy}>
        <dt>
          <Trans>Energy today</Trans>
        </dt>
        <dd data-testid="energy-today">
          {energy.loading ? (
            <Skeleton height={26} width={120} />
          ) : (
            <>
              <span className="ww-number">{today.value}</span> <small>{today.unit}</small>
            </>
          )}
        </dd>
      </dl>
      <Trends group={id} column={column} />
    </section>
  )
}
