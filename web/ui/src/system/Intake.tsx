// What was offered, taken and refused, and what became of the refused.

import { useLingui } from '@lingui/react/macro'
import { Button, Code, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Letter } from '../api/generated/types.gen'
import { deadLetters, intake, offerAgain } from '../api/system'
import { ago } from '../lib/format'
import { time } from '../lib/time'
import { bytes, count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import { again } from './again'
import classes from './System.module.css'

export function Intake({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['intake'], queryFn: ({ signal }) => intake(signal), refetchInterval: 5000 })
  const list = asked.data ?? []
  return (
    <>
      <Panel title={t`Intake`} note={t`since the start of each process`} height={140} asked={asked} empty={list.length === 0 ? t`Nothing was offered yet.` : undefined}>
        <Table
          label={t`Intake`}
          columns={[
            { name: t`Source` }, { name: t`Deliveries`, number: true }, { name: t`Volume`, number: true }, { name: t`Taken`, number: true }, { name: t`Left out`, number: true },
            { name: t`Refused`, number: true }, { name: t`Told to try again`, number: true }, { name: t`Last` },
          ]}
        >
          {list.map((x) => (
            <tr key={x.bridge}>
              <td>{x.bridge}</td>
              <td data-number="true">{count(x.messages)}</td>
              <td data-number="true">{bytes(x.bytes)}</td>
              <td data-number="true">{count(x.accepted)}</td>
              <td data-number="true">{count(x.filtered)}</td>
              <td data-number="true" className={x.refused > 0 ? classes.bad : undefined}>
                {count(x.refused)}
              </td>
              <td data-number="true">{count(x.failed)}</td>
              <td>{x.last === undefined ? '–' : ago(asked.dataUpdatedAt - Date.parse(x.last))}</td>
            </tr>
          ))}
        </Table>
      </Panel>
      {may && <Letters zone={zone} />}
    </>
  )
}

function Letters({ zone }: { zone: string }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [limit, setLimit] = useState(100)
  const [source, setSource] = useState<string | null>(null)
  const [q, setQ] = useState('')
  const asked = useQuery({ queryKey: ['dead-letters', limit], queryFn: ({ signal }) => deadLetters(limit, signal), refetchInterval: 15_000 })
  const retry = useMutation({
    mutationFn: (l: Letter) => offerAgain(again(l)),
    onSuccess: () => tell({ title: t`Taken`, message: t`What was refused has now been stored.` }),
    onError: (e) => tell({ bad: true, title: t`Refused again`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['dead-letters'] }), client.invalidateQueries({ queryKey: ['intake'] })]),
  })
  const letters = asked.data?.letters ?? []
  const sources = [...new Set(letters.map((l) => l.source))].sort()
  const low = q.trim().toLowerCase()
  const shown = letters.filter((l) => (source === null || l.source === source) && (low === '' || `${l.reason} ${l.sensor ?? ''} ${l.sample ?? ''}`.toLowerCase().includes(low)))
  const total = asked.data?.count ?? 0
  return (
    <Panel
      title={t`Dead letters`} note={t`${count(total)} kept, for 90 days at most`} height={220} asked={asked}
      empty={letters.length === 0 ? t`Everything that was offered was taken.` : undefined}
    >
      <div className={classes.filter}>
        <Select size="xs" clearable placeholder={t`All sources`} aria-label={t`Source of dead letters`} data={sources} value={source} onChange={setSource} />
        <TextInput size="xs" placeholder={t`Reason, sensor or content`} aria-label={t`Search dead letters`} value={q} onChange={(e) => setQ(e.currentTarget.value)} />
      </div>
      <ul className={classes.letters} aria-label={t`Dead letters`}>
        {shown.map((l, i) => (
          <li key={`${l.at}/${i}`}>
            <span className={classes.letterHead}>
              <strong>{l.reason}</strong>
              {again(l) !== undefined && (
                <Button size="compact-xs" variant="default" loading={retry.isPending && retry.variables === l} onClick={() => retry.mutate(l)}>
                  {t`Try again`}
                </Button>
              )}
            </span>
            <span className={classes.dim}>
              {time(l.at, zone, 'exact')} · {l.source}
              {l.sensor !== undefined && l.sensor !== '' && ` · ${l.sensor}`}
            </span>
            {l.sample !== undefined && l.sample !== '' && <Code className={classes.sample}>{l.sample}</Code>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className={classes.dim}>{t`None of the ${letters.length} newest is like that.`}</p>}
      {total > letters.length && limit < 1000 && (
        <Button size="xs" variant="default" onClick={() => setLimit(1000)}>
          {t`Older ones`}
        </Button>
      )}
      <p className={classes.dim}>{t`What came as JSON can be tried again from here, when its cause is mended; everything else its sender must send again.`}</p>
    </Panel>
  )
}
