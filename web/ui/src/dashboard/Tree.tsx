// The tree of everything, with live values. One row is reachable by Tab, the
// arrow keys move (WAI-ARIA tree pattern). Only rows in sight are drawn.

import { useVirtualizer } from '@tanstack/react-virtual'
import {
  IconAlertTriangle, IconBolt, IconBuilding, IconChevronRight, IconGauge, IconQuestionMark, IconSitemap,
} from '@tabler/icons-react'
import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { useGroup, useNewest, useSensor } from '../api/live'
import { ago, percent, power, text, unitOf } from '../lib/format'
import { maxAge, rows, type GroupRow, type Index, type Row, type SensorRow, type UnaccountedRow } from '../lib/tree'
import { useFollowed } from '../data/model'
import classes from './Tree.module.css'

const rowHeight = 40
/** Folded from this many rows on, below the first two levels. */
const many = 300
/** More sensors in sight are not followed one by one. */
const mostSensors = 200
/** More groups are followed only while they are in sight. */
const mostGroups = 500

interface Props {
  index: Index
  hierarchy: string
  group: string
  onSelect: (hierarchy: string, group: string) => void
}

function Share({ part, whole }: { part: number | null | undefined; whole: number | null | undefined }) {
  if (whole === undefined) return <span className={classes.share} />
  const share = part !== null && part !== undefined && whole ? part / whole : null
  return (
    <span className={classes.share}>
      <span className={classes.bar} aria-hidden="true">
        <span style={{ width: `${Math.max(0, Math.min(1, share ?? 0)) * 100}%` }} />
      </span>
      <span className={`${classes.percent ?? ''} ww-number`}>{share === null ? '' : percent(share)}</span>
    </span>
  )
}

function GroupCells({ row }: { row: GroupRow }) {
  const v = useGroup(row.hierarchy, row.group)
  const whole = useGroup(row.hierarchy, row.within)
  const partial = v !== undefined && v.count < v.total
  return (
    <>
      <Share part={v?.power === null || v?.power === undefined ? null : v.power * row.sign} whole={row.within === undefined ? undefined : (whole?.power ?? null)} />
      <span className={`${classes.note ?? ''} ${partial ? (classes.warn ?? '') : ''}`}>
        {v && (
          <>
            {partial && <IconAlertTriangle size={14} aria-hidden="true" />}
            <span className="ww-number">
              {v.count}/{v.total}
            </span>
            <span className="ww-skip"> sensors known</span>
          </>
        )}
      </span>
      <span className={`${classes.value ?? ''} ww-number`} data-testid="group-power" data-group={row.group}>
        {v ? power(v.power) : '…'}
      </span>
    </>
  )
}

function SensorCells({ row }: { row: SensorRow }) {
  const v = useSensor(row.sensor.id)
  const whole = useGroup(row.hierarchy, row.within)
  const newest = useNewest()
  const age = v ? newest - v.t : 0
  const stale = v !== undefined && newest > 0 && age > maxAge(row.sensor)
  const unit = unitOf(row.sensor.quantity)
  return (
    <>
      <Share part={unit !== 'W' || !v || stale ? null : v.value * row.sign} whole={row.meter || unit !== 'W' ? undefined : (whole?.power ?? null)} />
      <span className={`${classes.note ?? ''} ${stale ? (classes.warn ?? '') : ''}`}>
        {stale ? (
          <>
            <IconAlertTriangle size={14} aria-hidden="true" /> {ago(age)}
          </>
        ) : row.meter ? (
          'meter'
        ) : row.sign < 0 ? (
          'subtracted'
        ) : (
          ''
        )}
      </span>
      <span className={`${classes.value ?? ''} ww-number ${stale ? (classes.stale ?? '') : ''}`}>{v ? text(v.value, unit) : '–'}</span>
    </>
  )
}

function UnaccountedCells({ row }: { row: UnaccountedRow }) {
  const v = useGroup(row.hierarchy, row.within)
  const u = v?.unaccounted
  const negative = u !== null && u !== undefined && v?.power ? u < -0.02 * Math.abs(v.power) : false
  return (
    <>
      <Share part={u} whole={v?.power ?? null} />
      <span className={`${classes.note ?? ''} ${negative ? (classes.warn ?? '') : ''}`}>
        {negative && (
          <>
            <IconAlertTriangle size={14} aria-hidden="true" /> parts exceed meter
          </>
        )}
      </span>
      <span className={`${classes.value ?? ''} ww-number`}>{power(u)}</span>
    </>
  )
}

function Icon({ row }: { row: Row }) {
  const props = { size: 17, stroke: 1.7, 'aria-hidden': true } as const
  switch (row.kind) {
    case 'site':
      return <IconBuilding {...props} />
    case 'group':
      return <IconSitemap {...props} />
    case 'sensor':
      return row.meter ? <IconGauge {...props} /> : <IconBolt {...props} />
    case 'unaccounted':
      return <IconQuestionMark {...props} />
  }
}

/** The groups that anything on the page speaks of. */
function inSight(index: Index, chosen: string, drawn: (Row | undefined)[]): string[] {
  const out = new Set([chosen])
  for (const r of drawn) {
    if (r?.kind === 'group') out.add(r.group)
    if (r && r.kind !== 'site' && r.within !== undefined) out.add(r.within)
  }
  for (const h of index.model.hierarchies) out.add(h.root)
  // Sorted, so that another order is no other wish.
  return [...out].slice(0, mostGroups).sort()
}

