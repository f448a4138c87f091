// How far the targets of the survey are reached: as a whole, by meter, by
// device, and by day or week.

import { useLingui } from '@lingui/react/macro'
import { SegmentedControl } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState, type CSSProperties } from 'react'
import type { SurveyFulfilment, SurveyTarget } from '../api/generated/types.gen'
import { households, targets } from '../api/survey'
import { DASH, percent } from '../lib/format'
import { time, timeRange } from '../lib/time'
import { count } from '../lib/units'
import { read, written } from '../lib/wall'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import type { Table as Sheet } from '../part/table'
import { at, HomeLink, short, useStates } from './words'
import classes from './Survey.module.css'

type Every = 'day' | 'week'

const hour = 3_600_000
const quarter = 900_000

/**
 * When the first target is expected whose consent was given then: its hour is
 * over, and two more have passed in which it may be on its way.
 */
const expectedFrom = (granted: number): number => Math.floor((Math.ceil(granted / quarter) * quarter) / hour) * hour + 3 * hour

/** Rounded down: 100 % is said of nothing that lacks something. */
const share = (x: SurveyTarget): string => (x.percent === null ? DASH : percent(Math.floor(x.percent * 100) / 10_000, 2))

export function Targets({ zone }: { zone: string }) {
  const { t } = useLingui()
  const [length, setLength] = useState<'all' | '7' | '30' | 'own'>('all')
  const [from, setFrom] = useState('')
  const [to, setTo] = useState('')
  const [every, setEvery] = useState<Every>('week')
  const [chosen, setChosen] = useState<{ from?: string; to?: string }>({})
  const pick = (next: typeof length) => {
    setLength(next)
    const end = Math.floor(Date.now() / hour) * hour
    if (next === 'all') setChosen({})
    else if (next === 'own') {
      setFrom(written(end - 7 * 24 * hour, zone))
      setTo(written(end, zone))
      setChosen({ from: new Date(end - 7 * 24 * hour).toISOString(), to: new Date(end).toISOString() })
    } else setChosen({ from: new Date(end - Number(next) * 24 * hour).toISOString() })
  }
  const own = (f: string, u: string) => {
    setFrom(f)
    setTo(u)
    const [a, b] = [read(f, zone), read(u, zone)]
    if (a !== undefined && b !== undefined) setChosen({ from: new Date(a).toISOString(), to: new Date(b).toISOString() })
  }
  const asked = useQuery({ queryKey: ['survey', 'targets', chosen, every], queryFn: ({ signal }) => targets({ ...chosen, every }, signal), placeholderData: keepPreviousData, refetchInterval: 60_000 })
  const r = asked.data
  const nothing = r !== undefined && (r.meters ?? []).length === 0
  const early = r !== undefined && !nothing && r.measured.expected === 0 && r.reported.expected === 0
  const consents = useQuery({ queryKey: ['survey', 'consents'], queryFn: ({ signal }) => households({ state: 'granted' }, signal), enabled: early, staleTime: 60_000 })
  const first = Math.min(...(consents.data?.items ?? []).flatMap((h) => (h.consent.granted === undefined ? [] : [expectedFrom(Date.parse(h.consent.granted))])))
  return (
    <>
      <div className={classes.filter} role="group" aria-label={t`Period`}>
        <SegmentedControl
          size="xs" aria-label={t`Period`} value={length} onChange={(v) => pick(v)}
          data={[{ value: 'all', label: t`From the beginning` }, { value: '7', label: t`7 days` }, { value: '30', label: t`30 days` }, { value: 'own', label: t`Own` }]}
        />
        {length === 'own' && (
          <>
            <label className={`${classes.when ?? ''} ww-when`}>
              {t`From`}
              <input type="datetime-local" value={from} onChange={(e) => own(e.currentTarget.value, to)} />
            </label>
            <label className={`${classes.when ?? ''} ww-when`}>
              {t`To`}
              <input type="datetime-local" value={to} onChange={(e) => own(from, e.currentTarget.value)} />
            </label>
          </>
        )}
        <SegmentedControl size="xs" aria-label={t`Parts`} value={every} onChange={(v) => setEvery(v)} data={[{ value: 'day', label: t`By day` }, { value: 'week', label: t`By week` }]} />
      </div>
      <Panel
        title={t`Target fulfilment`} note={r && timeRange(Date.parse(r.from), Date.parse(r.to), zone)} height={90} asked={asked}
        empty={nothing ? t`No household has consented yet, so nothing was to be measured.` : undefined}
        warning={
          !early ? undefined
          : length === 'all' && Number.isFinite(first) && first > Date.parse(r.to) ? t`Nothing is expected yet: what is measured may be on its way for two hours after its hour has ended. The first shares stand here from ${time(first, zone)} on.`
          : t`Nothing was expected in this time, so there are no shares.`
        }
      >
        {r && (
          <dl className={classes.sums}>
            <Sum name={t`Measured`} of={r.measured} unit={t`quarters of an hour`} />
            <Sum name={t`Reported`} of={r.reported} unit={t`hours`} />
            <div>
              <dt>{t`In time`}</dt>
              <dd>
                {r.reported.expected > 0 ? percent(Math.floor((r.inTime / r.reported.expected) * 10_000) / 10_000, 2) : DASH}
                <small>{t`${count(r.inTime)} hours within two hours after their end`}</small>
              </dd>
            </div>
          </dl>
        )}
      </Panel>
      {r && !nothing && (
        <>
          <Meters r={r} zone={zone} />
          <Devices r={r} zone={zone} />
          <Parts r={r} zone={zone} />
        </>
      )}
    </>
  )
}

