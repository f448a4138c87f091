// What cannot be right and what is not usual, of all sensors and groups.

import { useLingui } from '@lingui/react/macro'
import { Button, Select, Switch } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { allAnomalies, type Anomaly } from '../api/standing'
import { partsOf } from '../api/objects'
import { DASH, text } from '../lib/format'
import { time, zoneName } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import classes from '../objects/Objects.module.css'
import { anomalyKinds, useAnomalyKinds } from './words'

const hour = 3_600_000
const periods = ['7d', '30d', '100d'] as const

/** Where it can be seen: the sensor or group, with some hours before and after. */
function Seen({ a }: { a: Anomaly }) {
  const { kind, id } = partsOf(a.object)
  const [from, to] = [Date.parse(a.from), Date.parse(a.to)]
  const around = Math.max(6 * hour, (to - from) / 2)
  const name = a.name === '' ? id : a.name
  return (
    <Link className={classes.link} to="/sensors" search={{ ...(kind === 'group' ? { g: id } : { s: id }), from: from - around, to: to + around }}>
      {name}
    </Link>
  )
}

export function Found({ zone, zoneOf }: { zone: string; zoneOf: (object: string) => string }) {
  const { t } = useLingui()
  const names = useAnomalyKinds()
  const navigate = useNavigate()
  const { kind: wished, st, size } = useSearch({ from: '/app' })
  const kind = anomalyKinds.find((k) => k === wished)
  const lasts = st === 'lasts'
  const period = periods.find((p) => p === size) ?? '7d'
  const set = (change: { kind?: string | undefined; st?: string | undefined; size?: string | undefined }) => void navigate({ to: '.', search: (old) => ({ ...old, ...change }), replace: true })
  const asked = useInfiniteQuery({
    queryKey: ['anomalies', 'all', kind, lasts, period],
    queryFn: ({ pageParam, signal }) => allAnomalies({ kind, lasts: lasts ? true : undefined, from: Date.now() - Number.parseInt(period) * 24 * hour }, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (p) => p.next,
    placeholderData: keepPreviousData,
    refetchInterval: 60_000, retry: 0,
  })
  const list = asked.data?.pages.flatMap((p) => p.anomalies ?? []) ?? []
  const watch = asked.data?.pages[0]?.watch
  const upTo = watch?.from ?? null
  /** Each in the zone of its own site, which is named. */
  const moment = (at: string, object: string) => `${time(Date.parse(at), zoneOf(object))} ${zoneName(zoneOf(object), Date.parse(at))}`
  return (
    <Panel
      title={t`What is not usual`} height={300} asked={asked}
      note={watch && (upTo === null ? t`${count(watch.objects)} sensors and groups are watched` : t`${count(watch.objects)} sensors and groups are watched, all of them looked at up to ${time(Date.parse(upTo), zone)} ${zoneName(zone, Date.parse(upTo))}`)}
      warning={watch?.able === false ? t`Nothing is settled here: counters alone are watched.` : undefined}
    >
      <div className={classes.filters} role="search" aria-label={t`Narrow what is not usual`}>
        <Select
          size="xs" label={t`Kind`} placeholder={t`Any`} clearable clearButtonProps={{ 'aria-label': t`Any kind` }}
          data={anomalyKinds.map((k) => ({ value: k, label: names[k] }))} value={kind ?? null} onChange={(v) => set({ kind: v ?? undefined })}
        />
        <Select
          size="xs" label={t`Since`} allowDeselect={false} value={period} onChange={(v) => set({ size: v ?? undefined })}
          data={[{ value: '7d', label: t`the last 7 days` }, { value: '30d', label: t`the last 30 days` }, { value: '100d', label: t`the last 100 days` }]}
        />
        <Switch size="xs" label={t`only what goes on`} checked={lasts} onChange={(e) => set({ st: e.currentTarget.checked ? 'lasts' : undefined })} />
      </div>
      {list.length === 0 ? (
        <p className={classes.text}>{watch?.objects === 0 ? t`Nothing is looked at yet: that begins when windows are settled.` : kind !== undefined || lasts ? t`Nothing like that was found.` : t`Nothing was found: all of it is as usual, or too little is known.`}</p>
      ) : (
        <Table
          label={t`What is not usual`}
          columns={[{ name: t`Of what` }, { name: t`From` }, { name: t`To` }, { name: t`What` }, { name: t`Kind` }, { name: t`Farthest value`, number: true }, { name: t`Expected`, number: true }, { name: t`Values`, number: true }]}
        >
          {list.map((a) => (
            <tr key={`${a.object} ${a.kind} ${a.from}`}>
              <td>
                <Seen a={a} />
              </td>
              <td className={classes.when}>{moment(a.from, a.object)}</td>
              <td className={classes.when}>{a.lasts ? t`goes on` : moment(a.to, a.object)}</td>
              <td>{a.untrue ? t`cannot be right` : t`not usual`}</td>
              <td>{names[a.kind]}</td>
              <td data-number="true">{a.value === null ? DASH : text(a.value, a.unit)}</td>
              <td data-number="true">{a.expected === null ? DASH : text(a.expected, a.unit)}</td>
              <td data-number="true">{count(a.values)}</td>
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
