// Everything there is, as files.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Select } from '@mantine/core'
import { useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { address } from '../api/request'
import { shownIn } from '../lib/subject'
import type { Index } from '../lib/tree'
import { read, written } from '../lib/wall'
import { startOf } from '../lib/zone'
import { download } from '../part/download'
import { Panel } from '../part/Panel'
import classes from './Imports.module.css'

export function Exports({ index, zone }: { index: Index; zone: string }) {
  const { t } = useLingui()
  const { h } = useSearch({ from: '/app' })
  const [of, setOf] = useState<string | null>(() => {
    const root = shownIn(index, h, undefined)?.root
    return root === undefined ? null : `groups:${root}`
  })
  const [what, setWhat] = useState<string>('15m')
  const [ends, setEnds] = useState(() => [written(startOf('month', Date.now(), zone), zone), written(startOf('day', Date.now(), zone, 1), zone)] as const)
  const data = useMemo(
    () => [
      { group: t`Groups`, items: index.model.groups.map((g) => ({ value: `groups:${g.id}`, label: g.name ?? g.id })) },
      { group: t`Sensors`, items: index.model.sensors.map((s) => ({ value: `sensors:${s.id}`, label: s.name ?? s.id })) },
    ],
    [index, t],
  )
  const from = read(ends[0], zone)
  const to = read(ends[1], zone)
  const link = (format: string) => {
    const [kind = '', ...rest] = (of ?? '').split(':')
    const path = { id: rest.join(':') }
    const span = { from: `${from ?? 0}`, to: `${to ?? 0}`, format }
    return what === 'raw'
      ? address({ url: kind === 'groups' ? '/api/v1/groups/{id}/export' : '/api/v1/sensors/{id}/export', path, query: span })
      : address({ url: kind === 'groups' ? '/api/v1/settled/groups/{id}/export' : '/api/v1/settled/sensors/{id}/export', path, query: { ...span, size: what } })
  }
  const bring = (format: string) => download({ href: link(format), name: `${(of ?? '').replace(/^\w+:/, '')}.${format}` })
  const ready = of !== null && from !== undefined && to !== undefined && to > from
  return (
    <Panel title={t`Export`} note={t`Times of ${zone}`} height={160}>
      <div className={classes.fields}>
        <Select size="xs" label={t`Of`} searchable limit={50} data={data} value={of} onChange={setOf} />
        <Select
          size="xs" label={t`What`} allowDeselect={false} value={what} onChange={(v) => v !== null && setWhat(v)}
          data={[
            { value: '15m', label: t`Settled quarters of an hour` }, { value: '1h', label: t`Settled hours` }, { value: '1d', label: t`Settled days` },
            { value: 'raw', label: t`Raw readings, or all ticks of a group` },
          ]}
        />
        <label className={`${classes.when ?? ''} ww-when`}>
          {t`Begin`}
          <input type="datetime-local" value={ends[0]} onChange={(e) => setEnds([e.currentTarget.value, ends[1]])} />
        </label>
        <label className={`${classes.when ?? ''} ww-when`}>
          {t`End`}
          <input type="datetime-local" value={ends[1]} onChange={(e) => setEnds([ends[0], e.currentTarget.value])} />
        </label>
      </div>
      <Group gap="xs" mt="sm">
        <Button size="xs" disabled={!ready} onClick={() => bring('csv')}>
          {t`As CSV`}
        </Button>
        <Button size="xs" variant="default" disabled={!ready} onClick={() => bring('xlsx')}>
          {t`As Excel (XLSX)`}
        </Button>
        <Button size="xs" variant="default" disabled={!ready} onClick={() => bring('parquet')}>
          {t`As Parquet`}
        </Button>
      </Group>
      <p className={classes.text}>{t`The model is exported on its own page; everything together is a backup, under System.`}</p>
    </Panel>
  )
}
