// One chart of a comparison: its lines, and what is done with it.

import { ActionIcon, Menu, Tooltip } from '@mantine/core'
import { Trans, useLingui } from '@lingui/react/macro'
import { IconAdjustments, IconArrowDown, IconArrowUp, IconPlus, IconTrash, IconX } from '@tabler/icons-react'
import { useMemo, useRef, useState } from 'react'
import { TimeChart } from '../chart/TimeChart'
import { strokes } from '../chart/colour'
import type { Line } from '../chart/lines'
import { befores, change, code, moveChart, moveSeries, subtract, toggle, type Drawn, type Selection } from '../lib/compare'
import type { Before } from '../lib/span'
import { exists, nameOf } from '../lib/subject'
import type { Index } from '../lib/tree'
import { ExportMenu } from '../part/ExportMenu'
import { Panel, type Asked } from '../part/Panel'
import { SubjectPicker } from '../part/SubjectPicker'
import { tableOf } from '../part/table'
import type { View } from '../shell/span'
import { keyOf, type Chosen, type Lines } from './data'
import classes from './Compare.module.css'

export interface ChartProps {
  index: Index
  selection: Selection
  /** Which of the charts this is. */
  at: number
  chosen: ReadonlyMap<string, Chosen>
  now: Lines
  /** The lines of stretches before, by the code of the series. */
  past: Readonly<Record<Before, ReadonlyMap<string, Line>>>
  /** What those wait for. */
  waits: Readonly<Record<Before, Asked>>
  view: View
  zone: string
  /** No more series fit into the page. */
  full: boolean
  onChange: (s: Selection) => void
}

const dragged = 'application/x-wattwerk-series'
const height = 280

export function useBeforeNames(): Record<Before, string> {
  const { t } = useLingui()
  return { previous: t`Previous period`, week: t`Same weekdays a week before`, year: t`Same period last year` }
}

