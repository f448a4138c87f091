// Figures that people enter by hand where nothing is measured: of production,
// of meters that are read by eye. Each can be changed and deleted, and stays
// to be seen.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal, NumberInput, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Entered, Entry } from '../api/generated/types.gen'
import { changeFigure, deleteFigure, enterFigure, figures } from '../api/sensors'
import { locale } from '../lib/locale'
import { time, timeRange } from '../lib/time'
import { read, written } from '../lib/wall'
import { startOf } from '../lib/zone'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import type { Subject } from '../subject/subject'
import classes from './Lists.module.css'

/** Units people write amounts in, the usual one first; quantities that amount to nothing are not here. */
const units: Partial<Record<string, readonly string[]>> = {
  active_power: ['kWh', 'Wh', 'MWh'], energy: ['kWh', 'Wh', 'MWh'], reactive_power: ['kvarh', 'varh'], reactive_energy: ['kvarh', 'varh'], apparent_power: ['kVAh', 'VAh'],
  apparent_energy: ['kVAh', 'VAh'], volume: ['m³', 'l'], volume_flow: ['m³', 'l'], mass: ['t', 'kg'], mass_flow: ['t', 'kg'], count: [], duration: ['h', 's'], charge: ['Ah'],
}

/** Figures of such sensors can be entered. */
export const takesFigures = (quantity: string) => units[quantity] !== undefined

const digits = new Intl.NumberFormat(locale, { maximumFractionDigits: 6 })