function Sum({ name, of, unit }: { name: string; of: SurveyTarget; unit: string }) {
  const { t } = useLingui()
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {share(of)}
        <small>{t`${count(of.reached)} of ${count(of.expected)} ${unit}`}</small>
      </dd>
    </div>
  )
}

function Meters({ r, zone }: { r: SurveyFulfilment; zone: string }) {
  const { t } = useLingui()
  const states = useStates()
  const meters = r.meters ?? []
  const sheet = (): Sheet => ({
    zone,
    columns: [t`Meter`, t`Model`, t`Household`, t`Consent`, t`First target`, t`End of the last one`, t`Expected`, t`Measured`, t`Fulfilment, %`].map((name) => ({ name, unit: '' })),
    rows: meters.map((m) => [
      m.meter, m.model, m.household, states[m.consent], m.from === undefined ? null : { at: Date.parse(m.from) }, m.to === undefined ? null : { at: Date.parse(m.to) }, m.measured.expected, m.measured.reached, m.measured.percent,
    ]),
  })
  return (
    <Panel title={t`Measured, by meter`} note={t`a measurement each quarter of an hour`} height={120} actions={<ExportMenu name={t`Measured by meter`} table={sheet} />}>
      <Table
        label={t`Measured, by meter`}
        columns={[{ name: t`Meter` }, { name: t`Household` }, { name: t`Consent` }, { name: t`First target` }, { name: t`Expected`, number: true }, { name: t`Measured`, number: true }, { name: t`Fulfilment`, number: true }]}
      >
        {meters.map((m) => (
          <tr key={m.meter}>
            <td>
              {m.model} <span className={`${classes.id ?? ''} ${classes.dim ?? ''}`} title={m.meter}>{short(m.meter)}</span>
            </td>
            <td><HomeLink id={m.household} /></td>
            <td>{states[m.consent]}</td>
            <td>{m.from === undefined ? DASH : time(at(m.from) ?? 0, zone)}</td>
            <td data-number="true">{count(m.measured.expected)}</td>
            <td data-number="true">{count(m.measured.reached)}</td>
            <td data-number="true">{share(m.measured)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}

function Devices({ r, zone }: { r: SurveyFulfilment; zone: string }) {
  const { t } = useLingui()
  const devices = r.devices ?? []
  const sheet = (): Sheet => ({
    zone,
    columns: [t`Device`, t`Household`, t`Version`, t`First target`, t`End of the last one`, t`Expected`, t`Reported`, t`In time`, t`Fulfilment, %`].map((name) => ({ name, unit: '' })),
    rows: devices.map((d) => [
      d.device, d.household, d.version ?? null, d.from === undefined ? null : { at: Date.parse(d.from) }, d.to === undefined ? null : { at: Date.parse(d.to) }, d.reported.expected, d.reported.reached, d.inTime, d.reported.percent,
    ]),
  })
  return (
    <Panel
      title={t`Reported, by device`} note={t`something each hour`} height={120} actions={<ExportMenu name={t`Reported by device`} table={sheet} />}
      empty={devices.length === 0 ? t`Of devices of anonymous households nothing is known.` : undefined}
    >
      <Table
        label={t`Reported, by device`}
        columns={[{ name: t`Device` }, { name: t`Household` }, { name: t`Version` }, { name: t`First target` }, { name: t`Expected`, number: true }, { name: t`Reported`, number: true }, { name: t`In time`, number: true }, { name: t`Fulfilment`, number: true }]}
      >
        {devices.map((d) => (
          <tr key={d.device}>
            <td className={classes.id} title={d.device}>{short(d.device)}</td>
            <td><HomeLink id={d.household} /></td>
            <td>{d.version ?? DASH}</td>
            <td>{d.from === undefined ? DASH : time(at(d.from) ?? 0, zone)}</td>
            <td data-number="true">{count(d.reported.expected)}</td>
            <td data-number="true">{count(d.reported.reached)}</td>
            <td data-number="true">{count(d.inTime)}</td>
            <td data-number="true">{share(d.reported)}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}

/** The same by day or week: what is missing stands out. */
function Parts({ r, zone }: { r: SurveyFulfilment; zone: string }) {
  const { t } = useLingui()
  const each = r.every === 'day' ? 24 * hour : 7 * 24 * hour
  const begin = Date.parse(r.from)
  const length = Math.max(0, ...(r.meters ?? []).map((m) => (m.parts ?? []).length), ...(r.devices ?? []).map((d) => (d.parts ?? []).length))
  const heads = Array.from({ length }, (_, i) => time(begin + i * each, zone, 'date'))
  const groups = [
    { title: r.every === 'day' ? t`Measured, by meter and day` : t`Measured, by meter and week`, what: t`Meter`, rows: (r.meters ?? []).map((m) => ({ id: m.meter, name: `${m.model} ${short(m.meter)}`, parts: m.parts ?? [], all: m.measured })) },
    { title: r.every === 'day' ? t`Reported, by device and day` : t`Reported, by device and week`, what: t`Device`, rows: (r.devices ?? []).map((d) => ({ id: d.device, name: short(d.device), parts: d.parts ?? [], all: d.reported })) },
  ]
  return groups.map((g) => {
    const sheet = (): Sheet => ({
      zone, columns: [g.what, ...heads, t`All, %`].map((name) => ({ name, unit: '' })), rows: g.rows.map((x) => [x.id, ...heads.map((_, i) => x.parts[i]?.percent ?? null), x.all.percent]),
    })
    return (
      <Panel key={g.title} title={g.title} note={t`per cent of what was to be reached; parts begin at the days shown`} height={120} actions={<ExportMenu name={g.title} table={sheet} />} empty={g.rows.length === 0 || length === 0 ? t`Nothing was to be reached in this time.` : undefined}>
        <Table label={g.title} columns={[{ name: g.what }, ...heads.map((name) => ({ name, number: true })), { name: t`All`, number: true }]}>
          {g.rows.map((x) => (
            <tr key={x.id}>
              <td title={x.id}>{x.name}</td>
              {heads.map((h, i) => {
                const p = x.parts[i]
                return (
                  <td key={h} data-number="true" className={classes.cell} style={{ '--missing': p?.percent === null || p === undefined ? 0 : 100 - p.percent } as CSSProperties} title={p ? `${String(p.reached)} / ${String(p.expected)}` : undefined}>
                    {p === undefined ? DASH : share(p)}
                  </td>
                )
              })}
              <td data-number="true">{share(x.all)}</td>
            </tr>
          ))}
        </Table>
      </Panel>
    )
  })
}