export function Chart({ index, selection, at, chosen, now, past, waits, view, zone, full, onChange }: ChartProps) {
  const { t } = useLingui()
  const names = useBeforeNames()
  const host = useRef<HTMLDivElement>(null)
  const [over, setOver] = useState(false)
  const c: Drawn | undefined = selection[at]

  const lines = useMemo((): Line[] => {
    const out: Line[] = []
    if (!c) return out
    const short: Record<Before, string> = { previous: t`previous`, week: t`a week before`, year: t`a year before` }
    for (const p of c.series) {
      const l = now.lines.get(code(p))
      if (l) out.push(l)
    }
    for (const b of c.before) {
      for (const p of c.series) {
        const l = past[b].get(code(p))
        if (l) out.push({ ...l, key: `${l.key} ${b}`, label: `${l.label}, ${short[b]}`, min: undefined, max: undefined, faint: true })
      }
    }
    const [a, b] = c.series
    if (c.difference && a && b) {
      const la = now.lines.get(code(a))
      const lb = now.lines.get(code(b))
      const ga = chosen.get(code(a))?.source.gap ?? 0
      const gb = chosen.get(code(b))?.source.gap ?? 0
      if (la && lb && la.unit === lb.unit) {
        const step = (l: Line) => 4 * least(l.t)
        out.push({ key: 'difference', of: `${la.key} less ${lb.key}`, label: t`${la.label} less ${lb.label}`, unit: la.unit, ...subtract(la, lb, Math.max(ga, step(la)), Math.max(gb, step(lb))) })
      }
    }
    return out
  }, [c, now.lines, past, chosen, t])

  if (!c) return null
  const number = at + 1
  const title = t`Chart ${number}`
  const shown = c.series.map((p) => nameOf(index, p))
  const colours = strokes(c.series.map((p) => p.id))
  const asked: Asked[] = c.series.length === 0 ? [] : [now, ...c.before.map((b) => waits[b])]
  const pair = c.series.length === 2 && chosen.get(code(c.series[0] ?? { kind: 'sensor', id: '' }))?.source.unit === chosen.get(code(c.series[1] ?? { kind: 'sensor', id: '' }))?.source.unit
  const set = (f: (d: Drawn) => Drawn) => onChange(change(selection, at, f))
  const drop = (e: React.DragEvent, place: number) => {
    const said = e.dataTransfer.getData(dragged).split(' ').map(Number)
    const [chart, from] = said
    setOver(false)
    if (chart === undefined || from === undefined) return
    e.preventDefault()
    e.stopPropagation()
    onChange(moveSeries(selection, { chart, at: from }, { chart: at, at: place }))
  }
  const accept = (e: React.DragEvent) => {
    if (!e.dataTransfer.types.includes(dragged)) return
    e.preventDefault()
    setOver(true)
  }

  return (
    <div
      ref={host}
      className={classes.chart}
      data-over={over}
      onDragOver={accept}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => drop(e, c.series.length)}
    >
      <Panel
        title={title}
        height={height + 62}
        grows
        asked={asked}
        empty={c.series.length === 0 ? t`Nothing is drawn here yet. Add sensors and groups, or drag a series here from another chart.` : undefined}
        actions={
          <>
            <SubjectPicker
              index={index}
              many
              label={t`Add series to ${title}`}
              icon={<IconPlus size={15} />}
              chosen={new Set(c.series.map(keyOf))}
              onPick={(e) => {
                if (!full || c.series.some((p) => keyOf(p) === e.key)) onChange(toggle(selection, at, { kind: e.kind, id: e.id }))
              }}
            >
              <Trans>Series</Trans>
            </SubjectPicker>
            <Menu position="bottom-end" closeOnItemClick={false} withinPortal width={260}>
              <Menu.Target>
                <Tooltip label={t`Compare with`}>
                  <ActionIcon variant="subtle" color="gray" size="sm" aria-label={t`Compare ${title} with`}>
                    <IconAdjustments size={17} />
                  </ActionIcon>
                </Tooltip>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Label>{t`Also draw`}</Menu.Label>
                {befores.map((b) => (
                  <Menu.CheckboxItem key={b} checked={c.before.includes(b)} onChange={(on: boolean) => set((d) => ({ ...d, before: befores.filter((x) => (x === b ? on : d.before.includes(x))) }))}>
                    {names[b]}
                  </Menu.CheckboxItem>
                ))}
                <Menu.CheckboxItem checked={c.difference} disabled={!pair && !c.difference} onChange={(on: boolean) => set((d) => ({ ...d, difference: on }))}>
                  {t`Difference of the two series`}
                </Menu.CheckboxItem>
              </Menu.Dropdown>
            </Menu>
            <Tool name={t`Move ${title} up`} disabled={at === 0} onClick={() => onChange(moveChart(selection, at, -1))} icon={<IconArrowUp size={17} />} />
            <Tool name={t`Move ${title} down`} disabled={at === selection.length - 1} onClick={() => onChange(moveChart(selection, at, 1))} icon={<IconArrowDown size={17} />} />
            <Tool name={t`Remove ${title}`} onClick={() => onChange(selection.filter((_, i) => i !== at))} icon={<IconTrash size={17} />} />
          </>
        }
      >
        <TimeChart
          lines={lines}
          from={now.from}
          to={now.to}
          zone={zone}
          height={height}
          label={`${title}: ${shown.join(', ')}`}
          sync="compare"
          onSpan={view.set}
          onLive={view.follow}
        >
          <ExportMenu
            name={`${title} ${shown.join(' ')}`}
            table={() => tableOf(lines, now.from, now.to, zone, { time: t`Time`, min: t`lowest`, max: t`highest` })}
            picture={() => host.current}
          />
        </TimeChart>
      </Panel>
      {c.series.length > 0 && (
        <ul className={`${classes.chips ?? ''} ww-noprint`} aria-label={t`Series of ${title}`}>
          {c.series.map((p, i) => {
            const name = nameOf(index, p)
            return (
              <li
                key={code(p)}
                className={classes.chip}
                draggable
                onDragStart={(e) => {
                  e.dataTransfer.setData(dragged, `${at} ${i}`)
                  e.dataTransfer.effectAllowed = 'move'
                }}
                onDragOver={accept}
                onDrop={(e) => drop(e, i)}
              >
                <Menu position="bottom-start" withinPortal>
                  <Menu.Target>
                    <button type="button" aria-label={t`Move ${name}`} className={classes.grip} data-gone={!exists(index, p)}>
                      <span className={classes.swatch} style={{ background: colours[i]?.colour }} aria-hidden="true" />
                      {name}
                    </button>
                  </Menu.Target>
                  <Menu.Dropdown>
                    <Menu.Item disabled={i === 0} onClick={() => onChange(moveSeries(selection, { chart: at, at: i }, { chart: at, at: i - 1 }))}>{t`Move to the front`}</Menu.Item>
                    <Menu.Item disabled={i === c.series.length - 1} onClick={() => onChange(moveSeries(selection, { chart: at, at: i }, { chart: at, at: i + 2 }))}>{t`Move to the back`}</Menu.Item>
                    {selection.map((other, k) => {
                      const to = k + 1
                      return k === at ? null : (
                        <Menu.Item key={to} onClick={() => onChange(moveSeries(selection, { chart: at, at: i }, { chart: k, at: other.series.length }))}>{t`Move to chart ${to}`}</Menu.Item>
                      )
                    })}
                    <Menu.Item onClick={() => onChange(moveSeries(selection, { chart: at, at: i }, { chart: selection.length, at: 0 }))}>{t`Move to a new chart`}</Menu.Item>
                  </Menu.Dropdown>
                </Menu>
                {!exists(index, p) && <span className={classes.gone}>{t`not in the model`}</span>}
                <button type="button" className={classes.remove} aria-label={t`Remove ${name} from ${title}`} onClick={() => onChange(toggle(selection, at, p))}>
                  <IconX size={14} aria-hidden="true" />
                </button>
              </li>
            )
          })}
        </ul>
      )}
    </div>
  )
}

/** The shortest distance of neighbours among the first times. */
function least(t: readonly number[]): number {
  let d = Infinity
  for (let i = 1; i < Math.min(t.length, 200); i++) d = Math.min(d, (t[i] ?? 0) - (t[i - 1] ?? 0))
  return Number.isFinite(d) ? d : 1000
}

function Tool({ name, icon, onClick, disabled = false }: { name: string; icon: React.ReactNode; onClick: () => void; disabled?: boolean }) {
  return (
    <Tooltip label={name}>
      <ActionIcon variant="subtle" color="gray" size="sm" aria-label={name} onClick={onClick} disabled={disabled}>
        {icon}
      </ActionIcon>
    </Tooltip>
  )
}