export function FiguresByHand({ subject, quantity, may }: { subject: Subject; quantity: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const { id, zone } = subject
  const choices = units[quantity] ?? []
  const [unit, setUnit] = useState(choices[0])
  const [open, setOpen] = useState<Entered | 'new'>()
  const [gone, setGone] = useState<Entered>()
  const [why, setWhy] = useState('')
  const asked = useQuery({ queryKey: ['figures', id, unit], queryFn: ({ signal }) => figures(id, unit, signal) })
  const list = [...(asked.data?.items ?? [])].reverse()
  const shown = unit ?? ''
  const changed = () => Promise.all(['figures', 'interventions', 'windows'].map((k) => client.invalidateQueries({ queryKey: [k] })))
  const remove = useMutation({
    mutationFn: (f: Entered) => deleteFigure(id, f.id, why.trim()),
    onSuccess: () => setGone(undefined),
    onError: (e) => tell({ bad: true, title: t`It was not deleted`, message: e.message }),
    onSettled: changed,
  })
  const amount = (f: Entered) => {
    const v = digits.format(f.amount ?? f.reading ?? 0)
    return shown === '' ? v : `${v}\u00a0${shown}`
  }
  const when = (f: Entered) =>
    f.at !== undefined ? t`read ${time(Date.parse(f.at), zone, 'exact')}` : timeRange(Date.parse(f.from ?? ''), Date.parse(f.to ?? ''), zone)
  return (
    <>
      <Panel
        title={t`Figures by hand`}
        note={zone}
        asked={asked}
        height={100}
        actions={
          <>
            {may && (
              <Button size="compact-sm" variant="default" onClick={() => setOpen('new')}>
                {t`Enter a figure`}
              </Button>
            )}
            <ExportMenu
              name={t`${subject.label} figures`}
              table={() => ({
                columns: [{ name: t`From`, unit: '' }, { name: t`To`, unit: '' }, { name: t`Amount`, unit: shown }, { name: t`Reading`, unit: shown }, { name: t`Where it is from`, unit: '' }, { name: t`Who`, unit: '' }, { name: t`When`, unit: '' }],
                rows: list.map((f) => [
                  { at: Date.parse(f.from ?? f.at ?? '') }, f.to === undefined ? null : { at: Date.parse(f.to) }, f.amount ?? null, f.reading ?? null, f.note, f.who, { at: Date.parse(f.when) },
                ]),
                zone,
              })}
            />
          </>
        }
        {...(asked.data && list.length === 0 ? { empty: t`No figure was entered by hand. What is entered counts in settled windows and reports in the place of readings.` } : {})}
      >
        <ul className={classes.list} aria-label={t`Figures by hand`}>
          {list.map((f) => (
            <li key={f.id}>
              <span>
                <strong className="ww-number">{amount(f)}</strong>, {when(f)}
              </span>
              {may && (
                <span className={classes.end}>
                  <Button size="compact-xs" variant="subtle" onClick={() => setOpen(f)} aria-label={t`Change ${amount(f)}`}>
                    {t`Change`}
                  </Button>
                  <Button
                    size="compact-xs" variant="subtle" aria-label={t`Delete ${amount(f)}`}
                    onClick={() => {
                      setWhy('')
                      setGone(f)
                    }}
                  >
                    {t`Delete`}
                  </Button>
                </span>
              )}
              <span className={classes.sentence}>
                {f.note} <span className={classes.dim}>{t`entered by ${f.who}, ${time(Date.parse(f.when), zone, 'moment')}`}</span>
              </span>
            </li>
          ))}
        </ul>
      </Panel>
      {open !== undefined && (
        <Form key={open === 'new' ? '' : open.id} id={id} zone={zone} label={subject.label} figure={open === 'new' ? undefined : open} unit={unit} choices={choices} onUnit={setUnit} onClose={() => setOpen(undefined)} onDone={() => void changed()} />
      )}
      <Modal opened={gone !== undefined} onClose={() => setGone(undefined)} title={t`Delete the figure`} closeButtonProps={{ 'aria-label': t`Close` }}>
        <form
          onSubmit={(e) => {
            e.preventDefault()
            if (gone && why.trim() !== '') remove.mutate(gone)
          }}
        >
          <p className={classes.dim}>{gone && `${amount(gone)}, ${when(gone)}`}</p>
          <TextInput label={t`Why`} description={t`It stays to be seen among the corrections, with the reason.`} required data-autofocus value={why} onChange={(e) => setWhy(e.currentTarget.value)} maxLength={500} />
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={() => setGone(undefined)}>
              {t`Cancel`}
            </Button>
            <Button type="submit" color="red" loading={remove.isPending}>
              {t`Delete`}
            </Button>
          </Group>
        </form>
      </Modal>
    </>
  )
}

interface FormProps {
  id: string
  zone: string
  label: string
  /** What is changed; a new one when absent. */
  figure: Entered | undefined
  unit: string | undefined
  choices: readonly string[]
  onUnit: (u: string) => void
  onClose: () => void
  onDone: () => void
}

function Form({ id, zone, label, figure: f, unit, choices, onUnit, onClose, onDone }: FormProps) {
  const { t } = useLingui()
  const [kind, setKind] = useState<'amount' | 'reading'>(f?.at === undefined ? 'amount' : 'reading')
  const [from, setFrom] = useState(() => written(Date.parse(f?.from ?? f?.at ?? '') || startOf('day', Date.now(), zone, -1), zone))
  const [to, setTo] = useState(() => written(Date.parse(f?.to ?? '') || startOf('day', Date.now(), zone), zone))
  const [value, setValue] = useState<number | string>(f?.amount ?? f?.reading ?? '')
  // What is changed was read in the unit of the list.
  const [own, setOwn] = useState(unit)
  const [note, setNote] = useState(f?.note ?? '')
  const begin = read(from, zone)
  const end = read(to, zone)
  const wrong = kind === 'amount' && begin !== undefined && end !== undefined && end <= begin
  const whole = (at: number | undefined) => at !== undefined && at % 900_000 === 0
  const odd = kind === 'amount' && !(whole(begin) && whole(end))
  const send = useMutation({
    mutationFn: () => {
      const iso = (at: number | undefined) => new Date(at ?? 0).toISOString()
      const n = typeof value === 'number' ? value : Number(value)
      const body: Entry = { note: note.trim(), ...(own === undefined ? {} : { unit: own }), ...(kind === 'amount' ? { from: iso(begin), to: iso(end), amount: n } : { at: iso(begin), reading: n }) }
      return f ? changeFigure(id, f.id, body) : enterFigure(id, body)
    },
    onSuccess: () => {
      if (own !== undefined) onUnit(own)
      onDone()
      onClose()
      tell({ title: t`Entered`, message: t`The windows it is of are settled again.` })
    },
  })
  const ready = note.trim() !== '' && value !== '' && begin !== undefined && !wrong && !odd
  return (
    <Modal opened onClose={onClose} title={f ? t`Change the figure of ${label}` : t`Enter a figure of ${label}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        onSubmit={(e) => {
          e.preventDefault()
          if (ready) send.mutate()
        }}
      >
        <SegmentedControl
          fullWidth size="xs" value={kind} onChange={(v) => setKind(v)} aria-label={t`What the figure is`}
          data={[{ value: 'amount', label: t`Amount of a time` }, { value: 'reading', label: t`Reading of a counter` }]}
        />
        <TextInput mt="sm" type="datetime-local" step={kind === 'amount' ? 900 : 60} label={kind === 'amount' ? t`Begin` : t`Read at`} description={t`Times of ${zone}`} required withAsterisk={false} value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
        {kind === 'amount' && <TextInput mt="sm" type="datetime-local" step={900} label={t`End`} required withAsterisk={false} value={to} onChange={(e) => setTo(e.currentTarget.value)} error={wrong ? t`The end must be after the begin.` : odd ? t`An amount begins and ends at a quarter of an hour.` : undefined} />}
        <Group mt="sm" grow align="end">
          <NumberInput label={kind === 'amount' ? t`Amount` : t`Reading`} value={value} onChange={setValue} hideControls data-autofocus />
          {choices.length > 0 && <Select label={t`Unit`} data={[...choices]} value={own ?? null} allowDeselect={false} onChange={(v) => v !== null && setOwn(v)} />}
        </Group>
        <TextInput mt="sm" label={t`Where it is from`} description={t`Like: shift log, page 12. For whoever audits this.`} required withAsterisk={false} maxLength={2000} value={note} onChange={(e) => setNote(e.currentTarget.value)} />
        {send.error && (
          <p role="alert" className={classes.wrong}>
            {send.error.message}
          </p>
        )}
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t`Cancel`}
          </Button>
          <Button type="submit" disabled={!ready} loading={send.isPending}>
            {f ? t`Change` : t`Enter`}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
