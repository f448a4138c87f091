// What was forecast and kept, and what came of it.

import { useLingui } from '@lingui/react/macro'
import { Button, Select } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { keptForecasts, type KeptForecast } from '../api/standing'
import { DASH, percent, text } from '../lib/format'
import { time, zoneName } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import classes from '../objects/Objects.module.css'
import { useReasons } from './words'

const day = 86_400_000

/** How far off it was in the mean: what was expected, and what was seen once the day was over. */
function Errors({ f }: { f: KeptForecast }) {
  return (
    <>
      <td data-number="true">{f.expected === null ? DASH : text(f.expected, f.unit)}</td>
      <td data-number="true">{f.seen === null ? DASH : text(f.seen.mae, f.unit)}</td>
      <td data-number="true">{percent(f.seen?.wape, 1)}</td>
      <td data-number="true">{percent(f.seen?.inside)}</td>
    </>
  )
}

/** The last days of one object: each can be looked at beside what was measured. */
export function KeptOfOne({ id, onDay }: { id: string; onDay: (day: string) => void }) {
  const { t } = useLingui()
  const asked = useQuery({
    queryKey: ['forecasts', 'kept', id],
    queryFn: ({ signal }) => keptForecasts({ object: id, from: Date.now() - 30 * day, limit: 100 }, undefined, signal),
    staleTime: 300_000, retry: 0,
  })
  const list = asked.data?.forecasts ?? []
  const able = asked.data?.able ?? true
  return (
    <Panel
      title={t`What was forecast, and what came`} note={t`kept of the last 30 days`} height={100} grows asked={asked}
      empty={!able ? t`Nothing is settled here, so nothing is forecast by itself.` : list.length === 0 ? t`Nothing is kept yet: what is looked at here is forecast by itself from tomorrow on, and compared when its day is over.` : undefined}
    >
      <Table
        label={t`What was forecast, and what came`}
        columns={[{ name: t`Day` }, { name: t`Model` }, { name: t`Mean`, number: true }, { name: t`Expected error`, number: true }, { name: t`Error seen`, number: true }, { name: t`Relative`, number: true }, { name: t`Within the band`, number: true }, { name: t`Known until` }, { name: t`Look` }]}
      >
        {list.map((f) => (
          <tr key={`${f.day} ${f.ahead}`}>
            <td>{time(Date.parse(f.from), f.zone, 'date')}</td>
            <td>{f.model}</td>
            <td data-number="true">{f.mean === null ? DASH : text(f.mean, f.unit)}</td>
            <Errors f={f} />
            <td>{time(Date.parse(f.known), f.zone)} {zoneName(f.zone, Date.parse(f.known))}</td>
            <td>
              <Button size="compact-xs" variant="default" aria-label={t`Show ${time(Date.parse(f.from), f.zone, 'date')}`} onClick={() => onDay(f.day)}>
                {t`Show`}
              </Button>
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}

/** Of all objects. */
export function KeptOfAll() {
  const { t } = useLingui()
  const why = useReasons()
  const [past, setPast] = useState('0')
  const asked = useInfiniteQuery({
    queryKey: ['forecasts', 'all', past],
    queryFn: ({ pageParam, signal }) => keptForecasts({ from: past === '0' ? undefined : Date.now() - Number(past) * day, limit: 100 }, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (p) => p.next,
    placeholderData: keepPreviousData,
    staleTime: 60_000, retry: 0,
  })
  const list = asked.data?.pages.flatMap((p) => p.forecasts ?? []) ?? []
  const first = asked.data?.pages[0]
  const p = first?.progress
  return (
    <Panel
      title={t`All that is forecast by itself`} height={300} asked={asked}
      note={p && t`${count(p.made)} of ${count(p.named)} objects have their day`}
      warning={p !== undefined && p.left > 0 ? t`${count(p.left)} more are named than the ${count(p.most)} that are forecast.` : undefined}
    >
      <div className={classes.filters} role="search" aria-label={t`Narrow the forecasts`}>
        <Select
          size="xs" label={t`Days`} allowDeselect={false} value={past} onChange={(v) => setPast(v ?? '0')}
          data={[{ value: '0', label: t`not over yet` }, { value: '7', label: t`the last 7 days, too` }, { value: '30', label: t`the last 30 days, too` }, { value: '100', label: t`all that are kept` }]}
        />
      </div>
      {list.length === 0 ? (
        <p className={classes.text}>
          {first?.able === false ? t`Nothing is settled here, so nothing is forecast by itself.` : t`Nothing is kept yet. What services need, what was asked for and the roots of hierarchies are forecast by themselves, once there is enough history.`}
        </p>
      ) : (
        <Table
          label={t`All that is forecast by itself`}
          columns={[{ name: t`Object` }, { name: t`Day` }, { name: t`Model` }, { name: t`Mean`, number: true }, { name: t`Expected error`, number: true }, { name: t`Error seen`, number: true }, { name: t`Relative`, number: true }, { name: t`Within the band`, number: true }, { name: t`Why` }]}
        >
          {list.map((f) => (
            <tr key={`${f.object} ${f.day} ${f.ahead}`}>
              <td>
                <Link className={classes.link} to="/forecasts" search={(old) => ({ h: old.h, g: old.g, s: old.s, o: f.object })}>
                  {f.name === '' ? f.object.replace(/^(sensor|group)\//, '') : f.name}
                </Link>
              </td>
              <td>{time(Date.parse(f.from), f.zone, 'date')}</td>
              <td>{f.model}</td>
              <td data-number="true">{f.mean === null ? DASH : text(f.mean, f.unit)}</td>
              <Errors f={f} />
              <td>{why[f.because]}</td>
            </tr>
          ))}
        </Table>
      )}
      {asked.hasNextPage && (
        <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
          {t`More`}
        </Button>
      )}
    </Panel>
  )
}
