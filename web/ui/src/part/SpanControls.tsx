// Chooses the span of a page: lengths that follow the clock, periods of the
// calendar, or both ends by hand. Times are those of the site's zone.

import { ActionIcon, Button, Menu, Popover, Tooltip } from '@mantine/core'
import { IconCalendar, IconChevronDown, IconChevronLeft, IconChevronRight } from '@tabler/icons-react'
import { useLingui } from '@lingui/react/macro'
import { useState, type SubmitEvent } from 'react'
import { usePrinting } from '../chart/paper'
import { calendar, isLive, lengths, part, unitOf, type Length } from '../lib/span'
import { time, timeRange, zoneNames } from '../lib/time'
import { read, written } from '../lib/wall'
import type { Unit } from '../lib/zone'
import type { SpanPickerProps } from './SpanPicker'
import classes from './SpanControls.module.css'

function useLengthNames(): Record<Length, string> {
  const { t } = useLingui()
  return { '1h': t`Last hour`, '6h': t`Last 6 hours`, '24h': t`Last 24 hours`, '7d': t`Last 7 days`, '30d': t`Last 30 days`, '365d': t`Last 365 days` }
}

/** A span with both of its zones is longer than a phone is wide. */
const wraps = { root: { height: 'auto', minHeight: 'var(--button-height)', maxWidth: '100%' }, label: { whiteSpace: 'normal', textAlign: 'start' } } as const

export function SpanControls({ view, zone, only }: SpanPickerProps) {
  const { t } = useLingui()
  const names = useLengthNames()
  const [open, setOpen] = useState(false)
  const [ends, setEnds] = useState<[string, string]>(['', ''])
  const [wrong, setWrong] = useState('')
  const printing = usePrinting()
  const { span } = view
  const periods: { unit: Unit; n: number; name: string }[] = [
    { unit: 'day', n: 0, name: t`Today` },
    { unit: 'day', n: -1, name: t`Yesterday` },
    { unit: 'week', n: 0, name: t`This week` },
    { unit: 'week', n: -1, name: t`Last week` },
    { unit: 'month', n: 0, name: t`This month` },
    { unit: 'month', n: -1, name: t`Last month` },
    { unit: 'year', n: 0, name: t`This year` },
    { unit: 'year', n: -1, name: t`Last year` },
  ]
  /** The calendar's unit that is in view as a whole. */
  const unit = isLive(span) ? undefined : unitOf(span, zone)
  const shown = isLive(span)
    ? names[span.live]
    : unit === 'day'
      ? time(span.from, zone, 'date')
      : unit === 'month'
        ? time(span.from, zone, 'month')
        : unit === 'year'
          ? time(span.from, zone, 'year')
          : timeRange(span.from, span.to, zone)
  const step = (n: 1 | -1) => {
    if (unit !== undefined && !isLive(span)) view.set(calendar(unit, span.from, zone, n))
    else view.set(part(view, n, 1 + n, Date.now()))
  }
  const apply = (e: SubmitEvent) => {
    e.preventDefault()
    const from = read(ends[0], zone)
    const to = read(ends[1], zone)
    if (from === undefined || to === undefined || to - from < 60_000) {
      setWrong(t`The end must lie at least a minute after the begin.`)
      return
    }
    setOpen(false)
    view.set({ from, to })
  }
  if (printing) return <p className={classes.printed}>{`${timeRange(view.from, view.to, zone, true)} (${zone})`}</p>
  return (
    <div className={`${classes.row ?? ''} ww-noprint`} role="group" aria-label={t`Time in view`}>
      <Tooltip label={t`Earlier`}>
        <ActionIcon variant="default" size="md" aria-label={t`Earlier`} onClick={() => step(-1)}>
          <IconChevronLeft size={17} />
        </ActionIcon>
      </Tooltip>
      <Menu position="bottom-start" width={220} withinPortal>
        <Menu.Target>
          <Button variant="default" size="xs" rightSection={<IconChevronDown size={15} />} data-testid="span" styles={wraps}>
            {shown}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t`Follows the clock`}</Menu.Label>
          {(only ?? (Object.keys(lengths) as Length[])).map((l) => (
            <Menu.Item key={l} onClick={() => view.set({ live: l })} fw={isLive(span) && span.live === l ? 650 : undefined}>
              {names[l]}
            </Menu.Item>
          ))}
          <Menu.Label>{t`Calendar`}</Menu.Label>
          {periods.map((p) => (
            <Menu.Item key={p.name} onClick={() => view.set(calendar(p.unit, Date.now(), zone, p.n))}>
              {p.name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
      <Popover opened={open} onChange={setOpen} position="bottom-start" trapFocus withinPortal>
        <Popover.Target>
          <Tooltip label={t`Choose begin and end`}>
            <ActionIcon
              variant="default"
              size="md"
              aria-label={t`Choose begin and end`}
              aria-expanded={open}
              onClick={() => {
                setEnds([written(view.from, zone), written(view.to, zone)])
                setWrong('')
                setOpen((o) => !o)
              }}
            >
              <IconCalendar size={17} />
            </ActionIcon>
          </Tooltip>
        </Popover.Target>
        <Popover.Dropdown>
          <form onSubmit={apply} className={classes.form}>
            <label>
              {t`Begin`}
              <input type="datetime-local" required value={ends[0]} onChange={(e) => setEnds([e.currentTarget.value, ends[1]])} />
            </label>
            <label>
              {t`End`}
              <input type="datetime-local" required value={ends[1]} onChange={(e) => setEnds([ends[0], e.currentTarget.value])} />
            </label>
            <p className={classes.note}>{t`Times of ${zone}`}</p>
            {wrong !== '' && (
              <p role="alert" className={classes.wrong}>
                {wrong}
              </p>
            )}
            <Button type="submit" size="xs">
              {t`Show`}
            </Button>
          </form>
        </Popover.Dropdown>
      </Popover>
      <Tooltip label={t`Later`}>
        <ActionIcon variant="default" size="md" aria-label={t`Later`} onClick={() => step(1)} disabled={view.live}>
          <IconChevronRight size={17} />
        </ActionIcon>
      </Tooltip>
      {view.follow && (
        <Button size="xs" variant="light" onClick={view.follow}>
          {t`Live`}
        </Button>
      )}
      <span className={classes.zone} title={zone}>
        {zoneNames(zone, view.from, view.to)}
      </span>
    </div>
  )
}
