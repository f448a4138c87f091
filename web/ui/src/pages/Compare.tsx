// Several series in one chart, several charts above each other, with one time
// axis. All that is chosen stands in the address.

import { Button } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconChartLine, IconPlus } from '@tabler/icons-react'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo } from 'react'
import { Chart } from '../compare/Chart'
import { Correlations } from '../compare/Correlations'
import { useLines, usePast, type Chosen } from '../compare/data'
import { useModel } from '../data/model'
import { blank, code, decode, encode, everything, mostCharts, mostSeries, type Pick, type Selection } from '../lib/compare'
import { shownIn, sourceOf, zoneOf } from '../lib/subject'
import type { Before } from '../lib/span'
import type { Index } from '../lib/tree'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { SpanPicker } from '../part/SpanPicker'
import { useSpan } from '../shell/span'

export function Compare() {
  const { t } = useLingui()
  const { index, isPending, error, refetch } = useModel()
  if (!index || index.model.hierarchies.length + index.model.sensors.length === 0) {
    return (
      <Page title={t`Comparison`}>
        <Panel title={t`Chart ${1}`} height={300} asked={{ isPending, error: index ? null : error, refetch }} empty={t`Nothing measures yet. What is sent can be compared here.`}>
          {null}
        </Panel>
      </Page>
    )
  }
  return <Charts index={index} />
}

/** What is compared when the address does not say: what was chosen on another page. */
function start(index: Index, h: string | undefined, g: string | undefined, s: string | undefined): Selection {
  const root = shownIn(index, h, undefined)?.root
  const first: Pick[] = []
  if (g !== undefined) first.push({ kind: 'group', id: g })
  if (s !== undefined) first.push({ kind: 'sensor', id: s })
  if (first.length === 0 && root !== undefined) first.push({ kind: 'group', id: root })
  return [{ ...blank, series: first }]
}

function Charts({ index }: { index: Index }) {
  const { t } = useLingui()
  const search = useSearch({ from: '/app' })
  const navigate = useNavigate()
  const view = useSpan('24h')
  const { c, h, g, s } = search
  const selection = useMemo(() => (c === undefined ? start(index, h, g, s) : decode(c)), [c, h, g, s, index])
  const set = useCallback((x: Selection) => void navigate({ to: '.', search: (old) => ({ ...old, c: encode(x.length === 0 ? [blank] : x) }), replace: true }), [navigate])

  const all = useMemo(() => everything(selection), [selection])
  const chosen = useMemo(
    () =>
      all.flatMap((pick): Chosen[] => {
        const source = sourceOf(index, pick)
        return source ? [{ pick, code: code(pick), source }] : []
      }),
    [all, index],
  )
  const byCode = useMemo(() => new Map(chosen.map((x) => [x.code, x])), [chosen])
  const zone = chosen[0] ? zoneOf(index, chosen[0].pick) : 'UTC'
  const wanted = (b: Before) => chosen.filter((x) => selection.some((d) => d.before.includes(b) && d.series.some((p) => code(p) === x.code)))
  const now = useLines(chosen, view)
  // eslint-disable-next-line react-hooks/exhaustive-deps -- what is wanted follows from both
  const [wp, ww, wy] = useMemo(() => [wanted('previous'), wanted('week'), wanted('year')], [chosen, selection])
  const previous = usePast('previous', wp, view, zone)
  const week = usePast('week', ww, view, zone)
  const year = usePast('year', wy, view, zone)
  const past = useMemo(() => ({ previous: previous.lines, week: week.lines, year: year.lines }), [previous.lines, week.lines, year.lines])
  const full = all.length >= mostSeries

  return (
    <Page
      title={t`Comparison`}
      note={full ? t`These are as many series as one page compares.` : t`The address of this page shows the same to others.`}
      actions={<SpanPicker view={view} zone={zone} />}
    >
      {selection.map((_, i) => (
        <Chart key={i} index={index} selection={selection} at={i} chosen={byCode} now={now} past={past} waits={{ previous, week, year }} view={view} zone={zone} full={full} onChange={set} />
      ))}
      <div className="ww-noprint">
        <Button
          variant="default"
          size="xs"
          leftSection={selection.length === 0 ? <IconChartLine size={15} /> : <IconPlus size={15} />}
          disabled={selection.length >= mostCharts}
          onClick={() => set([...selection, blank])}
        >
          {t`Add a chart`}
        </Button>
      </div>
      <Correlations index={index} chosen={chosen} view={view} zone={zone} />
    </Page>
  )
}
