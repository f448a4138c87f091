// What the chosen group takes now, and today, and how that has changed.

import { Trans, useLingui } from '@lingui/react/macro'
import { Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { live, ofGroups } from '../api/live'
import { kilowattHours, percent, power, scaled } from '../lib/format'
import { time } from '../lib/time'
import { LiveText, useLive } from '../live/LiveText'
import type { Subject } from '../subject/subject'
import { useEnergyToday } from './data'
import classes from './Now.module.css'
import { Trends } from './Trends'

/** A tick this far behind the clock is no longer called live, ms. */
const late = 30_000

/** From here on the day so far counts as known: what is on its way is missing for seconds. */
const whole = 0.995

export function Now({ subject }: { subject: Extract<Subject, { kind: 'group' }> }) {
  const { t } = useLingui()
  const { hierarchy, id, column, zone } = subject
  const energy = useEnergyToday(hierarchy, id, column, zone)
  const ticks = ofGroups(hierarchy)
  const value = () => live.group(hierarchy, id)
  const now = () => scaled(value()?.power, 'W')
  const today = () => kilowattHours(energy.wh())
  const part = percent(Math.min(energy.completeness, 0.99))
  const waits = useLive(ticks, () => value() === undefined)
  const total = useLive(ticks, () => value()?.total ?? 0)
  const count = useLive(ticks, () => value()?.count ?? 0)
  const lags = useLive(ticks, () => (value()?.behind ?? 0) > late)
  const leftover = useLive(ticks, () => (value()?.unaccounted ?? null) !== null)
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="now-title">
      <h2 id="now-title">
        <Trans>Power now</Trans>
      </h2>
      <p className={classes.now} data-testid="live-power">
        <LiveText className="ww-number" topics={ticks} read={() => now().value} />{' '}
        <small>
          <LiveText topics={ticks} read={() => now().unit} />
        </small>
      </p>
      <p className={classes.cover}>
        {waits ? (
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
        {lags && <LiveText className={classes.partial} topics={ticks} read={() => t`as of ${time(value()?.t ?? 0, zone)}, catching up`} />}
        {leftover && <LiveText topics={ticks} read={() => t`unaccounted ${power(value()?.unaccounted)}`} />}
      </p>
      <dl className={classes.energy}>
        <dt>
          <Trans>Energy today</Trans>
          {!energy.loading && energy.completeness < whole && energy.wh() !== null && <small className={classes.known} data-testid="energy-known">{t`${part} of the day so far is known`}</small>}
        </dt>
        <dd data-testid="energy-today">
          {energy.loading ? (
            <Skeleton height={26} width={120} />
          ) : (
            <>
              <LiveText className="ww-number" topics={energy.topic} read={() => today().value} />{' '}
              <small>
                <LiveText topics={energy.topic} read={() => today().unit} />
              </small>
            </>
          )}
        </dd>
      </dl>
      <Trends group={id} column={column} />
    </section>
  )
}
