// The bills that a service made, with their revisions and what each changed.

import { useLingui } from '@lingui/react/macro'
import { Button, Drawer, Loader, Select } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { bill, billAgain, bills, type Service } from '../api/availability'
import { DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { ObjectLink } from '../objects/words'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import { Rests, Result } from './Result'
import classes from './Services.module.css'

export function Bills({ service: s, zone, may }: { service: Service; zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [open, setOpen] = useState<string>()
  const asked = useQuery({ queryKey: ['services', 'bills', s.sid], queryFn: ({ signal }) => bills(s.sid, signal), refetchInterval: 30_000, retry: 1 })
  const again = useMutation({
    mutationFn: billAgain,
    onSuccess: (b) => {
      tell({ message: b.note === undefined ? t`Nothing is different.` : t`Revision ${b.revision}: ${b.note}` })
      return client.invalidateQueries({ queryKey: ['services', 'bills'] })
    },
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
  })
  const list = asked.data ?? []
  return (
    <Panel title={t`Bills`} note={asked.data && t`${count(list.length)} found`} height={120} asked={asked} empty={list.length === 0 ? t`There is no bill yet.` : undefined}>
      <Table label={t`Bills`} columns={[{ name: t`Of what` }, { name: t`Period` }, { name: t`Revision`, number: true }, { name: t`Made` }, { name: t`What is different` }, { name: t`What to do` }]}>
        {list.map((b) => (
          <tr key={b.id}>
            <td>
              {b.subject === undefined || b.subject === '' ? t`everything` : <ObjectLink id={b.subject} />} {b.name ?? ''}
            </td>
            <td>
              {time(Date.parse(b.from), zone)} – {time(Date.parse(b.to), zone)}
            </td>
            <td data-number="true">{count(b.revision)}</td>
            <td>{t`${time(Date.parse(b.made), zone)} by ${b.madeBy}`}</td>
            <td>{b.note ?? DASH}</td>
            <td>
              <Button size="compact-xs" variant="default" aria-label={t`Look at the bill of ${time(Date.parse(b.from), zone, 'date')}`} onClick={() => setOpen(b.id)}>
                {t`Look`}
              </Button>{' '}
              {may && (
                <Button size="compact-xs" variant="default" loading={again.isPending && again.variables === b.id} aria-label={t`Make anew: the bill of ${time(Date.parse(b.from), zone, 'date')}`} onClick={() => again.mutate(b.id)}>
                  {t`Make anew`}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </Table>
      {open !== undefined && <Whole key={open} id={open} zone={zone} onClose={() => setOpen(undefined)} />}
    </Panel>
  )
}

function Whole({ id, zone, onClose }: { id: string; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const [revision, setRevision] = useState<number>()
  const asked = useQuery({ queryKey: ['services', 'bills', 'one', id, revision], queryFn: ({ signal }) => bill(id, revision, signal), retry: 1 })
  const b = asked.data
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={t`Bill`} closeButtonProps={{ 'aria-label': t`Close` }}>
      {asked.error ? (
        <p role="alert" className={classes.bad}>{asked.error.message}</p>
      ) : !b ? (
        <Loader size="sm" />
      ) : (
        <>
          <Select size="xs" label={t`Revision`} allowDeselect={false} data={(b.revisions ?? []).map((r) => ({ value: `${r.revision}`, label: t`${r.revision}, ${time(Date.parse(r.made), zone)} by ${r.madeBy}` }))} value={`${b.revision}`} onChange={(v) => v !== null && setRevision(Number(v))} />
          {b.note !== undefined && b.note !== '' && <p className={classes.text}>{t`What is different: ${b.note}`}</p>}
          <Result result={b.result} zone={zone} />
          <Rests rests={b.rests ?? []} standIns={b.substitutions ?? []} missing={b.missing ?? []} zone={zone} />
        </>
      )}
    </Drawer>
  )
}
