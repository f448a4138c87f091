// What is chosen: its power now, its energy today, the last hour.

import { Button, Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { Suspense, lazy } from 'react'
import type { Known } from '../api/client'
import type { Hierarchy } from '../api/generated/types.gen'
import { useGroup } from '../api/live'
import { kilowattHours, power, scaled } from '../lib/format'
import { duration, type Index } from '../lib/tree'
import { knownZone } from '../lib/zone'
import { useEnergyToday, useLastHour } from './data'
import classes from './Hero.module.css'
import { Trends } from './Trends'

const TimeChart = lazy(() => import('../chart/TimeChart').then((m) => ({ default: m.TimeChart })))
const chartHeight = 300
/** A tick this far behind the clock is no longer called live, ms. */
const late = 30_000

function asOf(t: number, zone: string): string {
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short', timeZone: zone }).format(t)
}

export function Hero({ index, h, group, onSelect }: { index: Index; h: Known<Hierarchy>; group: string; onSelect: (group: string) => void }) {
  const v = useGroup(h.id, group)
  const site = h.site === undefined ? undefined : index.sites.get(h.site)
  const zone = knownZone(site?.zone)
  const column = index.metered.has(group) ? 'meter' : 'sum'
  const history = useLastHour(h.id, group, column, duration(h.tick) ?? 1000)
  const energy = useEnergyToday(h.id, group, column, site?.zone)
  const path = index.path(h.id, group)
  const name = group === h.root ? index.hierarchyName(h) : index.groupName(group)
  const now = scaled(v?.power, 'W')
  const today = kilowattHours(energy.wh)

  return (
    <section className={`ww-card ${classes.hero}`} aria-labelledby="hero-title">
      <div className={classes.left}>
        <nav aria-label="Place in the tree" className={classes.path}>
          {path.slice(0, -1).map((g) => (
            <span key={g}>
              <button type="button" onClick={() => onSelect(g)}>
                {g === h.root ? index.hierarchyName(h) : index.groupName(g)}
              </button>
              <span aria-hidden="true"> / </span>
            </span>
          ))}
          {path.length < 2 && <span>{site?.name ?? site?.id ?? 'Live power'}</span>}
        </nav>
        <h2 id="hero-title" className={classes.title}>
          {name}
        </h2>
        <p className={classes.now} data-testid="live-power">
          <span className="ww-number">{now.value}</span> <small>{now.unit}</small>
        </p>
        <p className={classes.cover}>
          {v === undefined ? (
            'waiting for the first tick…'
          ) : v.count < v.total ? (
            <span className={classes.partial}>
              <IconAlertTriangle size={15} aria-hidden="true" /> {v.count} of {v.total} sensors known
            </span>
          ) : (
            `${v.total === 1 ? 'its one sensor' : `all ${v.total} sensors`} known`
          )}
          {v !== undefined && v.behind > late && <span className={classes.partial}>as of {asOf(v.t, zone)}, catching up</span>}
          {v?.unaccounted !== null && v?.unaccounted !== undefined && <span>unaccounted {power(v.unaccounted)}</span>}
        </p>
        <dl className={classes.energy}>
          <dt>Energy today</dt>
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
        <Trends group={group} column={column} />
      </div>
      <div className={classes.right}>
        <div className={classes.chartHead}>
          <h3>Last hour</h3>
          {history.error && (
            <span role="alert" className={classes.partial}>
              <IconAlertTriangle size={15} aria-hidden="true" />
              <span>The last hour could not be loaded: {history.error.message}</span>
              <Button size="compact-xs" variant="default" onClick={history.again}>
                Try again
              </Button>
            </span>
          )}
        </div>
        <Suspense fallback={<Skeleton height={chartHeight + 24} />}>
          <TimeChart
            lines={[{ key: group, label: name, unit: 'W', t: history.columns.t, avg: history.columns.avg, min: history.columns.min, max: history.columns.max }]}
            from={history.from}
            to={history.to}
            zone={zone}
            height={chartHeight}
            label={`Power of ${name} over the last hour`}
          />
        </Suspense>
      </div>
    </section>
  )
}
