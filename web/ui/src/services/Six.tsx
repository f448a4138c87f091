// Results of S2, S5 and S6 as what they are: what an appliance is going to take, when a
// building may rest, what a measure saves and how sure that is.

import { useLingui } from '@lingui/react/macro'
import { useCallback, useMemo, type ReactNode } from 'react'
import type { Tokens } from '../chart/colour'
import { Figure } from '../chart/Figure'
import { axis, grid } from '../subject/option'
import { decimal, money } from '../lib/costs'
import { DASH, percent } from '../lib/format'
import type { Appliance, Occupancy, Saving } from '../lib/six'
import { time, weekdays } from '../lib/time'
import { count, lasting } from '../lib/units'
import { ObjectLink } from '../objects/words'
import { Table } from '../part/Table'
import { useReasons } from './reasons'
import classes from './Services.module.css'

type Fact = readonly [string, ReactNode, boolean?]

function Facts({ of }: { of: readonly Fact[] }) {
  return (
    <dl className={classes.facts}>
      {of.map(([name, v, total]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className={`ww-number ${total === true ? (classes.total ?? '') : ''}`}>{v}</dd>
        </div>
      ))}
    </dl>
  )
}

function Reasons({ of }: { of: readonly string[] }) {
  const { t } = useLingui()
  const say = useReasons()
  if (of.length === 0) return null
  return (
    <section className={classes.part} aria-label={t`What has to be known`}>
      <h3>{t`What has to be known`}</h3>
      <ul className={classes.notes}>
        {of.map((r, i) => (
          <li key={i}>{say(r)}</li>
        ))}
      </ul>
    </section>
  )
}

const kwh = (v: number, digits = 1) => `${decimal(String(v), digits)} kWh`
const amount = (v: string | null, currency: string) => (v === null ? DASH : money(v, currency))
const clock = (day: string, zone: string) => time(Date.parse(`${day}T12:00:00Z`), zone, 'date')

/** Hours of the week as a map; each has its figure, and a row of its own in the table of days. */
function Week({ of, label, unit }: { of: readonly { day: number; hour: number; v: number | null }[]; label: string; unit: (v: number) => string }) {
  const days = useMemo(() => weekdays('short'), [])
  const option = useCallback(
    (k: Tokens) => ({
      grid: { ...grid(), top: 8, bottom: 52 },
      tooltip: { backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink }, formatter: (p: { value: [number, number, number] }) => `${days[p.value[1]] ?? ''} ${String(p.value[0]).padStart(2, '0')}:00 · ${unit(p.value[2])}` },
      xAxis: { type: 'category', data: Array.from({ length: 24 }, (_, h) => String(h).padStart(2, '0')), ...axis(k) },
      yAxis: { type: 'category', data: days, inverse: true, ...axis(k) },
      visualMap: { show: false, min: 0, max: Math.max(1e-9, ...of.map((x) => x.v ?? 0)), inRange: { color: [k.card, k.series[0]] } },
      series: [{ type: 'heatmap', data: of.filter((x) => x.v !== null).map((x) => [x.hour, x.day, x.v]), itemStyle: { borderColor: k.line, borderWidth: 1 } }],
    }),
    [of, days, unit],
  )
  return <Figure option={option} height={250} label={label} />
}

