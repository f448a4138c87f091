// One object: how it is and was, what it is, what it belongs to, and what
// people say of it.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, type ReactNode } from 'react'
import { ApiError } from '../api/client'
import { changes, object, partsOf, spaces, type Detail as Known } from '../api/objects'
import { ago, DASH, percent, text } from '../lib/format'
import { className, stretches } from '../lib/objects'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { useQuantityNames } from '../part/quantities'
import { Seen } from '../part/Seen'
import { Candidates, Values } from '../substitutes/Substitutes'
import { Enrich } from './Enrich'
import { Strip } from './Strip'
import { ObjectLink, StateMark, useMeanings } from './words'
import classes from './Objects.module.css'

function Back() {
  const { t } = useLingui()
  return (
    <Link className={classes.link} to="." search={(old) => ({ ...old, o: undefined })}>
      {t`All objects`}
    </Link>
  )
}

export function Detail({ id, zone, may }: { id: string; zone: string; may: boolean }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['objects', 'one', id], queryFn: ({ signal }) => object(id, signal), refetchInterval: 4_000, retry: (n, e) => n < 1 && !(e instanceof ApiError && e.status === 404) })
  const gone = asked.error instanceof ApiError && asked.error.status === 404
  const o = gone ? undefined : asked.data?.value
  if (!o) {
    return (
      <Page title={partsOf(id).id} note={<Back />}>
        <Panel title={t`Object`} height={300} asked={gone ? [] : asked} empty={gone ? t`There is no such object (any more).` : undefined}>
          {null}
        </Panel>
      </Page>
    )
  }
  const failed = asked.error ? t`This is as it was; it could not be asked again: ${asked.error.message}` : undefined
  return (
    <Page
      title={o.name ?? partsOf(o.id).id}
      note={
        <>
          <Back /> · {o.composite ? t`group` : t`sensor`} {partsOf(o.id).id}
        </>
      }
    >
      <div className={classes.two}>
        <Now object={o} zone={zone} at={asked.dataUpdatedAt} warning={failed} />
        <Facts object={o} />
      </div>
      <Past object={o} zone={zone} />
      {!o.composite && <Values key={`values ${o.id}`} id={o.id} label={o.name ?? o.id} zone={zone} />}
      {!o.composite && (
        <Seen height={160}>
          <Candidates id={o.id} />
        </Seen>
      )}
      <Relations object={o} />
      <Enrich key={o.id} object={o} etag={asked.data?.etag} zone={zone} may={may} />
    </Page>
  )
}

function Now({ object: o, zone, at, warning }: { object: Known; zone: string; at: number; warning: string | undefined }) {
  const { t } = useLingui()
  const meanings = useMeanings()
  const s = o.standIn
  const { kind, id } = partsOf(o.id)
  return (
    <Panel title={t`How it is`} height={140} warning={warning}>
      <p className={classes.big}>
        <StateMark state={o.state} />
        <strong className="ww-number">{o.value === null ? DASH : text(o.value, o.unit ?? '')}</strong>
        <span className={classes.dim}>{o.last === null ? t`It never said anything.` : t`heard ${ago(Math.max(0, at - Date.parse(o.last)))}`}</span>
      </p>
      <p className={classes.text}>
        {meanings[o.state]} {o.since === null ? t`It was so before anybody looked.` : t`It is so since ${time(Date.parse(o.since), zone, 'exact')}.`}
        {o.same > 50 ? ` ${t`The same value came ${count(o.same)} times in a row.`}` : ''}
      </p>
      {s && (
        <div className={classes.stand} role="note" aria-label={t`What stands in for it`}>
          <strong className="ww-number">{s.value === null ? t`no value at this moment` : text(s.value, o.unit ?? '')}</strong>
          <p>
            {s.state === 'virtual' ? t`Not measured: made of its own earlier values.` : t`Not measured: made of the values of others.`} {t`It is worth ${percent(s.share)} of a measured one.`}
          </p>
          {(s.by ?? []).length > 0 && (
            <p>
              {(s.by ?? []).map((x, i) => (
                <span key={x}>
                  {i > 0 && ', '}
                  <ObjectLink id={x} />
                </span>
              ))}
            </p>
          )}
        </div>
      )}
      <Link className={classes.link} to="/sensors" search={kind === 'group' ? { g: id } : { s: id }}>
        {kind === 'group' ? t`Look at the group over time` : t`Look at the sensor over time`}
      </Link>{' '}
      ·{' '}
      <Link className={classes.link} to="/forecasts" search={(old) => ({ h: old.h, g: old.g, s: old.s, o: o.id })}>
        {t`Forecast`}
      </Link>{' '}
      ·{' '}
      <a className={classes.link} href={`api/v1/things/${kind}/${encodeURIComponent(id)}`}>
        {t`Thing Description`}
      </a>
    </Panel>
  )
}

