// Chooses a day, week, month or year of the calendar.

import { ActionIcon, SegmentedControl, Tooltip } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import { usePrinting } from '../chart/paper'
import { useNow } from '../data/now'
import { periodAt, type Period } from '../lib/costs'
import { time, timeRange, zoneNames } from '../lib/time'
import type { Unit } from '../lib/zone'
import classes from './Costs.module.css'

export function periodName(p: Period, zone: string): string {
  if (p.unit === 'day') return time(p.from, zone, 'date')
  if (p.unit === 'month') return time(p.from, zone, 'month')
  if (p.unit === 'year') return time(p.from, zone, 'year')
  return timeRange(p.from, p.to - 1, zone)
}

export function PeriodPicker({ period, zone, onPick }: { period: Period; zone: string; onPick: (p: Period) => void }) {
  const { t } = useLingui()
  const now = useNow()
  const printing = usePrinting()
  const name = period.unit === 'week' ? `${period.text} · ${time(period.from, zone, 'date')}` : periodName(period, zone)
  const step = (n: number) => onPick(periodAt(period.unit, period.from, zone, n))
  // Another length keeps to the end of what was shown, as far as it has begun.
  const resize = (unit: Unit) => onPick(periodAt(unit, Math.max(period.from, Math.min(period.to - 1, now)), zone))
  if (printing) return <p className={classes.printed}>{`${name}, ${timeRange(period.from, period.to, zone, true)} (${zone})`}</p>
  return (
    <div className={`${classes.picker ?? ''} ww-noprint`} role="group" aria-label={t`Period`}>
      <SegmentedControl
        size="xs"
        aria-label={t`Length of the period`}
        value={period.unit}
        onChange={(u) => resize(u)}
        data={[
          { value: 'day', label: t`Day` },
          { value: 'week', label: t`Week` },
          { value: 'month', label: t`Month` },
          { value: 'year', label: t`Year` },
        ]}
      />
      <span className={classes.steps}>
        <Tooltip label={t`Earlier`}>
          <ActionIcon variant="default" size="md" aria-label={t`Earlier`} onClick={() => step(-1)}>
            <IconChevronLeft size={17} />
          </ActionIcon>
        </Tooltip>
        <span className={classes.period} data-testid="period" aria-live="polite">
          {name}
        </span>
        <Tooltip label={t`Later`}>
          <ActionIcon variant="default" size="md" aria-label={t`Later`} disabled={period.to > now} onClick={() => step(1)}>
            <IconChevronRight size={17} />
          </ActionIcon>
        </Tooltip>
        <span className={classes.zone} title={zone}>
          {zoneNames(zone, period.from, period.to - 1)}
        </span>
      </span>
    </div>
  )
}