export function ApplianceResult({ result: r, zone }: { result: Appliance; zone: string }) {
  const { t } = useLingui()
  const say = useReasons()
  const states = { on: t`on`, off: t`off`, unknown: t`not known` }
  const week = useMemo(() => r.week.map((x) => ({ day: x.day, hour: x.hour, v: x.weeks > 0 ? x.wh : null })), [r])
  const next = r.next
  const option = useCallback(
    (k: Tokens) => ({
      grid: grid(),
      tooltip: { trigger: 'axis', backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink }, valueFormatter: (v: number) => kwh(v, 2) },
      xAxis: { type: 'category', data: next.map((d) => clock(d.day, 'UTC')), ...axis(k) },
      yAxis: { type: 'value', ...axis(k), name: 'kWh' },
      series: [
        { type: 'bar', name: t`expected`, data: next.map((d) => d.mean / 1000), itemStyle: { color: k.series[0] }, barMaxWidth: 48 },
        { type: 'line', name: t`at most, as a rule`, data: next.map((d) => d.high / 1000), lineStyle: { width: 0 }, itemStyle: { color: k.series[1] }, symbol: 'triangle', symbolSize: 9 },
        { type: 'line', name: t`at least, as a rule`, data: next.map((d) => d.low / 1000), lineStyle: { width: 0 }, itemStyle: { color: k.series[2] }, symbol: 'diamond', symbolSize: 9 },
      ],
    }),
    [next, t],
  )
  const sum = next.reduce((n, d) => n + d.mean, 0) / 1000
  return (
    <>
      <section className={classes.part} aria-label={t`How it is now`}>
        <h3>{t`How it is now`}</h3>
        <Facts
          of={[
            [t`Appliance`, <ObjectLink key="o" id={r.subject} />],
            [t`Now`, states[r.state]],
            [t`Next run, most likely`, r.nextRun === null ? DASH : time(r.nextRun, zone)],
            [t`Runs found`, r.switches ? count(r.count) : t`it does not switch`],
            [t`A run takes`, r.meanWh === null ? DASH : kwh(r.meanWh / 1000, 2)],
            [t`A run lasts`, r.meanMs === null ? DASH : lasting(r.meanMs / 1000)],
            [t`Standby`, r.standby ? t`${decimal(String(r.standby.watts), 1)} W, ${kwh(r.standby.kwhYear)} a year` : DASH],
            [t`Standby costs a year`, r.standby ? amount(r.standby.costYear, r.standby.currency ?? '') : DASH],
            [t`Today so far`, kwh(r.today.wh / 1000, 2)],
            [t`Is that usual?`, r.today.usual === null ? t`not known` : r.today.usual ? t`yes` : t`no`],
          ]}
        />
        {r.today.why.length > 0 && <ul className={classes.notes}>{r.today.why.map((w) => <li key={w}>{say(w)}</li>)}</ul>}
      </section>
      {next.length > 0 && (
        <section className={classes.part} aria-label={t`The next days`}>
          <h3>{t`The next days`}</h3>
          <Figure option={option} height={240} label={t`Expected energy of the next ${next.length} days: ${kwh(sum)} in all`} />
          <Table label={t`Energy of the next days`} columns={[{ name: t`Day` }, { name: t`At least`, number: true }, { name: t`Expected`, number: true }, { name: t`At most`, number: true }, { name: t`Runs`, number: true }, { name: t`Rests on days`, number: true }]}>
            {next.map((d) => (
              <tr key={d.day}>
                <td>{clock(d.day, 'UTC')}</td>
                <td data-number="true">{kwh(d.low / 1000, 2)}</td>
                <td data-number="true">{kwh(d.mean / 1000, 2)}</td>
                <td data-number="true">{kwh(d.high / 1000, 2)}</td>
                <td data-number="true">{decimal(String(d.cycles), 1)}</td>
                <td data-number="true">{count(d.of)}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      <section className={classes.part} aria-label={t`When it runs`}>
        <h3>{t`When it runs: mean energy by hour of the week`}</h3>
        <Week of={week} label={t`Mean energy by hour of the week`} unit={wattHours} />
      </section>
      {r.cycles.length > 0 && (
        <section className={classes.part} aria-label={t`The last runs`}>
          <h3>{t`The last runs`}</h3>
          <Table label={t`The last runs`} columns={[{ name: t`From` }, { name: t`To` }, { name: t`Energy`, number: true }, { name: t`Highest power`, number: true }]}>
            {r.cycles.slice(-10).reverse().map((c) => (
              <tr key={c.from}>
                <td>{time(c.from, zone)}</td>
                <td>{c.running === true ? t`it runs` : time(c.to, zone)}</td>
                <td data-number="true">{kwh(c.wh / 1000, 2)}</td>
                <td data-number="true">{decimal(String(c.maxW), 0)} W</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      <Reasons of={r.reasons} />
    </>
  )
}

const wattHours = (v: number) => `${decimal(String(v), 0)} Wh`
const part = (v: number) => percent(v)

export function OccupancyResult({ result: r }: { result: Occupancy }) {
  const { t } = useLingui()
  const days = weekdays('long')
  const kinds = { hvac: t`heating and cooling`, lighting: t`light`, other: t`other` }
  const week = useMemo(() => r.week.map((x) => ({ day: x.day, hour: x.hour, v: x.known > 0 ? x.occupied : null })), [r])
  const s = r.saving
  const currency = s?.currency ?? ''
  return (
    <>
      <section className={classes.part} aria-label={t`What it would save`}>
        <h3>{t`What it would save`}</h3>
        {s ? (
          <Facts of={[[t`Saving a year`, kwh(s.meanKWh, 0), true], [t`Between`, `${kwh(s.lowKWh, 0)} – ${kwh(s.highKWh, 0)}`], [t`Worth a year`, amount(s.money, currency), true], [t`Rests on weeks`, count(s.weeks)]]} />
        ) : (
          <p className={classes.text}>{t`Too little is known to say so.`}</p>
        )}
      </section>
      {r.schedule.length > 0 && (
        <section className={classes.part} aria-label={t`Proposed schedule`}>
          <h3>{t`Proposed schedule`}</h3>
          <Table label={t`Proposed schedule`} columns={[{ name: t`Day` }, { name: t`Heating and cooling, proposed` }, { name: t`As it runs now` }, { name: t`Occupied time it holds`, number: true }, { name: t`Rests on days`, number: true }]}>
            {r.schedule.map((d) => (
              <tr key={d.day}>
                <td>{days[d.day]}</td>
                <td>{d.off ? t`off: nobody comes as a rule` : `${d.start ?? ''} – ${d.stop ?? ''}`}</td>
                <td>{d.now === undefined || d.now === '' ? DASH : d.now.replace('-', ' – ')}</td>
                <td data-number="true">{d.off ? DASH : percent(d.covered)}</td>
                <td data-number="true">{count(d.of)}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      <section className={classes.part} aria-label={t`When somebody is there`}>
        <h3>{t`When somebody is there: share of each hour of the week`}</h3>
        <Week of={week} label={t`Share of each hour of the week in which somebody is there`} unit={part} />
        <p className={classes.text}>{t`Somebody was there in ${decimal(String(r.occupiedHours), 0)} h, nobody in ${decimal(String(r.emptyHours), 0)} h; of ${decimal(String(r.unknownHours), 0)} h it is not known.`}</p>
      </section>
      <section className={classes.part} aria-label={t`What was used while nobody was there`}>
        <h3>{t`What was used while nobody was there`}</h3>
        <Table label={t`What was used while nobody was there`} columns={[{ name: t`Load` }, { name: t`Kind` }, { name: t`Occupied`, number: true }, { name: t`Empty`, number: true }, { name: t`Not known`, number: true }, { name: t`Base`, number: true }, { name: t`Waste`, number: true }, { name: t`Worth`, number: true }]}>
          {r.loads.map((l) => (
            <tr key={l.id}>
              <td>
                <ObjectLink id={l.id} />
              </td>
              <td>{kinds[l.kind]}</td>
              <td data-number="true">{kwh(Number(l.occupied))}</td>
              <td data-number="true">{kwh(Number(l.empty))}</td>
              <td data-number="true">{kwh(Number(l.unknown))}</td>
              <td data-number="true">{decimal(String(l.baseW), 0)} W</td>
              <td data-number="true">{kwh(l.wasteKWh)}</td>
              <td data-number="true">{amount(l.money, currency)}</td>
            </tr>
          ))}
        </Table>
      </section>
      <Reasons of={r.reasons} />
    </>
  )
}

export function SavingResult({ result: r }: { result: Saving }) {
  const { t } = useLingui()
  const say = useReasons()
  const m = r.model
  const currency = r.currency ?? ''
  const x = r.measured
  const y = r.year
  const option = useCallback(
    (k: Tokens) => ({
      grid: { ...grid(), left: 8 },
      tooltip: { backgroundColor: k.card, borderColor: k.line, textStyle: { color: k.ink }, valueFormatter: (v: number) => kwh(v) },
      xAxis: { type: 'value', ...axis(k) },
      yAxis: { type: 'category', inverse: true, data: [t`expected without the measure`, t`used`, t`saved`], ...axis(k) },
      series: [
        { type: 'bar', data: x ? [x.expectedKWh, x.usedKWh, { value: x.savedKWh, itemStyle: { color: k.series[2] } }] : [], itemStyle: { color: k.series[0] }, barMaxWidth: 30 },
        { type: 'line', silent: true, data: x ? [null, null, x.savedKWh] : [], lineStyle: { width: 0 }, symbolSize: 0 },
      ],
    }),
    [x, t],
  )
  return (
    <>
      {x ? (
        <section className={classes.part} aria-label={t`What was saved`}>
          <h3>{t`What was saved since the measure`}</h3>
          <Facts
            of={[
              [t`Saved`, `${kwh(x.savedKWh, 0)} ± ${kwh(x.uncertaintyKWh, 0)}`, true],
              [t`Of what was expected`, percent(x.part, 1)],
              [t`Worth`, amount(x.money, currency), true],
              [t`More than chance?`, x.certain ? t`yes, at 90 %` : t`no: the uncertainty is larger`],
              [t`Expected without the measure`, kwh(x.expectedKWh, 0)],
              [t`Used`, kwh(x.usedKWh, 0)],
              [t`Known days`, count(x.days)],
            ]}
          />
          <Figure option={option} height={170} label={t`Expected ${kwh(x.expectedKWh, 0)}, used ${kwh(x.usedKWh, 0)}, saved ${kwh(x.savedKWh, 0)} give or take ${kwh(x.uncertaintyKWh, 0)}`} />
        </section>
      ) : (
        <p className={classes.text}>{r.refused === undefined || r.refused === '' ? t`No measure is in force yet: say since when, and what was saved is worked out.` : say(r.refused)}</p>
      )}
      {y && (
        <section className={classes.part} aria-label={t`The next year`}>
          <h3>{t`The next year`}</h3>
          <Facts of={[[t`Without the measure`, kwh(y.withoutKWh, 0)], [t`With the measure`, kwh(y.withKWh, 0)], [t`Saving`, kwh(y.savedKWh, 0), true], [t`Between`, `${kwh(y.savedLowKWh, 0)} – ${kwh(y.savedHighKWh, 0)}`], [t`Worth`, amount(y.money, currency), true]]} />
        </section>
      )}
      {r.measures.length > 0 && (
        <section className={classes.part} aria-label={t`What might be done`}>
          <h3>{t`What might be done: saving a year`}</h3>
          <Table label={t`What might be done`} columns={[{ name: t`Measure` }, { name: t`Mean power`, number: true }, { name: t`At least`, number: true }, { name: t`Expected`, number: true }, { name: t`At most`, number: true }, { name: t`Worth`, number: true }, { name: t`Rests on days`, number: true }]}>
            {r.measures.map((p) => (
              <tr key={p.id}>
                <td>{p.title ?? p.id}</td>
                <td data-number="true">{decimal(String(p.watts), 0)} W</td>
                <td data-number="true">{kwh(p.lowKWh, 0)}</td>
                <td data-number="true">{kwh(p.meanKWh, 0)}</td>
                <td data-number="true">{kwh(p.highKWh, 0)}</td>
                <td data-number="true">{amount(p.money, currency)}</td>
                <td data-number="true">{count(p.of)}</td>
              </tr>
            ))}
          </Table>
        </section>
      )}
      <section className={classes.part} aria-label={t`The baseline`}>
        <h3>{t`The baseline, and how good it is (ASHRAE Guideline 14)`}</h3>
        <Facts
          of={[
            [t`Energy of a day, kWh`, m.text === '' ? DASH : m.text],
            [t`Within the limits?`, m.good ? t`yes` : t`no`, true],
            [t`Mean of a day`, kwh(m.mean)],
            [t`Known days`, t`${count(m.days)}, ${count(m.leftOut)} left out`],
            [t`Temperatures in it`, m.coldest === 0 && m.hottest === 0 ? DASH : `${decimal(String(m.coldest), 1)} – ${decimal(String(m.hottest), 1)} °C`],
          ]}
        />
        <Table label={t`How good the baseline is`} columns={[{ name: t`Figure` }, { name: t`Days it was fitted to`, number: true }, { name: t`Days left out`, number: true }, { name: t`Limit`, number: true }]}>
          {(
            [
              ['CV(RMSE)', m.within.cvrmse, m.outside.cvrmse, m.limitCvrmse],
              ['NMBE', m.within.nmbe, m.outside.nmbe, m.limitNmbe],
            ] as const
          ).map(([name, a, b, limit]) => (
            <tr key={name}>
              <td>{name}</td>
              <td data-number="true">{percent(Math.abs(a) < 5e-4 ? 0 : a, 1)}</td>
              <td data-number="true">{percent(Math.abs(b) < 5e-4 ? 0 : b, 1)}</td>
              <td data-number="true">{percent(limit)}</td>
            </tr>
          ))}
          <tr>
            <td>R²</td>
            <td data-number="true">{decimal(String(m.within.r2), 2)}</td>
            <td data-number="true">{decimal(String(m.outside.r2), 2)}</td>
            <td data-number="true">{DASH}</td>
          </tr>
        </Table>
      </section>
      <Reasons of={r.reasons} />
    </>
  )
}
