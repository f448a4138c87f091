// A manifest tried on samples: what each processor would give. Nothing is
// stored, nothing is written.

import { useLingui } from '@lingui/react/macro'
import { Button, Select, Textarea } from '@mantine/core'
import { IconFlask } from '@tabler/icons-react'
import { useMutation } from '@tanstack/react-query'
import { useId, useMemo, useState } from 'react'
import { sourceValues, tryOut, type Manifest, type TrialNode } from '../api/manifests'
import { TimeChart } from '../chart/TimeChart'
import { decimal } from '../lib/costs'
import { DASH } from '../lib/format'
import { exampleOf, mostSamples, samplesOf, type SampleFault } from '../lib/samples'
import { isoWithOffset, time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import type { Catalogue } from './data'
import { byKey, drawnKeys } from './Results'
import classes from './Manifests.module.css'

const shownRows = 50
const shownFaults = 10

function useFaults(): (f: SampleFault) => string {
  const { t } = useLingui()
  return (f) => {
    switch (f.is) {
      case 'columns': return t`Line ${f.line}: write time; value, and if need be key and source: “${f.text}”.`
      case 'time': return t`Line ${f.line}: the time cannot be read in “${f.text}”.`
      case 'value': return t`Line ${f.line}: the value cannot be read in “${f.text}”.`
      case 'source': return t`Line ${f.line}: no source is named in “${f.text}”, and none is chosen.`
      case 'many': return t`These are ${count(f.count)} samples; ${count(mostSamples)} can be tried at once.`
      case 'json': return t`It begins as JSON, but cannot be read as such: ${f.text}`
    }
  }
}

export function Trial({ manifest: m, catalogue, zone, may }: { manifest: Manifest; catalogue: Catalogue; zone: string; may: boolean }) {
  const { t } = useLingui()
  const say = useFaults()
  const [text, setText] = useState('')
  const [wished, setWished] = useState<string>()
  const faultsId = useId()
  const own = useMemo(() => {
    const names = new Set((m.processors ?? []).map((p) => p.name))
    const refs = new Set((m.processors ?? []).flatMap((p) => p.from ?? []).filter((r) => !names.has(r)))
    return [...new Map([...refs].map((r) => catalogue.sources.find(r)).flatMap((s) => (s ? [[s.id ?? s.name, s] as const] : []))).values()]
  }, [m, catalogue])
  const source = own.find((s) => (s.id ?? s.name) === wished) ?? own[0]
  const usual = source && (source.id ?? source.name)
  const { samples, faults } = useMemo(() => samplesOf(text, usual, zone), [text, usual, zone])
  const trial = useMutation({ mutationFn: () => tryOut(m, samples) })
  const newest = useMutation({
    mutationFn: () => sourceValues(usual ?? ''),
    onSuccess: (list) => {
      if (list.length === 0) tell({ message: t`Nothing came from it yet.` })
      else setText(list.map((r) => `${isoWithOffset(r.time, zone)}; ${r.value === null ? '' : String(r.value)}${r.key === '' ? '' : `; ${r.key}`}`).join('\n'))
    },
    onError: (e) => tell({ bad: true, title: t`Nothing could be fetched`, message: e.message }),
  })
  if (!may) return null
  const ready = samples.length > 0 && faults.length === 0 && (m.processors ?? []).length > 0
  return (
    <Panel title={t`Try it on samples`} note={t`nothing is stored or written`} height={160} empty={(m.processors ?? []).length === 0 ? t`Nothing is in it yet that could be tried.` : own.length === 0 ? t`It reads from no source yet.` : undefined}>
      <div className={classes.trial}>
        <form
          className={classes.form}
          onSubmit={(e) => {
            e.preventDefault()
            if (ready) trial.mutate()
          }}
        >
          <Select size="xs" label={t`Samples of the source`} description={t`of lines that name none`} allowDeselect={false} data={own.map((s) => ({ value: s.id ?? s.name, label: s.name }))} value={usual ?? null} onChange={(v) => setWished(v ?? undefined)} />
          <Textarea
            size="xs" label={t`Samples`} description={t`A line each: time; value; key; source. The last two can be absent. Times as 2026-01-05 08:00 in ${zone}, with an offset, or in milliseconds; no value is none. A JSON list is taken, too.`} rows={8} maxLength={2_000_000}
            spellCheck={false} classNames={{ input: classes.code ?? '' }} value={text} error={faults.length > 0} aria-describedby={faults.length > 0 ? faultsId : undefined} onChange={(e) => setText(e.currentTarget.value)}
          />
          {faults.length > 0 && (
            <ul id={faultsId} className={classes.findings} aria-label={t`What is wrong with the samples`}>
              {faults.slice(0, shownFaults).map((f, i) => (
                <li key={i}>{say(f)}</li>
              ))}
              {faults.length > shownFaults && <li>{t`${count(faults.length - shownFaults)} further lines cannot be read.`}</li>}
            </ul>
          )}
          <div className={classes.line}>
            <Button size="xs" type="submit" leftSection={<IconFlask size={15} aria-hidden="true" />} disabled={!ready} loading={trial.isPending}>
              {t`Try`}
            </Button>
            <Button size="xs" variant="default" loading={newest.isPending} disabled={usual === undefined} onClick={() => newest.mutate()}>
              {t`Take its newest values`}
            </Button>
            <Button size="xs" variant="default" onClick={() => setText(exampleOf(Date.now(), (at) => isoWithOffset(at, zone)))}>
              {t`Fill in an example`}
            </Button>
            {samples.length > 0 && <span className={classes.hint}>{t`${count(samples.length)} samples`}</span>}
          </div>
        </form>
        <div className={classes.trialResults} aria-live="polite">
          {trial.error ? (
            <p role="alert" className={classes.bad}>{t`It could not be tried: ${trial.error.message}`}</p>
          ) : trial.data ? (
            <Nodes nodes={trial.data} zone={zone} />
          ) : (
            <p className={classes.text}>{t`What each processor gives of the samples is shown here. Time goes on after the last of them until all windows have ended.`}</p>
          )}
        </div>
      </div>
    </Panel>
  )
}

function Nodes({ nodes, zone }: { nodes: readonly TrialNode[]; zone: string }) {
  const { t } = useLingui()
  const [wished, setWished] = useState<string>()
  const open = nodes.find((n) => n.name === wished) ?? nodes.findLast((n) => n.count > 0) ?? nodes.at(-1)
  return (
    <>
      <Table label={t`What each processor gave`} columns={[{ name: t`Processor` }, { name: t`Results`, number: true }, { name: t`Refused`, number: true }]}>
        {nodes.map((n) => (
          <tr key={n.name}>
            <td>
              <button type="button" className={classes.fold} aria-pressed={n === open} aria-label={t`Results of ${n.name}`} onClick={() => setWished(n.name)}>
                {n.name}
              </button>
            </td>
            <td data-number="true">{count(n.count)}</td>
            <td data-number="true">{(n.refused ?? []).length === 0 ? DASH : count((n.refused ?? []).length)}</td>
          </tr>
        ))}
      </Table>
      {open && <Node key={open.name} node={open} zone={zone} />}
    </>
  )
}

function Node({ node: n, zone }: { node: TrialNode; zone: string }) {
  const { t } = useLingui()
  const results = useMemo(() => n.results ?? [], [n.results])
  const refused = n.refused ?? []
  const lines = useMemo(() => byKey(results), [results])
  const times = results.map((r) => r.time)
  const from = Math.min(...times)
  const to = Math.max(...times)
  const wide = Math.max(to - from, 60_000)
  const keys = new Set(results.map((r) => r.key)).size
  return (
    <section aria-label={t`Results of ${n.name}`}>
      <h3 className={classes.sub}>{n.name}</h3>
      {results.length === 0 ? (
        <p className={classes.text}>{t`It gives nothing of these samples.`}</p>
      ) : (
        <>
          {results.length > 1 && <TimeChart lines={lines} from={to - wide} to={to} zone={zone} label={t`What ${n.name} gives`} height={170} />}
          {keys > drawnKeys && <p className={classes.text}>{t`These are the first ${drawnKeys} of ${keys} keys.`}</p>}
          <div className={classes.tall}>
            <Table label={t`What ${n.name} gives`} columns={[{ name: t`Time` }, { name: t`Key` }, { name: t`Value`, number: true }, { name: t`Marks` }]}>
              {results.slice(0, shownRows).map((r, i) => (
                <tr key={`${r.time} ${r.key} ${i}`}>
                  <td>{time(r.time, zone, 'stamp')}</td>
                  <td>{r.key === '' ? DASH : r.key}</td>
                  <td data-number="true">{r.value === null ? DASH : decimal(String(r.value))}</td>
                  <td>{(r.marks ?? []).join(', ')}</td>
                </tr>
              ))}
            </Table>
          </div>
          {n.count > shownRows && <p className={classes.text}>{t`These are the first ${shownRows} of ${count(n.count)}.`}</p>}
        </>
      )}
      {refused.length > 0 && (
        <>
          <h3 className={classes.sub}>{t`Refused`}</h3>
          <ul className={classes.findings} aria-label={t`What ${n.name} refuses`}>
            {refused.slice(0, shownFaults).map((x, i) => (
              <li key={i}>{x}</li>
            ))}
            {refused.length > shownFaults && <li>{t`and ${count(refused.length - shownFaults)} more`}</li>}
          </ul>
        </>
      )}
    </section>
  )
}