export function Tree({ index, hierarchy, group, onSelect }: Props) {
  const [folds, setFolds] = useState<ReadonlyMap<string, boolean>>(new Map())
  const big = index.model.groups.length + index.model.sensors.length > many
  const list = useMemo(() => rows(index, (key, level) => folds.get(key) ?? (!big || level <= 2)), [index, folds, big])
  const [focus, setFocus] = useState<string>()
  const box = useRef<HTMLDivElement>(null)
  const follow = useRef(false)

  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({ count: list.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12, getItemKey: (i) => list[i]?.key ?? i })
  const items = virtual.getVirtualItems()

  const sensors = useMemo(() => {
    const all = [...new Set(list.flatMap((r) => (r.kind === 'sensor' ? [r.sensor.id] : [])))]
    if (all.length <= mostSensors) return all
    const seen = items.flatMap((i) => {
      const r = list[i.index]
      return r?.kind === 'sensor' ? [r.sensor.id] : []
    })
    return [...new Set(seen)].slice(0, mostSensors)
  }, [list, items])
  // Up to the limit the stream brings every group anyway; of more, those in sight.
  const groups = index.model.groups.length <= mostGroups ? undefined : inSight(index, group, items.map((i) => list[i.index]))
  useFollowed(sensors, groups)

  const focused = Math.max(0, list.findIndex((r) => r.key === focus))

  useEffect(() => {
    if (!follow.current) return
    follow.current = false
    virtual.scrollToIndex(focused)
    // The row may have to be drawn first.
    const frame = requestAnimationFrame(() => box.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus())
    return () => cancelAnimationFrame(frame)
  }, [focused, virtual])

  const fold = (r: Row, open: boolean) => setFolds((old) => new Map(old).set(r.key, open))
  const choose = (r: Row) => {
    if (r.kind === 'group') onSelect(r.hierarchy, r.group)
    else if (r.kind === 'site') fold(r, !r.open)
  }
  const go = (i: number) => {
    const r = list[Math.max(0, Math.min(list.length - 1, i))]
    if (!r) return
    follow.current = true
    setFocus(r.key)
  }
  const keys = (e: KeyboardEvent) => {
    const r = list[focused]
    if (!r) return
    const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 0) / rowHeight) - 1)
    const act: Partial<Record<string, () => void>> = {
      ArrowDown: () => go(focused + 1),
      ArrowUp: () => go(focused - 1),
      Home: () => go(0),
      End: () => go(list.length - 1),
      PageDown: () => go(focused + page),
      PageUp: () => go(focused - page),
      ArrowRight: () => (r.folds && !r.open ? fold(r, true) : r.open ? go(focused + 1) : undefined),
      ArrowLeft: () => {
        if (r.open) fold(r, false)
        else if (r.parent !== '') go(list.findIndex((x) => x.key === r.parent))
      },
      Enter: () => choose(r),
      ' ': () => choose(r),
    }
    const a = act[e.key]
    if (!a || e.ctrlKey || e.metaKey || e.altKey) return
    e.preventDefault()
    a()
  }

  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="tree-title">
      <header className={classes.head}>
        <h2 id="tree-title">Where it goes</h2>
        <span className={classes.legend} aria-hidden="true">
          <span>share</span>
          <span>sensors</span>
          <span>power</span>
        </span>
      </header>
      <div ref={box} className={classes.box} role="tree" aria-labelledby="tree-title" onKeyDown={keys} style={{ maxHeight: 'min(34rem, 70vh)' }}>
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map((item) => {
            const r = list[item.index]
            if (!r) return null
            const selected = r.kind === 'group' && r.hierarchy === hierarchy && r.group === group
            return (
              <div
                key={item.key}
                role="treeitem"
                aria-level={r.level}
                aria-posinset={r.position}
                aria-setsize={r.siblings}
                aria-selected={selected}
                {...(r.folds ? { 'aria-expanded': r.open } : {})}
                tabIndex={item.index === focused ? 0 : -1}
                className={classes.row}
                data-kind={r.kind}
                onClick={() => {
                  setFocus(r.key)
                  choose(r)
                }}
                onFocus={() => setFocus(r.key)}
                style={{ transform: `translateY(${item.start}px)`, height: rowHeight, ['--level' as string]: r.level - 1 }}
              >
                <span className={classes.name}>
                  <span
                    className={classes.chevron}
                    data-open={r.open}
                    aria-hidden="true"
                    onClick={(e) => {
                      if (!r.folds) return
                      e.stopPropagation()
                      fold(r, !r.open)
                    }}
                  >
                    {r.folds && <IconChevronRight size={16} />}
                  </span>
                  <span className={classes.icon}>
                    <Icon row={r} />
                  </span>
                  <span className={classes.label}>{r.label}</span>
                  {r.kind === 'group' && r.site !== undefined && <span className={classes.site}>{r.site}</span>}
                </span>
                {r.kind === 'group' && <GroupCells row={r} />}
                {r.kind === 'sensor' && <SensorCells row={r} />}
                {r.kind === 'unaccounted' && <UnaccountedCells row={r} />}
              </div>
            )
          })}
        </div>
      </div>
    </section>
  )
}
