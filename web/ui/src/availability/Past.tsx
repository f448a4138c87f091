// How available a service was.

import { useLingui } from '@lingui/react/macro'
import { Select } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { past, type Of } from '../api/availability'
import { TimeChart } from '../chart/TimeChart'
import type { Line } from '../chart/lines'
import { DASH, percent } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { useExecs } from './words'
import classes from './Availability.module.css'

const day = 86_400_000

export function Past({ of, zone }: { of: Of; zone: string }) {
  const { t } = useLingui()
  const names = useExecs()
  const [days, setDays] = useState('7')
  const asked = useQuery({
    queryKey: ['availability', 'past', of, days],
    queryFn: ({ signal }) => {
      const to = Date.now()
      return past(of, to - Number(days) * day, to, signal)
    },
    refetchInterval: 60_000, retry: 1,
  })
  const p = asked.data
  const from = p ? Date.parse(p.from) : 0
  const to = p ? Date.parse(p.to) : 1
  const points = useMemo(() => (p?.points ?? []).map((x) => ({ ...x, ms: Date.parse(x.at) })), [p])
  const lines = useMemo((): Line[] => {
    const ts = [...points.map((x) => x.ms), to]
    const of = (key: 'strict' | 'mean') => [...points.map((x) => x[key] * 100), (points.at(-1)?.[key] ?? 0) * 100]
    return points.length === 0 ? [] : [{ key: 'strict', label: t`strict`, unit: '%', t: ts, avg: of('strict') }, { key: 'mean', label: t`mean`, unit: '%', t: ts, avg: of('mean'), faint: true }]
  }, [points, to, t])
  return (
    <Panel
      title={t`Over time`} height={260} asked={asked} warning={p?.whole === false ? t`There were more changes than are looked at; the end is not known.` : undefined}
      empty={p && points.length === 0 ? t`Nothing is known of this time. States are noted from when the program began to look.` : undefined}
      actions={<Select size="xs" aria-label={t`How far back`} allowDeselect={false} data={[{ value: '1', label: t`a day` }, { value: '7', label: t`a week` }, { value: '30', label: t`30 days` }, { value: '365', label: t`a year` }]} value={days} onChange={(v) => v !== null && setDays(v)} />}
    >
      {p && (
        <>
          <dl className={classes.figures}>
            {([[t`Strict`, p.strict], [t`Mean`, p.mean], [t`At least partially`, p.any]] as const).map(([k, v]) => (
              <div key={k}>
                <dt>{k}</dt>
                <dd className="ww-number">
                  {v.share === null ? DASH : percent(v.share, 2)}
                  <small>{t`of ${count(Math.round(v.known_s / 3600))} known hours`}</small>
                </dd>
              </div>
            ))}
            <div>
              <dt>{t`Changes of objects`}</dt>
              <dd className="ww-number">{count(p.events)}</dd>
            </div>
          </dl>
          <div className={classes.strip} role="img" aria-label={t`How much could be carried out, from ${time(from, zone)} to ${time(to, zone)}`}>
            {points.map((x, i) => (
              <span key={x.ms} data-exec={x.exec} style={{ width: `${(((points[i + 1]?.ms ?? to) - x.ms) / (to - from)) * 100}%`, marginLeft: i === 0 ? `${((x.ms - from) / (to - from)) * 100}%` : 0 }} title={`${names[x.exec]}: ${time(x.ms, zone)}`} />
            ))}
          </div>
          <TimeChart lines={lines} from={from} to={to} zone={zone} kind="steps" label={t`Availability of ${of.sid}`} height={190} />
        </>
      )}
    </Panel>
  )
}
