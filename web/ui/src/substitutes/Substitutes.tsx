// What stands in for an object: measured values and those that were put in,
// and everything that could stand in, with why the rest was refused.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { candidates, values, type Candidate } from '../api/standing'
import { TimeChart } from '../chart/TimeChart'
import type { Line } from '../chart/lines'
import { DASH, percent, text } from '../lib/format'
import { count, lasting } from '../lib/units'
import { ObjectLink } from '../objects/words'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { useStandingReasons } from './reasons'
import { useMethods, usePlaces } from './words'
import classes from '../objects/Objects.module.css'

const days = 7

/** Measured values with a full line, those put in dashed and named. */
export function Values({ id, label, zone }: { id: string; label: string; zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({
    queryKey: ['objects', 'values', id],
    queryFn: async ({ signal }) => {
      const to = Date.now()
      return { from: to - days * 86_400_000, to, ...(await values(id, to - days * 86_400_000, to, signal)) }
    },
    refetchInterval: 60_000, retry: 0,
  })
  const d = asked.data
  const list = useMemo(() => d?.values ?? [], [d])
  const unit = d?.unit ?? ''
  const lines = useMemo((): Line[] => {
    const ts = list.map((v) => Date.parse(v.time))
    const of = (key: string, label: string, is: (s: string | undefined) => boolean, faint: boolean): Line[] =>
      list.some((v) => v.value !== null && is(v.source)) ? [{ key, label, unit, t: ts, avg: list.map((v) => (is(v.source) ? v.value : null)), faint }] : []
    return [...of(id, t`measured`, (s) => s === 'live', false), ...of(`${id} put`, t`substituted, of others`, (s) => s === 'substituted', true), ...of(`${id} own`, t`virtual, of its own`, (s) => s === 'virtual', true)]
  }, [list, unit, id, t])
  return (
    <Panel title={t`Measured and put in`} note={d && d.put > 0 ? t`${count(d.put)} of ${count(list.length)} hours were put in` : t`by the hour, the last week`} height={220} asked={asked} empty={d && lines.length === 0 ? t`No settled hour of this week is known.` : undefined}>
      <TimeChart lines={lines} from={d?.from ?? 0} to={d?.to ?? 1} zone={zone} kind="steps" label={t`Values of ${label}, measured and put in`} height={210} />
    </Panel>
  )
}

export function Candidates({ id }: { id: string }) {
  const { t } = useLingui()
  const method = useMethods()
  const place = usePlaces()
  const why = useStandingReasons()
  const asked = useQuery({ queryKey: ['objects', 'candidates', id], queryFn: ({ signal }) => candidates(id, signal), staleTime: 300_000, retry: 0 })
  const d = asked.data
  const list = d?.candidates ?? []
  const refused = d?.refused ?? []
  const unit = d?.unit ?? ''
  const longest = (c: Candidate) => (c.fits ?? []).at(-1)
  return (
    <Panel title={t`What could stand in`} note={d && t`${count(list.length)} ways, ${count(refused.length)} refused`} height={160} asked={asked} empty={d && list.length + refused.length === 0 ? t`Nothing could stand in for it, and nothing was tried.` : undefined}>
      {list.length > 0 && (
        <Table label={t`What could stand in`} columns={[{ name: t`Method` }, { name: t`Made of` }, { name: t`Where` }, { name: t`Expected error`, number: true }, { name: t`Relative`, number: true }, { name: t`Worst`, number: true }, { name: t`Up to an age of` }, { name: t`Measures now` }]}>
          {list.map((c, i) => {
            const f = longest(c)
            return (
              <tr key={i}>
                <td>{method(c.method)}</td>
                <td className={classes.cell}>
                  {(c.from ?? []).length === 0 ? t`its own earlier values` : (c.from ?? []).map((x, j) => (
                    <span key={x}>
                      {j > 0 && ', '}
                      <ObjectLink id={x} />
                    </span>
                  ))}
                </td>
                <td>{c.virtual ? DASH : place(c.place)}</td>
                <td data-number="true">{f ? text(f.expected.mean, unit) : DASH}</td>
                <td data-number="true">{f ? percent(f.expected.relative, 1) : DASH}</td>
                <td data-number="true">{f ? text(f.expected.worst, unit) : DASH}</td>
                <td>{f === undefined ? DASH : f.upToSeconds === 0 ? t`any` : lasting(f.upToSeconds)}</td>
                <td>{c.virtual ? DASH : c.usable ? t`yes` : t`no`}</td>
              </tr>
            )
          })}
        </Table>
      )}
      {refused.length > 0 && (
        <>
          <h3 className={classes.sub}>{t`Refused, and why`}</h3>
          <ul className={classes.list} aria-label={t`Refused, and why`}>
            {refused.slice(0, 50).map((r, i) => (
              <li key={i}>
                <span>{r.object === undefined || r.object === '' ? (r.method === undefined ? DASH : method(r.method)) : <ObjectLink id={r.object} />}</span>
                <span className={classes.dim}>{why(r.reason)}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  )
}
