// What comes out of a manifest: results as they come, and the sensors that
// they become, as charts.

import { useLingui } from '@lingui/react/macro'
import { Link } from '@tanstack/react-router'
import { useEffect, useMemo, useState } from 'react'
import { watchShown } from '../api/shown'
import { liveURL, type Manifest, type Result, type Tail } from '../api/manifests'
import { TimeChart } from '../chart/TimeChart'
import type { Line } from '../chart/lines'
import { useModel } from '../data/model'
import { DASH } from '../lib/format'
import { decimal } from '../lib/costs'
import type { GraphNode } from '../lib/manifest'
import { time } from '../lib/time'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import type { Catalogue } from './data'
import { Chart as SensorChart } from './SensorChart'
import classes from './Manifests.module.css'

/** So many results of each processor are kept. */
const most = 2000
export const drawnKeys = 8

type Kept = ReadonlyMap<string, readonly Result[]>

/** Results of each processor, since somebody looks. */
function useTail(id: string | undefined, wanted: boolean): Kept {
  const [kept, setKept] = useState<Kept>(new Map())
  useEffect(() => {
    if (id === undefined || !wanted) return
    let source: EventSource | undefined
    const take = (e: MessageEvent<string>) => {
      const said = JSON.parse(e.data) as Tail[]
      setKept((old) => {
        const next = new Map(old)
        for (const x of said) {
          if (!x.results || x.results.length === 0) continue
          next.set(x.processor, [...(next.get(x.processor) ?? []), ...x.results].slice(-most))
        }
        return next
      })
    }
    const open = () => {
      if (source) return
      source = new EventSource(liveURL(id))
      source.addEventListener('results', take)
    }
    const close = () => {
      source?.close()
      source = undefined
    }
    if (document.visibilityState !== 'hidden') open()
    const unwatch = watchShown(close, open)
    return () => {
      unwatch()
      close()
    }
  }, [id, wanted])
  return kept
}

/** The sensor that a sink of records writes to; undefined when it is several. */
export function sensorOf(catalogue: Catalogue, ref: string | undefined): string | undefined {
  const s = catalogue.sources.find(ref)
  if (!s || catalogue.protocol(catalogue.interfaceOf(s)?.protocol)?.name !== 'records') return undefined
  const usual = catalogue.parametersOfSource(s).find((p) => p.name === 'sensor')?.default
  const text = s.parameters?.sensor ?? usual
  return typeof text !== 'string' || text.includes('{key}') || text.endsWith('*') ? undefined : text.replaceAll('{source}', s.name)
}

export function Results({ id, manifest: m, chosen, catalogue, zone, runs }: { id: string | undefined; manifest: Manifest; chosen: GraphNode | undefined; catalogue: Catalogue; zone: string; runs: boolean }) {
  const { t } = useLingui()
  const kept = useTail(id, runs)
  const { index } = useModel()
  const list = m.processors ?? []
  // The chosen processor, the one that writes to the chosen sink, else the last that writes somewhere.
  const shown =
    chosen?.kind === 'processor' ? list[chosen.at] : chosen?.kind === 'sink' ? list.find((p) => p.to === chosen.ref) : (list.findLast((p) => p.to !== undefined && p.to !== '') ?? list.at(-1))
  const results = useMemo(() => kept.get(shown?.name ?? '') ?? [], [kept, shown])
  const lines = useMemo(() => byKey(results), [results])
  const from = Math.min(...results.map((r) => r.time))
  const to = Math.max(...results.map((r) => r.time))
  const wide = to - from < 60_000 ? 60_000 : to - from
  const sensor = sensorOf(catalogue, chosen && chosen.kind !== 'processor' ? chosen.ref : shown?.to)
  const keys = new Set(results.map((r) => r.key)).size
  const note = shown === undefined ? undefined : shown.name
  return (
    <Panel
      title={t`Results`} note={note} height={260}
      empty={
        id === undefined ? t`It is not saved yet.` : results.length === 0 && sensor === undefined ? (runs ? t`Nothing came out of it since you look. Windows give their results when they end.` : t`It does not run.`) : undefined
      }
    >
      {results.length > 0 && (
        <>
          <TimeChart lines={lines} from={to - wide} to={to} zone={zone} label={t`Results of ${note ?? ''}`} height={200} />
          {keys > drawnKeys && <p className={classes.text}>{t`These are the first ${drawnKeys} of ${keys} keys.`}</p>}
          <Table label={t`Newest results`} columns={[{ name: t`Time` }, { name: t`Key` }, { name: t`Value`, number: true }, { name: t`Marks` }]}>
            {results.slice(-6).reverse().map((r, i) => (
              <tr key={`${r.time} ${r.key} ${i}`}>
                <td>{time(r.time, zone, 'stamp')}</td>
                <td>{r.key === '' ? DASH : r.key}</td>
                <td data-number="true">{r.value === null ? DASH : decimal(String(r.value))}</td>
                <td>{(r.marks ?? []).join(', ')}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
      {sensor !== undefined && (
        <div className={classes.stored}>
          <h3 className={classes.sub}>{t`As sensor ${sensor}`}</h3>
          {index?.sensors.has(sensor) === true ? <SensorChart index={index} id={sensor} /> : <p className={classes.text}>{t`It is in no hierarchy yet. Its readings are kept.`}</p>}
          <Link className={classes.link} to="/sensors" search={{ s: sensor }}>{t`Look at the sensor`}</Link>
        </div>
      )}
    </Panel>
  )
}

/** Results as lines, one for each of the first keys. */
export function byKey(results: readonly Result[]): Line[] {
  const lines = new Map<string, Line & { t: number[]; avg: (number | null)[] }>()
  for (const r of [...results].sort((a, b) => a.time - b.time)) {
    let l = lines.get(r.key)
    if (!l) {
      if (lines.size >= drawnKeys) continue
      lines.set(r.key, (l = { key: r.key, label: r.key, unit: '', t: [], avg: [] }))
    }
    if (l.t.at(-1) === r.time) {
      l.avg[l.avg.length - 1] = r.value
      continue
    }
    l.t.push(r.time)
    l.avg.push(r.value)
  }
  return [...lines.values()]
}
