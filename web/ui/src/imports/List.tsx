// Files that were brought, and what became of them.

import { useLingui } from '@lingui/react/macro'
import { Button, Group } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Import } from '../api/generated/types.gen'
import { imports, redo, remove, undo } from '../api/imports'
import { time } from '../lib/time'
import { bytes, count } from '../lib/units'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Imports.module.css'
import { Report } from './Report'

export function List({ zone, may, onGoOn }: { zone: string; may: boolean; onGoOn: (x: Import) => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [offset, setOffset] = useState(0)
  const [open, setOpen] = useState<string>()
  const [question, setQuestion] = useState<Question>()
  const asked = useQuery({ queryKey: ['imports', offset], queryFn: ({ signal }) => imports(offset, signal), refetchInterval: 5000 })
  const act = useMutation({
    mutationFn: (work: () => Promise<unknown>) => work(),
    onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['imports'] }),
  })
  const list = asked.data?.imports ?? []
  const states: Record<Import['state'], string> = {
    uploaded: t`brought`, waiting: t`waits`, reading: t`is being read`, storing: t`is being stored`, stored: t`stored`, undone: t`taken back`, failed: t`failed`,
  }
  const ask = (x: Import, what: 'undo' | 'redo') =>
    setQuestion({
      title: what === 'undo' ? t`Take back ${x.name}?` : t`Have ${x.name} count again?`, action: what === 'undo' ? t`Take back` : t`Count again`, name: '', label: t`Why`,
      text: what === 'undo' ? t`What this import alone brought no longer counts in anything derived. Raw readings stay.` : t`What it brought counts again.`,
      onAnswer: (why) => act.mutate(() => (what === 'undo' ? undo(x.id, why) : redo(x.id, why))),
    })
  const shown = list.find((x) => x.id === open)
  return (
    <Panel title={t`Files that were brought`} height={140} grows asked={asked}>
      {list.length === 0 ? (
        <p className={classes.text}>{t`None yet.`}</p>
      ) : (
        <Table label={t`Files that were brought`} columns={[{ name: t`File` }, { name: t`State` }, { name: t`Brought` }, { name: t`Values`, number: true }, { name: t`What to do` }]}>
          {list.map((x) => (
            <tr key={x.id}>
              <td>
                {x.name} <span className={classes.dim}>{bytes(x.bytes)}</span>
              </td>
              <td>
                {states[x.state]}
                {x.state === 'failed' && x.error !== undefined && <span className={classes.dim}>: {x.error}</span>}
              </td>
              <td>{t`${time(Date.parse(x.at), zone)} by ${x.who}`}</td>
              <td data-number="true">{x.report && x.trial !== true ? count(x.report.sensors.reduce((n, s) => n + s.new, 0)) : '–'}</td>
              <td>
                <Group gap="xs" wrap="nowrap">
                  {x.report && (
                    <Button size="compact-xs" variant="default" aria-expanded={open === x.id} aria-label={t`Report of ${x.name}`} onClick={() => setOpen((o) => (o === x.id ? undefined : x.id))}>
                      {t`Report`}
                    </Button>
                  )}
                  {may && x.here && (x.state === 'uploaded' || x.state === 'failed') && (
                    <Button size="compact-xs" variant="default" aria-label={t`Go on with ${x.name}`} onClick={() => onGoOn(x)}>
                      {t`Go on`}
                    </Button>
                  )}
                  {may && x.state === 'stored' && (
                    <Button size="compact-xs" variant="default" aria-label={t`Take back ${x.name}`} onClick={() => ask(x, 'undo')}>
                      {t`Take back`}
                    </Button>
                  )}
                  {may && x.state === 'undone' && (
                    <Button size="compact-xs" variant="default" aria-label={t`Have ${x.name} count again`} onClick={() => ask(x, 'redo')}>
                      {t`Count again`}
                    </Button>
                  )}
                  {may && x.here && (
                    <Button size="compact-xs" variant="default" aria-label={t`Remove the file ${x.name}`} onClick={() => act.mutate(() => remove(x.id))}>
                      {t`Remove the file`}
                    </Button>
                  )}
                </Group>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {shown?.report && (
        <>
          <h3>{t`Report of ${shown.name}`}</h3>
          <Report report={shown.report} zone={zone} />
        </>
      )}
      {(offset > 0 || list.length === 20) && (
        <Group gap="xs" mt="sm">
          <Button size="xs" variant="default" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - 20))}>{t`Newer ones`}</Button>
          <Button size="xs" variant="default" disabled={list.length < 20} onClick={() => setOffset(offset + 20)}>{t`Older ones`}</Button>
        </Group>
      )}
      {question && <Ask key={question.title} question={question} onClose={() => setQuestion(undefined)} />}
    </Panel>
  )
}
