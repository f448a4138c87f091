// When nothing is told, and where messages go.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { createSilence, deleteSilence, rules, silences, sinks, testSink } from '../api/alerts'
import { time } from '../lib/time'
import { read, written } from '../lib/wall'
import type { Index } from '../lib/tree'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Alerts.module.css'

export function Silences({ index, zone, may }: { index: Index; zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const asked = useQuery({ queryKey: ['silences'], queryFn: ({ signal }) => silences(signal), refetchInterval: 30_000 })
  const [adding, setAdding] = useState(false)
  const end = useMutation({
    mutationFn: (id: string) => deleteSilence(id),
    onError: (e) => tell({ bad: true, title: t`Not ended`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['silences'] }),
  })
  const list = asked.data?.silences ?? []
  return (
    <Panel
      title={t`Silences`} height={110} asked={asked}
      actions={
        may && (
          <Button size="compact-sm" variant="default" onClick={() => setAdding(true)}>
            {t`Keep silent…`}
          </Button>
        )
      }
    >
      {list.length === 0 ? (
        <p className={classes.text}>{t`Everything is told.`}</p>
      ) : (
        <Table label={t`Silences`} columns={[{ name: t`Of` }, { name: t`Until` }, { name: t`Why` }, { name: t`By` }, ...(may ? [{ name: t`What to do` }] : [])]}>
          {list.map((x) => {
            const of = x.sensor !== undefined ? (index.sensor(x.sensor).name ?? x.sensor) : x.group !== undefined ? index.groupName(x.group) : (x.rule ?? t`everything`)
            return (
              <tr key={x.id}>
                <td>{of}</td>
                <td>{time(Date.parse(x.until), zone, 'exact')}</td>
                <td>{x.why}</td>
                <td>{x.who}</td>
                {may && (
                  <td>
                    <Button size="compact-xs" variant="default" aria-label={t`End the silence of ${of}`} onClick={() => x.id !== undefined && end.mutate(x.id)}>
                      {t`End`}
                    </Button>
                  </td>
                )}
              </tr>
            )
          })}
        </Table>
      )}
      {adding && <NewSilence index={index} zone={zone} onClose={() => setAdding(false)} />}
    </Panel>
  )
}

function NewSilence({ index, zone, onClose }: { index: Index; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const known = useQuery({ queryKey: ['alert-rules'], queryFn: ({ signal }) => rules(signal) })
  const [of, setOf] = useState<string | null>(null)
  const [until, setUntil] = useState(() => written(Date.now() + 2 * 3_600_000, zone))
  const [why, setWhy] = useState('')
  const end = read(until, zone)
  const make = useMutation({
    mutationFn: () => {
      const [kind, ...id] = (of ?? '').split(':')
      return createSilence({ until: new Date(end ?? 0).toISOString(), why, ...(of === null ? {} : { [kind ?? '']: id.join(':') }) })
    },
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ['silences'] })
      onClose()
    },
  })
  const data = [
    { group: t`Rules`, items: (known.data?.rules ?? []).map((x) => ({ value: `rule:${x.rule.id ?? ''}`, label: x.rule.name ?? x.rule.id ?? '' })) },
    { group: t`Groups`, items: index.model.groups.map((g) => ({ value: `group:${g.id}`, label: g.name ?? g.id })) },
    { group: t`Sensors`, items: index.model.sensors.map((s) => ({ value: `sensor:${s.id}`, label: s.name ?? s.id })) },
  ]
  return (
    <Modal opened onClose={onClose} title={t`Keep silent`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          make.mutate()
        }}
      >
        <Select label={t`Of`} placeholder={t`everything`} clearable searchable limit={50} value={of} onChange={setOf} data={data} data-autofocus />
        <TextInput type="datetime-local" label={t`Until`} description={t`Times of ${zone}`} required withAsterisk={false} value={until} onChange={(e) => setUntil(e.currentTarget.value)} />
        <TextInput label={t`Why`} value={why} onChange={(e) => setWhy(e.currentTarget.value)} />
        <p className={classes.dim}>{t`What still lasts then is told then.`}</p>
        {make.error && <p role="alert" className={classes.bad}>{make.error.message}</p>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={make.isPending} disabled={end === undefined}>{t`Keep silent`}</Button>
        </Group>
      </form>
    </Modal>
  )
}

export function Sinks({ may }: { may: boolean }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['sinks'], queryFn: ({ signal }) => sinks(signal) })
  const [results, setResults] = useState<ReadonlyMap<string, string>>(new Map())
  const test = useMutation({
    mutationFn: (name: string) => testSink(name),
    onSuccess: (_r, name) => setResults((old) => new Map(old).set(name, t`The test was sent.`)),
    onError: (e, name) => setResults((old) => new Map(old).set(name, e.message)),
  })
  const list = asked.data?.sinks ?? []
  return (
    <Panel title={t`Where messages go`} height={110} asked={asked}>
      {list.length === 0 ? (
        <p className={classes.text}>{t`Nowhere yet: sinks (e-mail, webhook, ntfy, MQTT) stand in the settings of the program under alerts. What is raised is kept in the history all the same.`}</p>
      ) : (
        <ul className={classes.sinks}>
          {list.map((name) => (
            <li key={name}>
              <strong>{name}</strong>
              <span aria-live="polite" className={classes.dim}>
                {results.get(name)}
              </span>
              {may && (
                <Button size="compact-sm" variant="default" loading={test.isPending && test.variables === name} onClick={() => test.mutate(name)} aria-label={t`Send a test to ${name}`}>
                  {t`Send a test`}
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
    </Panel>
  )
}
