// What a manifest's processors and sinks refused, item by item, and why.

import { useLingui } from '@lingui/react/macro'
import { Button, Select } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { Manifest, Status } from '../api/manifests'
import { deadLetters } from '../api/system'
import { decimal } from '../lib/costs'
import { DASH } from '../lib/format'
import { refusedOf } from '../lib/samples'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import classes from './Manifests.module.css'

/** So many letters of all manifests are looked through at once. */
const page = 500

export function Refused({ manifest: m, nodes, zone }: { manifest: Manifest; nodes: NonNullable<Status['nodes']>; zone: string }) {
  const { t } = useLingui()
  const [node, setNode] = useState<string | null>(null)
  const asked = useInfiniteQuery({
    queryKey: ['dead-letters', 'manifest'],
    queryFn: ({ pageParam, signal }) => deadLetters({ source: 'manifest', limit: page, before: pageParam }, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (p) => p.next,
    refetchInterval: 15_000,
    retry: 1,
  })
  const own = useMemo(() => {
    const names = [m.name, m.id ?? ''].filter((x) => x !== '')
    return (asked.data?.pages ?? []).flatMap((p) => p.letters ?? []).flatMap((l) => {
      const of = refusedOf(l.reason, names)
      return of ? [{ l, ...of }] : []
    })
  }, [asked.data, m.name, m.id])
  const shown = node === null ? own : own.filter((x) => x.processor === node)
  const total = nodes.reduce((n, x) => n + x.dead, 0)
  const looked = (asked.data?.pages ?? []).reduce((n, p) => n + (p.letters?.length ?? 0), 0)
  const more = asked.hasNextPage && (
    <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
      {t`Look at older ones`}
    </Button>
  )
  return (
    <Panel
      title={t`Refused`} note={total > 0 ? t`${count(total)} since it started` : undefined} height={90} asked={asked}
      empty={
        own.length > 0 ? undefined : asked.hasNextPage ? (
          <>
            <p>{t`Among the newest ${count(looked)} that manifests refused, nothing is of this one.`}</p>
            {more}
          </>
        ) : (
          t`Nothing of it was refused. What a processor or sink cannot take is kept here, with its reason.`
        )
      }
      actions={
        own.length > 0 && (
          <ExportMenu
            name={t`${m.name} refused`}
            table={() => ({
              columns: [{ name: t`Refused`, unit: '' }, { name: t`Processor`, unit: '' }, { name: t`Why`, unit: '' }, { name: t`Key`, unit: '' }, { name: t`Time`, unit: '' }, { name: t`Value`, unit: '' }],
              rows: shown.map(({ l, processor, why }) => [{ at: l.at }, processor, why, l.sample ?? null, l.time === undefined ? null : { at: l.time }, l.value ?? null]),
              zone,
            })}
          />
        )
      }
    >
      <div className={classes.form}>
        <Select
          className={classes.search} size="xs" aria-label={t`Processor that refused`} placeholder={t`All processors`} clearable clearButtonProps={{ 'aria-label': t`All processors` }} value={node} onChange={setNode}
          data={[...new Set(own.map((x) => x.processor))]}
        />
      </div>
      <Table label={t`Refused items`} columns={[{ name: t`Refused` }, { name: t`Processor` }, { name: t`Why` }, { name: t`Key` }, { name: t`Time` }, { name: t`Value`, number: true }]}>
        {shown.slice(0, page).map(({ l, processor, why }) => (
          <tr key={l.id ?? l.at}>
            <td>{time(l.at, zone, 'stamp')}</td>
            <td className={classes.cell}>{processor}</td>
            <td className={classes.cell}>{why}</td>
            <td className={classes.cell}>{l.sample === undefined || l.sample === '' ? DASH : l.sample}</td>
            <td>{l.time === undefined ? DASH : time(l.time, zone, 'stamp')}</td>
            <td data-number="true">{l.value === undefined ? DASH : decimal(String(l.value))}</td>
          </tr>
        ))}
      </Table>
      {more}
    </Panel>
  )
}
