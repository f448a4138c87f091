// What came of a service: a day ahead with its bands, bills with their lines,
// and everything else as facts and tables; and what all of it rests on.

import { useLingui } from '@lingui/react/macro'
import { lazy, Suspense, useMemo } from 'react'
import type { Missing, Rested, StandIn } from '../api/availability'
import { MissingSentence } from '../availability/words'
import { TimeChart } from '../chart/TimeChart'
import type { Line as Drawn } from '../chart/lines'
import { decimal, money } from '../lib/costs'
import { DASH, percent } from '../lib/format'
import { billsOf, dayOf, isDoc, isMoment, partsOf, words, type BillPart, type Day, type Part } from '../lib/results'
import { applianceOf, occupancyOf, savingOf } from '../lib/six'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { ObjectLink, StateMark } from '../objects/words'
import { Table } from '../part/Table'
import classes from './Services.module.css'

const shownRows = 200

// What only these results need is loaded with the first of them.
const ApplianceResult = lazy(async () => ({ default: (await import('./Six')).ApplianceResult }))
const OccupancyResult = lazy(async () => ({ default: (await import('./Six')).OccupancyResult }))
const SavingResult = lazy(async () => ({ default: (await import('./Six')).SavingResult }))

export function Result({ result, zone }: { result: unknown; zone: string }) {
  const { t } = useLingui()
  const bills = useMemo(() => billsOf(result), [result])
  const day = useMemo(() => dayOf(result), [result])
  const own = useMemo(() => {
    const [appliance, occupancy, saving] = [applianceOf(result), occupancyOf(result), savingOf(result)]
    return appliance ? <ApplianceResult result={appliance} zone={zone} /> : occupancy ? <OccupancyResult result={occupancy} /> : saving ? <SavingResult result={saving} /> : undefined
  }, [result, zone])
  const parts = useMemo(() => partsOf(result, '', 0, [...(bills.length > 0 ? ['bills'] : []), ...(day ? ['intervals'] : [])]), [result, bills, day])
  if (own) return <Suspense fallback={null}>{own}</Suspense>
  return (
    <>
      {day && <Ahead day={day} zone={zone} />}
      {bills.map((b, i) => (
        <Bill key={`${b.who} ${i}`} bill={b} zone={zone} />
      ))}
      {parts.map((p, i) => (
        <One key={i} part={p} zone={zone} />
      ))}
      {!isDoc(result) && <p className={classes.text}>{t`It gave nothing that could be shown.`}</p>}
    </>
  )
}

function Ahead({ day, zone }: { day: Day; zone: string }) {
  const { t } = useLingui()
  const lines = useMemo((): Drawn[] => {
    // Wh of an interval as the mean power in it.
    const per = 3_600_000 / day.step
    const of = (list: (Day['load'][number] | null)[], key: 'low' | 'mean' | 'high') => list.map((b) => (b ? b[key] * per : null))
    const one = (key: string, label: string, list: (Day['load'][number] | null)[]): Drawn => ({ key, label, unit: 'W', t: day.at, avg: of(list, 'mean'), min: of(list, 'low'), max: of(list, 'high'), faint: true })
    return [one('load', t`load`, day.load), ...(day.generation.some((g) => g !== null) ? [one('generation', t`generation`, day.generation)] : [])]
  }, [day, t])
  return (
    <section className={classes.part} aria-label={t`The day ahead`}>
      <h3>{t`The day ahead, with its bands`}</h3>
      <TimeChart lines={lines} from={day.from} to={day.to} zone={zone} label={t`The day ahead`} height={240} />
    </section>
  )
}

function useQualities(): (q: string) => string {
  const { t } = useLingui()
  return (q) => ({ measured: t`measured`, corrected: t`corrected`, substituted: t`substituted`, estimated: t`estimated`, none: DASH })[q] ?? q
}

function Bill({ bill: b, zone }: { bill: BillPart; zone: string }) {
  const { t } = useLingui()
  const quality = useQualities()
  const currency = typeof b.totals.currency === 'string' ? b.totals.currency : ''
  const sum = (k: string) => (typeof b.totals[k] === 'string' ? money(b.totals[k], currency) : DASH)
  const who = b.who === '' ? t`nobody` : b.who
  return (
    <section className={classes.part} aria-label={t`Bill of ${who}`}>
      <h3>
        {t`Bill of ${who}`} {b.revision !== undefined && b.revision > 0 && <small>{t`revision ${b.revision}`}</small>}
      </h3>
      <dl className={classes.facts}>
        {([[t`Total`, 'total'], [t`Total without what is estimated and substituted`, 'measured'], [t`Costs`, 'cost'], [t`Credits`, 'credit'], [t`Estimated`, 'estimated'], [t`Substituted`, 'substituted'], [t`Corrected`, 'corrected']] as const).map(([name, k]) => (
          <div key={k}>
            <dt>{name}</dt>
            <dd className={`ww-number ${k === 'total' ? (classes.total ?? '') : ''}`}>{sum(k)}</dd>
          </div>
        ))}
      </dl>
      {b.complete === false && <p className={classes.bad}>{t`It is not complete: something is not known or has no price.`}</p>}
      {b.notes.length > 0 && (
        <ul className={classes.notes}>
          {b.notes.map((n) => (
            <li key={n}>{n}</li>
          ))}
        </ul>
      )}
      <Table label={t`Lines of the bill of ${who}`} columns={[{ name: t`Item` }, { name: t`Time` }, { name: t`Quantity`, number: true }, { name: t`Price`, number: true }, { name: t`Amount`, number: true }, { name: t`Rests on` }]}>
        {b.lines.map((l, i) => (
          <tr key={`${l.key} ${i}`}>
            <td>
              {l.title}
              {l.note !== undefined && <small> {l.note}</small>}
            </td>
            <td>
              {time(l.from, zone)} – {time(l.to, zone)}
            </td>
            <td data-number="true">{l.percent !== undefined ? `${decimal(l.percent)} %` : `${decimal(l.quantity)} ${l.unit ?? ''}`}</td>
            <td data-number="true">{l.price === undefined ? DASH : decimal(l.price)}</td>
            <td data-number="true">{money(l.money, currency)}</td>
            <td>
              <span className={classes.mark} data-quality={l.quality}>
                {quality(l.quality)}
              </span>
            </td>
          </tr>
        ))}
      </Table>
    </section>
  )
}

