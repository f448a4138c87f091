// The tree of everything, with live values. One row is reachable by Tab, the
// arrow keys move (WAI-ARIA tree pattern). Only rows in sight are drawn.

import { Trans, useLingui } from '@lingui/react/macro'
import { useVirtualizer } from '@tanstack/react-virtual'
import {
  IconAlertTriangle, IconBolt, IconBuilding, IconChevronDown, IconChevronRight, IconGauge, IconPlugConnectedX, IconQuestionMark, IconSitemap,
} from '@tabler/icons-react'
import { memo, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { useTokens } from '../chart/colour'
import { useFollowed } from '../data/model'
import { find, keysTo, rows, type Index, type Row } from '../lib/tree'
import { GroupCells, SensorCells, UnaccountedCells } from './Cells'
import classes from './Tree.module.css'

const rowHeight = 40
/** Folded from this many rows on, below the first two levels. */
const many = 300
/** More sensors in sight are not followed one by one. */
const mostSensors = 200
/** More groups are followed only while they are in sight. */
const mostGroups = 500

export interface TreeProps {
  index: Index
  /** Its name, for those who cannot see it. */
  label: string
  /** What is chosen: a group of a hierarchy, or a sensor in it. */
  hierarchy: string
  group: string
  sensor?: string | undefined
  onGroup: (hierarchy: string, group: string) => void
  /** A sensor was chosen; hierarchy and group are '' when it stands in none. */
  onSensor: (hierarchy: string, group: string, sensor: string) => void
  /** Shows only what has these words. */
  query?: string
  /** Shows sensors in no group too. */
  loose?: boolean
  /** Height at most, as CSS has it. */
  height: string
}

const icons = { closed: IconChevronRight, open: IconChevronDown, warn: IconAlertTriangle, site: IconBuilding, group: IconSitemap, meter: IconGauge, sensor: IconBolt, loose: IconPlugConnectedX, unaccounted: IconQuestionMark }

/**
 * Draws each icon once and makes it a picture that the rows show in their
 * background: to paint a row costs a third of what it does with drawings in it,
 * and every tick paints them all.
 */
const Icons = memo(function Icons() {
  const host = useRef<HTMLSpanElement>(null)
  const { dim, power, warn } = useTokens()
  useLayoutEffect(() => {
    const box = host.current?.parentElement
    for (const svg of host.current?.children ?? []) {
      const name = svg.getAttribute('data-icon') ?? ''
      const colour = name === 'warn' ? warn : name === 'closed' || name === 'open' || name === 'unaccounted' ? dim : power
      const text = new XMLSerializer().serializeToString(svg).replaceAll('currentColor', colour)
      box?.style.setProperty(`--icon-${name}`, `url("data:image/svg+xml,${encodeURIComponent(text)}")`)
    }
  }, [dim, power, warn])
  return (
    <span ref={host} hidden>
      {Object.entries(icons).map(([name, Drawn]) => (
        <Drawn key={name} data-icon={name} size={17} stroke={1.7} />
      ))}
    </span>
  )
})

const iconOf = (r: Row) => (r.kind === 'sensor' && r.meter ? 'meter' : r.kind)

/** The groups that anything on the page speaks of. */
function inSight(index: Index, chosen: string, drawn: (Row | undefined)[]): string[] {
  const out = new Set([chosen])
  for (const r of drawn) {
    if (r?.kind === 'group') out.add(r.group)
    if (r && r.kind !== 'site' && r.kind !== 'loose' && r.within !== undefined && r.within !== '') out.add(r.within)
  }
  for (const h of index.model.hierarchies) out.add(h.root)
  // Sorted, so that another order is no other wish.
  return [...out].slice(0, mostGroups).sort()
}

export function Tree({ index, label, hierarchy, group, sensor, onGroup, onSensor, query = '', loose = false, height }: TreeProps) {
  const { t } = useLingui()
  const [folds, setFolds] = useState<ReadonlyMap<string, boolean>>(new Map())
  const big = index.model.groups.length + index.model.sensors.length > many
  const found = useMemo(() => find(index, query), [index, query])
  // What is chosen is in sight, unless somebody folds it away. A group is there without what is in it.
  const way = useMemo(() => {
    const keys = keysTo(index, hierarchy, group)
    return new Set(sensor === undefined ? keys.slice(0, -1) : keys)
  }, [index, hierarchy, group, sensor])
  const list = useMemo(
    () => rows(index, (key, level, g) => folds.get(key) ?? (found ? g === undefined || found.open.has(g) : !big || level <= 2 || way.has(key)), found, loose),
    [index, folds, big, found, way, loose],
  )
  const [focus, setFocus] = useState<string>()
  const box = useRef<HTMLDivElement>(null)
  const follow = useRef(false)

  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({ count: list.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 5, getItemKey: (i) => list[i]?.key ?? i })
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

  const isChosen = (r: Row) =>
    r.kind === 'sensor' ? sensor === r.sensor.id && r.hierarchy === hierarchy && (r.within === group || r.within === '') : r.kind === 'group' && sensor === undefined && r.hierarchy === hierarchy && r.group === group
  const chosen = list.findIndex(isChosen)
  const shown = useRef('')
  const choice = `${hierarchy}\n${group}\n${sensor ?? ''}`
  useEffect(() => {
    // Once for each choice; who scrolls away afterwards is left alone.
    if (chosen < 0 || shown.current === choice) return
    shown.current = choice
    virtual.scrollToIndex(chosen)
  }, [chosen, choice, virtual])

  const fold = (r: Row, open: boolean) => setFolds((old) => new Map(old).set(r.key, open))
  const choose = (r: Row) => {
    shown.current = r.kind === 'group' ? `${r.hierarchy}\n${r.group}\n` : r.kind === 'sensor' ? `${r.hierarchy}\n${r.within}\n${r.sensor.id}` : shown.current
    if (r.kind === 'group') onGroup(r.hierarchy, r.group)
    else if (r.kind === 'sensor') onSensor(r.hierarchy, r.within, r.sensor.id)
    else if (r.kind === 'site' || r.kind === 'loose') fold(r, !r.open)
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
    <div className={classes.frame}>
      <div ref={box} className={classes.box} role="tree" aria-label={label} aria-description={t`After each name stand its share, how many of its sensors are known, and its power.`} onKeyDown={keys} style={{ maxHeight: height }}>
        <Icons />
        {/* Rows stand in the flow, below the room of those out of sight: rows that are placed are layers, and layers cost at each tick. */}
        <div role="presentation" style={{ height: virtual.getTotalSize(), boxSizing: 'border-box', paddingTop: items[0]?.start ?? 0 }}>
          {items.map((item) => {
            const r = list[item.index]
            if (!r) return null
            const selected = isChosen(r)
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
                style={{ height: rowHeight, ['--level' as string]: r.level - 1 }}
              >
                <span className={classes.name}>
                  <span
                    className={classes.chevron}
                    data-folds={r.folds}
                    data-open={r.open}
                    aria-hidden="true"
                    onClick={(e) => {
                      if (!r.folds) return
                      e.stopPropagation()
                      fold(r, !r.open)
                    }}
                  />
                  <span className={classes.icon} style={{ backgroundImage: `var(--icon-${iconOf(r)})` }} aria-hidden="true" />
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
    </div>
  )
}

/** What stands in the columns of the tree. */
export function TreeLegend() {
  return (
    <span className={classes.legend} aria-hidden="true">
      <span>
        <Trans>share</Trans>
      </span>
      <span>
        <Trans>sensors</Trans>
      </span>
      <span>
        <Trans>power</Trans>
      </span>
    </span>
  )
}
