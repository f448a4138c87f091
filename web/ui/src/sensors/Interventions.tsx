// How odd readings of a counter were understood, and what people decided
// about readings; who may, takes a decision back.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Intervention } from '../api/generated/types.gen'
import { annotations, interventions, undoIntervention } from '../api/sensors'
import { text } from '../lib/format'
import { unitFor, valueFor } from '../lib/own'
import { coarse } from '../lib/steps'
import { time, timeRange } from '../lib/time'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import type { View } from '../shell/span'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'
import { understood } from './understood'

export function Annotations({ subject, view }: { subject: Subject; view: View }) {
  const { t } = useLingui()
  const { from, to } = coarse(view, view.live, 60_000)
  const asked = useQuery({ queryKey: ['annotations', subject.id, from, to], queryFn: ({ signal }) => annotations(subject.id, { from, to }, signal), staleTime: 60_000 })
  const list = [...(asked.data ?? [])].reverse()
  const { zone } = subject
  const unit = unitFor(subject)
  return (
    <Panel
      title={t`Odd readings`}
      note={timeRange(view.from, view.to, zone)}
      asked={asked}
      height={120}
      {...(asked.data && list.length === 0 ? { empty: t`The counter only rose, and by no more than it can.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} odd readings`}
          table={() => ({
            columns: [{ name: t`Time`, unit: '' }, { name: t`Taken for`, unit: '' }, { name: t`Before`, unit }, { name: t`After`, unit }, { name: t`Rise`, unit }, { name: t`In words`, unit: '' }],
            rows: list.map((a) => [{ at: a.time }, a.kind, valueFor(subject, a.before), valueFor(subject, a.after), valueFor(subject, a.rise), understood(a, subject)]),
            zone,
          })}
        />
      }
    >
      <ul className={classes.list}>
        {list.map((a) => (
          <li key={a.time}>
            <span>{time(a.time, zone, 'exact')}</span>
            <span className={classes.end}>{t`rise ${text(valueFor(subject, a.rise), unit)}`}</span>
            <span className={classes.sentence}>
              {understood(a, subject)}
              {a.byOverride && <span className={classes.dim}> {t`(somebody decided so)`}</span>}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

export function Interventions({ subject, may }: { subject: Subject; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [open, setOpen] = useState<Intervention>()
  const [why, setWhy] = useState('')
  const asked = useQuery({ queryKey: ['interventions', subject.id], queryFn: ({ signal }) => interventions(subject.id, signal), refetchInterval: 60_000 })
  const list = asked.data?.items ?? []
  const { zone, unit } = subject
  const kinds: Record<Intervention['kind'], string> = {
    exclude: t`left out`, replace: t`replaced`, interpolate: t`interpolated`, ignore: t`reading ignored`, accept: t`difference accepted`, reset: t`began anew`,
    rollover: t`turned over`, rise: t`rose by a stated amount`, reading: t`reading entered`, figure: t`amount entered`,
  }
  const undo = useMutation({
    mutationFn: (i: Intervention) => undoIntervention(i.id, why.trim()),
    onSuccess: () => {
      setOpen(undefined)
      tell({ message: t`It is undone; what it touched is settled again.` })
    },
    onError: (e) => tell({ bad: true, title: t`It was not undone`, message: e.message }),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ['interventions', subject.id] }), client.invalidateQueries({ queryKey: ['annotations', subject.id] })]),
  })
  const span = (i: Intervention) => (i.to === undefined ? time(Date.parse(i.from), zone, 'exact') : timeRange(Date.parse(i.from), Date.parse(i.to), zone))
  return (
    <Panel
      title={t`Corrections`}
      asked={asked}
      height={100}
      {...(asked.data && list.length === 0 ? { empty: t`Nobody has corrected a reading of this sensor.` } : {})}
      actions={
        <ExportMenu
          name={t`${subject.label} corrections`}
          table={() => ({
            columns: [{ name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: t`What`, unit: '' }, { name: t`Value`, unit }, { name: t`Who`, unit: '' }, { name: t`When`, unit: '' }, { name: t`Why`, unit: '' }, { name: t`Undone`, unit: '' }],
            rows: list.map((i) => [
              { at: Date.parse(i.from) }, i.to === undefined ? null : { at: Date.parse(i.to) }, kinds[i.kind], i.value ?? null, i.who, { at: Date.parse(i.at) }, i.why,
              i.undoneAt === undefined ? null : { at: Date.parse(i.undoneAt) },
            ]),
            zone,
          })}
        />
      }
    >
      <ul className={classes.list}>
        {list.map((i) => (
          <li key={i.id}>
            <span className={i.undoneAt === undefined ? undefined : classes.undone}>
              {kinds[i.kind]}
              {i.value !== undefined && ` ${text(i.value, unit)}`}, {span(i)}
            </span>
            {may && i.undoneAt === undefined && (
              <Button
                size="compact-xs"
                variant="default"
                ml="auto"
                onClick={() => {
                  setWhy('')
                  setOpen(i)
                }}
                aria-label={t`Undo: ${kinds[i.kind]}, ${span(i)}`}
              >
                {t`Undo`}
              </Button>
            )}
            <span className={`${classes.sentence ?? ''} ${classes.dim ?? ''}`}>
              {t`${i.who}, ${time(Date.parse(i.at), zone)}: ${i.why}`}
              {i.undoneAt !== undefined && <div>{t`undone by ${i.undoneWho ?? ''}, ${time(Date.parse(i.undoneAt), zone)}: ${i.undoneWhy ?? ''}`}</div>}
            </span>
          </li>
        ))}
      </ul>
      <Modal opened={open !== undefined} onClose={() => setOpen(undefined)} title={t`Undo the correction`} closeButtonProps={{ 'aria-label': t`Close` }}>
        <form
          onSubmit={(e) => {
            e.preventDefault()
            if (open && why.trim() !== '') undo.mutate(open)
          }}
        >
          <p className={classes.dim}>{open && `${kinds[open.kind]}, ${span(open)}`}</p>
          <TextInput label={t`Why`} description={t`It stays in the list, with the reason.`} required data-autofocus value={why} onChange={(e) => setWhy(e.currentTarget.value)} maxLength={500} />
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={() => setOpen(undefined)}>
              {t`Cancel`}
            </Button>
            <Button type="submit" loading={undo.isPending}>
              {t`Undo`}
            </Button>
          </Group>
        </form>
      </Modal>
    </Panel>
  )
}