function shown(key: string, v: unknown, zone: string): string {
  if (v === null || v === undefined || v === '') return DASH
  if (isMoment(key, v)) return time(v, zone)
  if (typeof v === 'number') return decimal(String(v), Math.abs(v) < 10 ? 3 : 1)
  if (typeof v === 'string') return v
  return JSON.stringify(v)
}

function One({ part: p, zone }: { part: Part; zone: string }) {
  const { t } = useLingui()
  const yes = (v: unknown) => (v === true ? t`yes` : v === false ? t`no` : undefined)
  return (
    <section className={classes.part} aria-label={p.title === '' ? t`Figures` : p.title}>
      {p.title !== '' && <h3>{p.title}</h3>}
      {p.is === 'notes' ? (
        <ul className={classes.notes}>
          {p.of.map((n, i) => (
            <li key={i}>{n}</li>
          ))}
        </ul>
      ) : p.is === 'facts' ? (
        <dl className={classes.facts}>
          {p.of.map(([k, v]) => (
            <div key={k}>
              <dt>{words(k)}</dt>
              <dd className="ww-number">{yes(v) ?? shown(k, v, zone)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <>
          <Table label={p.title} columns={p.columns.map((c) => ({ name: words(c), number: p.rows.some((r) => typeof r[c] === 'number' && !isMoment(c, r[c])) }))}>
            {p.rows.slice(0, shownRows).map((r, i) => (
              <tr key={i}>
                {p.columns.map((c) => (
                  <td key={c} data-number={typeof r[c] === 'number' && !isMoment(c, r[c])}>
                    {yes(r[c]) ?? shown(c, r[c], zone)}
                  </td>
                ))}
              </tr>
            ))}
          </Table>
          {p.rows.length > shownRows && <p className={classes.text}>{t`These are the first ${shownRows} of ${p.rows.length}.`}</p>}
        </>
      )}
    </section>
  )
}

/** What a result rests on: what was read, what stood in, what was missing. */
export function Rests({ rests, standIns, missing, zone }: { rests: readonly Rested[]; standIns: readonly StandIn[]; missing: readonly Missing[]; zone: string }) {
  const { t } = useLingui()
  const share = (n: number, of: number) => (of === 0 ? DASH : percent(n / of, 1))
  return (
    <section className={classes.part} aria-label={t`What it rests on`}>
      <h3>{t`What it rests on`}</h3>
      {rests.length === 0 ? (
        <p className={classes.text}>{t`No series was read.`}</p>
      ) : (
        <Table label={t`What it rests on`} columns={[{ name: t`As` }, { name: t`Object` }, { name: t`Intervals`, number: true }, { name: t`Measured`, number: true }, { name: t`Corrected`, number: true }, { name: t`Substituted`, number: true }, { name: t`Estimated`, number: true }, { name: t`Missing`, number: true }]}>
          {rests.map((r, i) => (
            <tr key={`${r.role} ${r.object} ${i}`}>
              <td>{r.role}</td>
              <td>
                <ObjectLink id={r.object} />
              </td>
              <td data-number="true">{count(r.quality.intervals)}</td>
              {[r.quality.measured, r.quality.corrected, r.quality.substituted, r.quality.estimated, r.quality.missing].map((n, j) => (
                <td key={j} data-number="true">
                  {share(n, r.quality.intervals)}
                </td>
              ))}
            </tr>
          ))}
        </Table>
      )}
      {standIns.length > 0 && (
        <ul className={classes.notes} aria-label={t`What stood in`}>
          {standIns.map((x, i) => (
            <li key={i}>
              <StateMark state={x.source} /> {x.by === undefined || x.by === '' ? t`its own earlier values` : <ObjectLink id={x.by} />} {t`for`} <ObjectLink id={x.vo} />, {t`worth ${percent(x.share)}`}
            </li>
          ))}
        </ul>
      )}
      {missing.length > 0 && (
        <ul className={classes.notes} aria-label={t`What was missing`}>
          {missing.map((m, i) => (
            <li key={i}>
              <MissingSentence missing={m} zone={zone} />
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
