// The values over the span of the page, live; with the time before behind them.

import { Select } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { useMemo, useRef } from 'react'
import { exports } from '../api/subject'
import type { Line } from '../chart/lines'
import { TimeChart } from '../chart/TimeChart'
import { useDrawn, useFeed, useSeries, type Feed, type Source } from '../data/series'
import { shifted } from '../lib/compare'
import { before, befores as kinds, isLive, lengths, onto, readBefore, type Before } from '../lib/span'
import { coarse } from '../lib/steps'
import { timeRange } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { tableOf } from '../part/table'
import type { View } from '../shell/span'
import { sourceOf, type Subject } from './subject'

const none: readonly Source[] = []
const no: readonly Line[] = []

/** The lines of an earlier time, laid under the view. */
function useEarlier(source: Source, view: View, kind: Before | undefined, zone: string, name: string) {
  const length = isLive(view.span) ? lengths[view.span.live] : undefined
  // Of a span that follows the clock the time before is asked for in steps.
  const { from, to } = coarse(view, length !== undefined)
  const { earlier, move } = useMemo(
    () => (kind === undefined ? { earlier: undefined, move: (t: number) => t } : { earlier: before({ from, to }, kind, zone, length), move: onto({ from, to }, kind, zone, length) }),
    [from, to, kind, zone, length],
  )
  const sources = useMemo(() => (earlier === undefined ? none : [source]), [earlier, source])
  const frozen: View = { span: earlier ?? { from, to }, from, to, live: false, set: view.set, follow: undefined }
  const asked = useSeries(sources, frozen)
  const lines = useMemo(
    () => (asked.lines.length === 0 ? no : asked.lines.map((l): Line => shifted({ key: l.key, label: name, unit: l.unit, faint: true, t: l.t, avg: l.avg }, move))),
    [asked.lines, move, name],
  )
  return { lines, earlier, asked }
}

export function History({ subject, view, title, compared, onCompare, height }: {
  subject: Subject
  view: View
  title: string
  compared: Before | undefined
  onCompare: (b: Before | undefined) => void
  height: number
}) {
  const { t } = useLingui()
  const host = useRef<HTMLDivElement>(null)
  const key = JSON.stringify(sourceOf(subject))
  const sources = useMemo(() => [JSON.parse(key) as Source], [key])
  const source = sources[0] as Source
  const asked = useFeed(sources, view)
  const names: Record<Before, string> = { previous: t`the time before`, week: t`a week before`, year: t`a year before` }
  const { lines: earlier, earlier: span, asked: askedEarlier } = useEarlier(source, view, compared, subject.zone, compared === undefined ? '' : names[compared])
  const label = subject.unit === 'W' ? t`Power of ${subject.label}` : t`Values of ${subject.label}`
  return (
    <Panel
      title={title}
      height={height + 30}
      asked={compared === undefined ? asked : [asked, { ...askedEarlier, isPending: false }]}
      note={span && compared !== undefined ? t`dashed: ${timeRange(span.from, span.to, subject.zone)}` : undefined}
      actions={
        <>
          <Select
            size="xs"
            w={170}
            aria-label={t`Compare with`}
            placeholder={t`Compare with…`}
            data={kinds.map((k) => ({ value: k, label: names[k] }))}
            value={compared ?? null}
            onChange={(v) => onCompare(readBefore(v ?? undefined))}
            clearable
            clearButtonProps={{ 'aria-label': t`Compare with nothing` }}
          />
          <ExportMenu
            name={subject.label}
            table={() => tableOf([...asked.feed.shown().lines, ...earlier], view.from, view.to, subject.zone, { time: t`Time`, min: t`min`, max: t`max` })}
            picture={() => host.current}
            links={exports(subject, { from: Math.round(view.from), to: Math.round(view.to) })}
          />
        </>
      }
    >
      <div ref={host}>
        <Live feed={asked.feed} earlier={earlier} view={view} zone={subject.zone} label={label} height={height} />
      </div>
    </Panel>
  )
}

/** The chart alone is drawn anew as values come. */
function Live({ feed, earlier, view, zone, label, height }: { feed: Feed; earlier: readonly Line[]; view: View; zone: string; label: string; height: number }) {
  const { lines: own, from, to } = useDrawn(feed, view)
  const lines = useMemo(() => (earlier.length === 0 ? own : [...own, ...earlier]), [own, earlier])
  return <TimeChart lines={lines} from={from} to={to} zone={zone} label={label} height={height} onSpan={view.set} onLive={view.follow} />
}
