// What a sensor says now, and what is known of it.

import { Trans, useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { api } from '../api/client'
import { useNewest, useSensor } from '../api/live'
import { useFollowed } from '../data/model'
import { ago, DASH, scaled, text } from '../lib/format'
import { unitFor, valueFor } from '../lib/own'
import { stateOf } from '../lib/state'
import { time } from '../lib/time'
import type { Index } from '../lib/tree'
import { useQuantityNames } from '../part/quantities'
import type { Subject } from '../subject/subject'
import classes from './Facts.module.css'
import { StateMark } from './State'

export function Facts({ index, subject }: { index: Index; subject: Subject }) {
  const { t } = useLingui()
  const quantities = useQuantityNames()
  const { id, zone } = subject
  const known = index.sensors.get(id)
  const s = index.sensor(id)
  useFollowed([id], [])
  const first = useQuery({ queryKey: ['latest', id], queryFn: ({ signal }) => api.latest([id], signal), refetchInterval: 30_000 })
  const said = first.data?.sensors?.[0]
  const seen = said?.time == null || said.value === null ? undefined : { t: Date.parse(said.time), value: said.value }
  const streamed = useSensor(id)
  const v = streamed && (!seen || streamed.t >= seen.t) ? streamed : seen
  const newest = useNewest()
  const now = newest === 0 ? first.dataUpdatedAt : newest
  const shown = scaled(valueFor(subject, v?.value), unitFor(subject))
  const site = s.site === undefined ? undefined : index.sites.get(s.site)
  const facts: [string, string | undefined][] = [
    [t`Identifier`, id],
    [t`Quantity`, s.quantity === '' ? undefined : (quantities[s.quantity] ?? s.quantity)],
    [t`Unit`, unitFor(subject)],
    [t`Kind`, s.formula ? t`computed from others` : subject.counter ? t`counter` : t`gauge`],
    [t`Formula`, s.formula],
    [t`Interval`, s.interval ?? t`1m (as usual)`],
    [t`A reading counts for`, s.maxAge === 'unlimited' ? t`ever` : (s.maxAge ?? t`three intervals`)],
    [t`Register turns over at`, s.register?.width === undefined ? undefined : text(valueFor(subject, s.register.width), unitFor(subject))],
    [t`Site`, site?.name ?? s.site],
    [t`Time zone`, zone],
    [t`Last reading`, v ? time(v.t, zone, 'exact') : DASH],
  ]
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="facts-title">
      <h2 id="facts-title">
        <Trans>Now</Trans>
      </h2>
      <p className={classes.now} data-testid="sensor-value">
        <span className="ww-number">{shown.value}</span> <small>{shown.unit}</small>
      </p>
      <p className={classes.state} data-testid="sensor-state">
        {first.isPending && !v ? (
          <span>{t`asking…`}</span>
        ) : (
          <>
            <StateMark state={stateOf(s, v?.t, now)} />
            {v && <span>{ago(now - v.t)}</span>}
          </>
        )}
      </p>
      {!known && (
        <p className={classes.unknown}>
          {s.quantity === '' ? t`It is not in the model: it sends, but nothing says what it measures.` : t`It is not in the model: what it measures is known from what it sends.`}
        </p>
      )}
      <dl className={classes.facts}>
        {facts.map(([name, value]) =>
          value === undefined || value === '' ? null : (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value || DASH}</dd>
            </div>
          ),
        )}
      </dl>
    </section>
  )
}
