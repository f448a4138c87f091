// What was raised: why, since when, who was told, who has seen it.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, Select, Textarea } from '@mantine/core'
import { IconAlertTriangle, IconBell, IconCircleCheck, IconInfoCircle } from '@tabler/icons-react'
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Incident } from '../api/generated/types.gen'
import { acknowledge, alerts, incidents } from '../api/alerts'
import { time } from '../lib/time'
import { lasting } from '../lib/units'
import { Panel } from '../part/Panel'
import classes from './Alerts.module.css'
import { sentenceOf } from './words'

interface Common {
  zone: string
  /** What a sensor or group is called. */
  names: (subject: Incident['subject']) => string
}

const page = 50

export function Now({ zone, names, may }: Common & { may: boolean }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['alerts'], queryFn: ({ signal }) => alerts(signal), refetchInterval: 5000 })
  const [acking, setAcking] = useState<Incident>()
  const list = asked.data?.alerts ?? []
  return (
    <Panel
      title={t`What lasts`} height={160} asked={asked}
      empty={
        list.length === 0 ? (
          <p className={classes.good}>
            <IconCircleCheck size={20} aria-hidden="true" /> {t`No alert lasts.`}
          </p>
        ) : undefined
      }
    >
      <ul className={classes.list} aria-label={t`What lasts`}>
        {list.map((x) => (
          <One key={x.id} incident={x} zone={zone} names={names} now={asked.dataUpdatedAt} onAcknowledge={may ? () => setAcking(x) : undefined} />
        ))}
      </ul>
      {acking && <Acknowledge incident={acking} zone={zone} onClose={() => setAcking(undefined)} />}
    </Panel>
  )
}

export function History({ zone, names }: Common) {
  const { t } = useLingui()
  const asked = useInfiniteQuery({
    queryKey: ['incidents'],
    queryFn: ({ pageParam, signal }) => incidents(pageParam, page, signal),
    initialPageParam: undefined as Incident | undefined,
    getNextPageParam: (last) => ((last.alerts ?? []).length < page ? undefined : last.alerts?.at(-1)),
    refetchInterval: 30_000,
  })
  const list = asked.data?.pages.flatMap((p) => p.alerts ?? []) ?? []
  return (
    <Panel title={t`History`} height={220} asked={asked} empty={list.length === 0 ? t`No alert was raised yet.` : undefined}>
      <ul className={classes.list} aria-label={t`History`}>
        {list.map((x) => (
          <One key={x.id} incident={x} zone={zone} names={names} now={asked.dataUpdatedAt} onAcknowledge={undefined} />
        ))}
      </ul>
      {asked.hasNextPage && (
        <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
          {t`Older ones`}
        </Button>
      )}
    </Panel>
  )
}

function One({ incident: x, zone, names, now, onAcknowledge }: { incident: Incident; now: number; onAcknowledge: (() => void) | undefined } & Common) {
  const { t } = useLingui()
  const severities: Record<string, string> = { info: t`info`, warning: t`warning`, critical: t`critical` }
  const changes: Record<string, string> = { fired: t`raised`, repeated: t`repeated`, resolved: t`over` }
  const states = { waiting: t`waits`, sent: t`sent`, given_up: t`given up`, dropped: t`dropped` }
  const end = x.resolved === null ? now : Date.parse(x.resolved)
  const length = lasting((end - Date.parse(x.fired)) / 1000)
  const Icon = x.status === 'resolved' ? IconCircleCheck : x.severity === 'info' ? IconInfoCircle : x.severity === 'critical' ? IconAlertTriangle : IconBell
  const deliveries = x.deliveries ?? []
  return (
    <li data-severity={x.status === 'resolved' ? 'over' : x.severity}>
      <Icon size={19} aria-hidden="true" />
      <div className={classes.body}>
        <strong>{x.name ?? x.rule}</strong>
        <span>{sentenceOf(x, zone)}</span>
        <span className={classes.dim}>
          {severities[x.severity] ?? x.severity} · {names(x.subject)} · {time(Date.parse(x.fired), zone, 'exact')} ·{' '}
          {x.resolved === null ? t`lasts ${length}` : t`lasted ${length}`}
          {x.status === 'hushed' && ` · ${t`an alert above says it already`}`}
          {x.unknown !== null && ` · ${t`whether it lasts is not known since ${time(Date.parse(x.unknown), zone)}`}`}
        </span>
        {x.acknowledged && (
          <span className={classes.dim}>
            {t`Seen to by ${x.acknowledged.who ?? '?'}`}
            {x.acknowledged.why !== undefined && x.acknowledged.why !== '' && `: ${x.acknowledged.why}`}
          </span>
        )}
        {deliveries.length > 0 && (
          <details className={classes.dim}>
            <summary>{t`Messages`}</summary>
            <ul className={classes.deliveries}>
              {deliveries.map((d, i) => (
                <li key={`${d.sink}/${d.at}/${i}`}>
                  {time(Date.parse(d.at), zone, 'exact')}: {d.sink}, {changes[d.change] ?? d.change}, {states[d.status]}
                  {d.error !== undefined && d.error !== '' && ` (${d.error})`}
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
      {onAcknowledge && !x.acknowledged && (
        <Button size="compact-sm" variant="default" onClick={onAcknowledge} aria-label={t`Acknowledge ${x.name ?? x.rule}`}>
          {t`Acknowledge`}
        </Button>
      )}
    </li>
  )
}

function Acknowledge({ incident: x, zone, onClose }: { incident: Incident; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [why, setWhy] = useState('')
  const [hours, setHours] = useState('24')
  const send = useMutation({
    mutationFn: () => acknowledge(x.id, { until: new Date(Date.now() + Number(hours) * 3_600_000).toISOString(), why }),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['alerts'] })
      onClose()
    },
  })
  return (
    <Modal opened onClose={onClose} title={t`Acknowledge ${x.name ?? x.rule}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          send.mutate()
        }}
      >
        <p>{sentenceOf(x, zone)}</p>
        <Textarea label={t`Note`} description={t`What is done about it`} value={why} onChange={(e) => setWhy(e.currentTarget.value)} data-autofocus autosize minRows={2} />
        <Select
          mt="sm" label={t`Not told again for`} allowDeselect={false} value={hours} onChange={(v) => v !== null && setHours(v)}
          data={[{ value: '1', label: t`an hour` }, { value: '8', label: t`8 hours` }, { value: '24', label: t`a day` }, { value: '168', label: t`a week` }]}
        />
        {send.error && <p role="alert" className={classes.bad}>{send.error.message}</p>}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={send.isPending}>{t`Acknowledge`}</Button>
        </Group>
      </form>
    </Modal>
  )
}
