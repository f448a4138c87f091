// The readings as they were taken, newest first; older ones come when they
// are scrolled to. Only rows in sight are drawn.

import { useLingui } from '@lingui/react/macro'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef } from 'react'
import { readings } from '../api/sensors'
import { exports } from '../api/subject'
import { usePrinting } from '../chart/paper'
import { DASH } from '../lib/format'
import { locale } from '../lib/locale'
import { unitFor, valueFor } from '../lib/own'
import { time, zoneName, zoneNames } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import type { View } from '../shell/span'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'

const rowHeight = 30
const page = 200
/** More of them are not printed. */
const mostPrinted = 1000
/** All digits: these are the readings themselves. */
const digits = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 })

export function Readings({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const box = useRef<HTMLDivElement>(null)
  // Of a span that stands still: those up to its end.
  const start = view.live ? undefined : `${Math.round(view.to)}`
  const asked = useInfiniteQuery({
    queryKey: ['readings', subject.id, start ?? ''],
    queryFn: ({ pageParam, signal }) => readings(subject.id, pageParam, page, signal),
    initialPageParam: start,
    getNextPageParam: (last) => last.next,
    // Who looks at older ones is not disturbed by newer ones.
    refetchInterval: (q) => (view.live && (q.state.data?.pages.length ?? 0) <= 1 ? 5000 : false),
  })
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = asked
  const { own } = subject
  const rows = useMemo(() => (data?.pages ?? []).flatMap((p) => (p.t ?? []).map((at, i) => ({ at, value: valueFor({ own }, p.value[i] ?? null) }))), [data, own])
  const unit = unitFor(subject)
  const { zone } = subject
  // Where the clock changes between them, each says the zone itself: an hour may be there twice.
  const names = zoneNames(zone, rows.at(-1)?.at ?? view.to, rows[0]?.at ?? view.to)
  const changes = names.includes('/')
  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({ count: rows.length + (hasNextPage ? 1 : 0), getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 10 })
  const items = virtual.getVirtualItems()
  const printing = usePrinting()
  const printed = Math.min(rows.length, mostPrinted)
  /** On paper all that came; on the screen those in sight. */
  const drawn = printing ? rows.slice(0, printed).map((_, i) => ({ key: i, index: i, start: 0 })) : items
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && last >= rows.length - 20) void fetchNextPage()
  }, [hasNextPage, isFetchingNextPage, last, rows.length, fetchNextPage])
  return (
    <Panel
      title={t`Readings`}
      note={view.live ? t`newest first` : t`up to ${time(view.to, zone)}, newest first`}
      asked={asked}
      height={360}
      {...(data && rows.length === 0 ? { empty: t`There are no readings.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} readings`}
          table={() => ({ columns: [{ name: t`Time`, unit: '' }, { name: subject.label, unit }], rows: rows.map((r) => [{ at: r.at }, r.value]), zone })}
          links={exports(subject, { from: Math.round(view.from), to: Math.round(view.to) })}
        />
      }
    >
      <div role="table" aria-label={t`Readings, newest first`} aria-rowcount={hasNextPage ? -1 : rows.length + 1} className={classes.table}>
        <div role="row" className={classes.headRow} aria-rowindex={1}>
          <span role="columnheader">{t`Time (${names})`}</span>
          <span role="columnheader">{unit === '' ? t`Value` : t`Value (${unit})`}</span>
        </div>
        {/* Whoever has no mouse scrolls it by the keyboard. */}
        <div ref={box} role="rowgroup" tabIndex={0} className={classes.rows} style={printing ? undefined : { height: 325 }}>
          <div role="presentation" style={printing ? undefined : { height: virtual.getTotalSize(), position: 'relative' }}>
            {drawn.map((item) => {
              const r = rows[item.index]
              return (
                <div key={item.key} role="row" aria-rowindex={item.index + 2} className={classes.tableRow} style={printing ? undefined : { transform: `translateY(${item.start}px)`, height: rowHeight }}>
                  <span role="cell" className="ww-number">
                    {r ? `${time(r.at, zone, 'stamp')}${changes ? ` ${zoneName(zone, r.at)}` : ''}` : t`older ones come…`}
                  </span>
                  <span role="cell" className="ww-number">
                    {r ? (r.value === null ? DASH : digits.format(r.value)) : ''}
                  </span>
                </div>
              )
            })}
          </div>
        </div>
        {printing && (hasNextPage || printed < rows.length) && <p className={classes.quiet}>{t`These are the newest ${printed} readings; the export has all of them.`}</p>}
      </div>
    </Panel>
  )
}