function Facts({ object: o }: { object: Known }) {
  const { t } = useLingui()
  const quantityNames = useQuantityNames()
  const places = useQuery({ queryKey: ['objects', 'spaces'], queryFn: ({ signal }) => spaces(signal), staleTime: 30_000, retry: 1 })
  const nameOf = (s: string) => places.data?.value.spaces?.find((x) => x.id === s)?.name ?? s
  const where = (o.spaces ?? []).length > 0 ? [...(o.spaces ?? [])].reverse().map(nameOf).join(' › ') : undefined
  const needs = o.restriction?.kind === 'all' ? t`all` : o.restriction?.kind === 'min' ? t`at least ${count(o.restriction.k ?? 0)}` : o.restriction?.kind === 'some' ? t`one` : undefined
  const facts: [string, string | undefined][] = [
    [t`Class`, className(o.class)], [t`Quantity`, o.quantity && (quantityNames[o.quantity] ?? o.quantity.replaceAll('_', ' '))], [t`Unit`, o.unit], [t`Kind`, o.kind === 'counter' ? t`counter` : o.kind === 'gauge' ? t`gauge` : undefined], [t`Space`, where], [t`Device`, o.device],
    ...(o.composite
      ? ([[t`Members`, t`${count(o.usable ?? 0)} of ${count(o.members ?? 0)} usable`], [t`Members it needs`, needs]] as [string, string | undefined][])
      : ([[t`Interval`, o.interval], [t`A value counts for`, o.maxAge], [t`Horizon`, o.horizon], [t`Capacity`, o.capacity === 0 ? t`any number` : count(o.capacity)], [t`Written to`, o.actuator ? t`yes` : t`no`]] as [string, string | undefined][])),
  ]
  return (
    <Panel title={t`What it is`} height={140}>
      <dl className={classes.facts}>
        {facts.flatMap(([k, v]) => (v === undefined || v === '' ? [] : [<div key={k}><dt>{k}</dt><dd>{v}</dd></div>]))}
      </dl>
    </Panel>
  )
}

const week = 7 * 86_400_000

function Past({ object: o, zone }: { object: Known; zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({
    queryKey: ['objects', 'events', o.id, o.state],
    queryFn: async ({ signal }) => {
      const to = Date.now()
      return { from: to - week, to, list: await changes(o.id, to - week, to, signal) }
    },
    refetchInterval: 60_000, retry: 1,
  })
  const list = useMemo(() => (asked.data ? stretches(asked.data.list, asked.data.from, asked.data.to, o.state) : []), [asked.data, o.state])
  return (
    <Panel title={t`How it was`} note={t`the last week`} height={90} asked={asked}>
      <Strip list={list} label={t`States of ${o.name ?? o.id} in the last week`} zone={zone} />
      {(asked.data?.list.length ?? 0) === 0 && <p className={classes.text}>{t`No change of its state is known in this week.`}</p>}
    </Panel>
  )
}

const shownMembers = 200

function Relations({ object: o }: { object: Known }) {
  const { t } = useLingui()
  const parts: [string, readonly string[]][] = [
    [t`Members`, o.children ?? []], [t`Members it cannot do without`, o.critical ?? []], [t`Own meter`, o.meter === undefined || o.meter === '' ? [] : [o.meter]], [t`Member of`, o.parents ?? []], [t`Feeds`, o.feeds === undefined || o.feeds === '' ? [] : [o.feeds]],
    [t`Fed by`, o.fedBy ?? []], [t`Measures the same as`, [...new Set([...(o.replica === undefined || o.replica === '' ? [] : [o.replica]), ...(o.replicas ?? [])])]],
  ]
  const some = parts.filter(([, list]) => list.length > 0)
  const list = (ids: readonly string[]): ReactNode => (
    <ul className={classes.examples}>
      {ids.slice(0, shownMembers).map((x) => (
        <li key={x} style={{ listStyle: 'none' }}>
          <ObjectLink id={x} />
        </li>
      ))}
    </ul>
  )
  return (
    <Panel title={t`What it belongs to`} height={60} empty={some.length === 0 ? t`It stands alone: it is in no group and feeds nothing that is known.` : undefined}>
      <div className={classes.two}>
        {some.map(([name, ids]) => (
          <section key={name} aria-label={name}>
            <h3 className={classes.sub}>{name}</h3>
            {list(ids)}
            {ids.length > shownMembers && <p className={classes.text}>{t`These are the first ${shownMembers} of ${ids.length}.`}</p>}
          </section>
        ))}
      </div>
    </Panel>
  )
}
