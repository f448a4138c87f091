// A day ahead with its bands beside what was measured, how wrong each model
// was, and what is not usual.

import { useLingui } from '@lingui/react/macro'
import { Select, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { partsOf } from '../api/objects'
import { anomalies, forecast, values } from '../api/standing'
import { TimeChart } from '../chart/TimeChart'
import type { Line } from '../chart/lines'
import { useModel } from '../data/model'
import { Found } from '../forecasts/Found'
import { KeptOfOne, KeptOfAll } from '../forecasts/Kept'
import { useAnomalyKinds } from '../forecasts/words'
import { DASH, percent, text } from '../lib/format'
import { locale } from '../lib/locale'
import { entries, zoneOf } from '../lib/subject'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Sections } from '../part/Sections'
import { Table } from '../part/Table'
import classes from '../objects/Objects.module.css'

const day = 86_400_000
const digits = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 })
const now = () => Date.now()

export function Forecasts() {
  const { t } = useLingui()
  const { index } = useModel()
  const navigate = useNavigate()
  const { o, tab } = useSearch({ from: '/app' })
  const [wished, setWished] = useState('')
  const zone = knownZone(index?.model.sites[0]?.zone)
  const list = useMemo(() => (index ? entries(index).slice(0, 5000).map((e) => ({ value: `${e.kind}/${e.id}`, label: e.where === '' ? e.label : `${e.label} (${e.where})` })) : []), [index])
  const id = o ?? list[0]?.value
  const ofSite = (object: string) => (index ? zoneOf(index, partsOf(object)) : zone)
  const one = () => (
    <>
      <div className={classes.filters}>
        <Select size="xs" label={t`Of what`} searchable allowDeselect={false} limit={100} nothingFoundMessage={t`There is none.`} data={list} value={id ?? null} onChange={(v) => v !== null && void navigate({ to: '.', search: (old) => ({ ...old, o: v }), replace: true })} />
        <TextInput size="xs" type="date" label={t`Day`} description={t`tomorrow, if empty`} value={wished} onChange={(e) => setWished(e.currentTarget.value)} />
      </div>
      {id === undefined ? (
        <Panel title={t`The day ahead`} height={120} empty={t`There is no sensor yet.`}>
          {null}
        </Panel>
      ) : (
        <>
          <Ahead key={`${id} ${wished}`} id={id} wished={wished === '' ? undefined : wished} />
          <KeptOfOne key={`kept ${id}`} id={id} onDay={setWished} />
          <Unusual key={`found ${id}`} id={id} zone={ofSite(id)} />
        </>
      )}
    </>
  )
  return (
    <Page title={t`Forecasts`} note={tab !== undefined && tab !== 'one' ? t`times of each site` : id === undefined ? zone : ofSite(id)}>
      <Sections
        label={t`Forecasts`}
        sections={[
          { id: 'one', name: t`The day ahead`, content: one },
          { id: 'kept', name: t`All forecasts`, content: () => <KeptOfAll /> },
          { id: 'found', name: t`Not usual`, content: () => <Found zone={zone} zoneOf={ofSite} /> },
        ]}
      />
    </Page>
  )
}

function Ahead({ id, wished }: { id: string; wished: string | undefined }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['forecasts', id, wished], queryFn: ({ signal }) => forecast(id, wished, signal), staleTime: 300_000, retry: 0 })
  const f = asked.data
  const begins = Date.parse(f?.values?.[0]?.time ?? '')
  const ends = Date.parse(f?.values?.at(-1)?.time ?? '') + (f?.stepSeconds ?? 0) * 1000
  const was = useQuery({
    queryKey: ['objects', 'measured', id, begins], queryFn: ({ signal }) => values(id, begins - 2 * day, Math.min(ends, now()), signal), enabled: f !== undefined && Number.isFinite(begins) && begins - 2 * day < ends, staleTime: 60_000, retry: 0,
  })
  const lines = useMemo((): Line[] => {
    if (!f) return []
    const list = f.values ?? []
    const measured = (was.data?.values ?? []).map((v) => ({ at: Date.parse(v.time), v: v.source === 'live' ? v.value : null }))
    return [
      ...(measured.some((m) => m.v !== null) ? [{ key: id, label: t`measured`, unit: f.unit, t: measured.map((m) => m.at), avg: measured.map((m) => m.v) }] : []),
      { key: `${id} ahead`, label: t`forecast`, unit: f.unit, t: list.map((v) => Date.parse(v.time)), avg: list.map((v) => v.value), min: list.map((v) => v.lower), max: list.map((v) => v.upper), faint: true },
    ]
  }, [f, was.data, id, t])
  const scores = f?.scores ?? []
  return (
    <>
      <Panel title={t`The day ahead`} note={f && t`${Number.isFinite(begins) ? time(begins, f.zone, 'date') : f.day}, by ${f.model}, from what was known at ${time(Date.parse(f.known), f.zone)}`} height={280} grows asked={{ ...asked, isPending: asked.isPending || was.isLoading }} empty={f && (f.values ?? []).every((v) => v.value === null) ? t`Nothing can be said of this day.` : undefined}>
        <p className={classes.text}>{t`Four of five values are expected within the band.`}</p>
        <TimeChart lines={lines} from={Number.isFinite(begins) ? begins - 2 * day : 0} to={Number.isFinite(ends) ? ends : 1} zone={f?.zone ?? 'UTC'} label={t`Forecast and measured values`} height={250} />
      </Panel>
      {f && (
        <Panel title={t`How wrong each model was`} note={t`on the last weeks, each day from what was known before it`} height={100} grows empty={scores.length === 0 ? t`Too little is known to compare models.` : undefined}>
          <Table label={t`How wrong each model was`} columns={[{ name: t`Model` }, { name: t`Mean error`, number: true }, { name: t`WAPE`, number: true }, { name: t`MASE`, number: true }, { name: t`Chosen` }]}>
            {scores.map((s) => (
              <tr key={s.model}>
                <td>{s.model}</td>
                <td data-number="true">{text(s.mae, f.unit)}</td>
                <td data-number="true">{percent(s.wape, 1)}</td>
                <td data-number="true">{digits.format(s.mase)}</td>
                <td>{s.model === f.model ? t`yes` : ''}</td>
              </tr>
            ))}
          </Table>
        </Panel>
      )}
    </>
  )
}

function Unusual({ id, zone }: { id: string; zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({
    queryKey: ['anomalies', id],
    queryFn: ({ signal }) => {
      const to = Date.now()
      return anomalies(id, to - 30 * day, to, signal)
    },
    staleTime: 300_000, retry: 0,
  })
  const names = useAnomalyKinds()
  const list = asked.data?.anomalies ?? []
  const unit = asked.data?.unit ?? ''
  return (
    <Panel title={t`What is not usual`} note={t`the last 30 days, times of ${zone}`} height={100} asked={asked} empty={list.length === 0 ? t`Nothing was found: all of it is as usual, or too little is known.` : undefined}>
      <Table label={t`What is not usual`} columns={[{ name: t`From` }, { name: t`To` }, { name: t`What` }, { name: t`Kind` }, { name: t`Farthest value`, number: true }, { name: t`Values`, number: true }]}>
        {list.map((a, i) => (
          <tr key={i}>
            <td>{time(Date.parse(a.from), zone)}</td>
            <td>{time(Date.parse(a.to), zone)}</td>
            <td>{a.untrue ? t`cannot be right` : t`not usual`}</td>
            <td>{names[a.kind]}</td>
            <td data-number="true">{a.value === null ? DASH : text(a.value, unit)}</td>
            <td data-number="true">{count(a.values)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}
