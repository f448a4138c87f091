// A file of strangers, step by step: bring it, say what it means, look, try,
// import.

import { useLingui } from '@lingui/react/macro'
import { Button, Checkbox, FileInput, Group, NumberInput, Progress, SegmentedControl, Select, Stepper, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import type { Import, ImportColumn, ImportPlan, ImportPreview } from '../api/generated/types.gen'
import { cancel, oneImport, preview, run, upload } from '../api/imports'
import { unitOf } from '../lib/format'
import { time } from '../lib/time'
import type { Index } from '../lib/tree'
import { bytes, count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Imports.module.css'
import { Report } from './Report'

interface Props {
  index: Index
  zone: string
  /** One that was begun before. */
  begun: Import | undefined
  onClose: () => void
}

const busy = (x: Import | undefined) => x?.state === 'waiting' || x?.state === 'reading' || x?.state === 'storing'

export function Wizard({ index, zone, begun, onClose }: Props) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [id, setID] = useState(begun?.id)
  const [step, setStep] = useState(begun ? 1 : 0)
  const [plan, setPlan] = useState<ImportPlan | undefined>(begun?.plan ?? begun?.guess?.plan)
  const [share, setShare] = useState<number>()
  const stop = useRef<AbortController>(undefined)

  const state = useQuery({
    queryKey: ['import', id],
    queryFn: ({ signal }) => oneImport(id ?? '', signal),
    enabled: id !== undefined,
    refetchInterval: (q) => (busy(q.state.data) ? 700 : false),
  })
  const imp = state.data ?? begun
  const invalidate = () => Promise.all([client.invalidateQueries({ queryKey: ['imports'] }), client.invalidateQueries({ queryKey: ['import', id] })])

  // It may have made sensors.
  const stored = imp?.state === 'stored'
  useEffect(() => {
    if (stored) void client.invalidateQueries({ queryKey: ['model'] })
  }, [stored, client])

  const bring = useMutation({
    mutationFn: (file: File) => {
      stop.current = new AbortController()
      setShare(0)
      return upload(file, setShare, stop.current.signal)
    },
    onSuccess: (x) => {
      client.setQueryData(['import', x.id], x)
      setID(x.id)
      setPlan(x.guess?.plan)
      setStep(1)
    },
    onSettled: () => {
      setShare(undefined)
      void client.invalidateQueries({ queryKey: ['imports'] })
    },
  })
  const look = useMutation({ mutationFn: (p: ImportPlan) => preview(id ?? '', p), onSuccess: () => setStep(2) })
  const start = useMutation({
    mutationFn: (trial: boolean) => run(id ?? '', { plan: plan ?? { format: 'csv', time: '', columns: [] }, trial }),
    onSuccess: (x, trial) => {
      client.setQueryData(['import', x.id], x)
      setStep(trial ? 3 : 4)
    },
    onSettled: invalidate,
  })
  const leave = useMutation({
    mutationFn: () => cancel(id ?? ''),
    onSuccess: () => setStep(1),
    onError: (e) => tell({ bad: true, title: t`Not cancelled`, message: e.message }),
    onSettled: invalidate,
  })

  const cancelled = bring.error instanceof DOMException
  return (
    <Panel
      title={imp ? t`Import ${imp.name}` : t`Import a file`} note={imp && bytes(imp.bytes)} height={300}
      actions={
        <Button size="compact-sm" variant="default" onClick={onClose}>
          {t`Close`}
        </Button>
      }
    >
      <Stepper active={step} size="xs" onStepClick={setStep} allowNextStepsSelect={false} className={classes.stepper}>
        <Stepper.Step label={t`File`}>
          <p className={classes.text}>{t`CSV, NDJSON or Parquet of readings: of a grid operator, a logger, another program. Nothing is stored until it has been looked at.`}</p>
          <FileInput label={t`File with readings`} placeholder={t`Choose a file`} accept=".csv,.txt,.ndjson,.json,.parquet,.tsv" disabled={share !== undefined} onChange={(f) => f && bring.mutate(f)} />
          {share !== undefined && (
            <div className={classes.progress}>
              <Progress value={share * 100} size="lg" aria-label={t`Bringing the file`} />
              <Button size="compact-sm" variant="default" onClick={() => stop.current?.abort()}>
                {t`Cancel`}
              </Button>
            </div>
          )}
          {bring.error && !cancelled && <p role="alert" className={classes.bad}>{bring.error.message}</p>}
        </Stepper.Step>
        <Stepper.Step label={t`Meaning`}>
          {imp?.guess && plan && (
            <>
              <Meaning index={index} guess={imp.guess} plan={plan} onPlan={setPlan} />
              {look.error && <p role="alert" className={classes.bad}>{look.error.message}</p>}
              <Group justify="flex-end" mt="md">
                <Button loading={look.isPending} disabled={plan.columns.length === 0} onClick={() => look.mutate(plan)}>
                  {t`Look at it`}
                </Button>
              </Group>
            </>
          )}
        </Stepper.Step>
        <Stepper.Step label={t`Preview`}>
          {look.data && <Preview data={look.data} />}
          {start.error && <p role="alert" className={classes.bad}>{start.error.message}</p>}
          <Group justify="flex-end" mt="md">
            <Button variant="default" onClick={() => setStep(1)}>{t`Back`}</Button>
            <Button loading={start.isPending} onClick={() => start.mutate(true)}>
              {t`Try it`}
            </Button>
          </Group>
        </Stepper.Step>
        <Stepper.Step label={t`Trial`}>
          <Running imp={imp} onCancel={() => leave.mutate()} />
          {imp?.trial && !busy(imp) && imp.report && (
            <>
              <h3>{t`What it would store`}</h3>
              <Report report={imp.report} zone={zone} />
            </>
          )}
          {start.error && <p role="alert" className={classes.bad}>{start.error.message}</p>}
          {imp && !busy(imp) && (
            <Group justify="flex-end" mt="md">
              <Button variant="default" onClick={() => setStep(1)}>{t`Back`}</Button>
              <Button loading={start.isPending} disabled={imp.state === 'failed'} onClick={() => start.mutate(false)}>
                {t`Import`}
              </Button>
            </Group>
          )}
        </Stepper.Step>
        <Stepper.Step label={t`Import`}>
          <Running imp={imp} onCancel={() => leave.mutate()} />
          {imp && !busy(imp) && imp.report && (
            <>
              <h3>{t`What was stored`}</h3>
              <Report report={imp.report} zone={zone} />
              <Group justify="flex-end" mt="md">
                <Button onClick={onClose}>{t`Done`}</Button>
              </Group>
            </>
          )}
        </Stepper.Step>
      </Stepper>
    </Panel>
  )
}

function Running({ imp, onCancel }: { imp: Import | undefined; onCancel: () => void }) {
  const { t } = useLingui()
  if (imp?.state === 'failed') return <p role="alert" className={classes.bad}>{imp.error ?? t`It failed.`}</p>
  if (!imp || !busy(imp)) return null
  const p = imp.progress
  const words: Partial<Record<Import['state'], string>> = { waiting: t`waits for another import`, reading: t`is being read`, storing: t`is being stored` }
  return (
    <div className={classes.progress} aria-live="polite">
      <Progress value={p && p.total > 0 ? (p.done / p.total) * 100 : 100} animated={!p} size="lg" aria-label={t`Progress`} />
      <span>
        {words[imp.state]}
        {p && p.total > 0 && `: ${count(p.done)} / ${count(p.total)}`}
      </span>
      {imp.state !== 'storing' && (
        <Button size="compact-sm" variant="default" onClick={onCancel}>
          {t`Cancel`}
        </Button>
      )}
    </div>
  )
}

function Meaning({ index, guess, plan, onPlan }: { index: Index; guess: NonNullable<Import['guess']>; plan: ImportPlan; onPlan: (p: ImportPlan) => void }) {
  const { t } = useLingui()
  const names = guess.columns.map((c) => c.name)
  const set = (c: Partial<ImportPlan>) => onPlan(JSON.parse(JSON.stringify({ ...plan, ...c })) as ImportPlan)
  const long = plan.sensor !== undefined
  const zones = useMemo(() => Intl.supportedValuesOf('timeZone'), [])
  const values = guess.columns.filter((c) => c.name !== plan.time && c.name !== plan.date && c.name !== plan.sensor && (!long || c.name === plan.value))
  return (
    <>
      {guess.error !== undefined && <p role="alert" className={classes.bad}>{guess.error}</p>}
      {guess.notes.map((n) => (
        <p key={n} className={classes.note}>
          {n}
        </p>
      ))}
      <div className={classes.fields}>
        <Select size="xs" label={t`Column of the time`} data={names} value={plan.time} allowDeselect={false} onChange={(v) => v !== null && set({ time: v })} />
        <Select size="xs" label={t`Column of the date`} description={t`Where the time has none`} clearable data={names} value={plan.date ?? null} onChange={(v) => set({ date: v ?? undefined })} />
        <TextInput size="xs" label={t`Layout of the time`} description={t`Like 2.1.2006 15:04`} value={plan.layout ?? ''} onChange={(e) => set({ layout: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
        <Select size="xs" label={t`Time zone`} description={t`Of times that do not say theirs`} searchable clearable limit={40} data={zones} value={plan.zone ?? null} onChange={(v) => set({ zone: v ?? undefined })} />
        {plan.format === 'csv' && (
          <>
            <Select
              size="xs" label={t`Delimiter`} allowDeselect={false} value={plan.delimiter ?? ','} onChange={(v) => set({ delimiter: v ?? undefined })}
              data={[{ value: ',', label: ',' }, { value: ';', label: ';' }, { value: '\t', label: t`tabulator` }, { value: '|', label: '|' }]}
            />
            <Select
              size="xs" label={t`Decimal sign`} allowDeselect={false} value={plan.decimal ?? 'point'} onChange={(v) => set({ decimal: v ?? undefined })}
              data={[{ value: 'point', label: t`point` }, { value: 'comma', label: t`comma` }]}
            />
            <NumberInput size="xs" label={t`Lines before the head`} min={0} value={plan.skip ?? 0} onChange={(v) => set({ skip: typeof v === 'number' && v > 0 ? v : undefined })} />
          </>
        )}
        <Select
          size="xs" label={t`Site of new sensors`} clearable data={index.model.sites.map((s) => ({ value: s.id, label: s.name ?? s.id }))} value={plan.site ?? null}
          onChange={(v) => set({ site: v ?? undefined })}
        />
      </div>
      <h3>{t`Columns`}</h3>
      {long ? (
        <p className={classes.text}>{t`Each row is one value: ${plan.sensor ?? ''} names the sensor, ${plan.value ?? ''} holds the value.`}</p>
      ) : (
        <p className={classes.text}>{t`Take what is wanted, and say what it is. An amount is what was used in an interval, as kWh per 15 minutes.`}</p>
      )}
      <ul className={classes.columns}>
        {(long ? plan.columns.map((c) => ({ name: c.column, examples: [] as string[] })) : values).map((c) => (
          <Column key={c.name} name={c.name} examples={c.examples} guessed={guess.plan.columns.find((x) => x.column === c.name)} index={index} plan={plan} onPlan={onPlan} />
        ))}
      </ul>
      <div className={classes.way}>
        <SegmentedControl
          size="xs" value={plan.conflicts ?? 'refuse'} aria-label={t`Values that differ from stored ones`} onChange={(v) => set({ conflicts: v })}
          data={[{ value: 'refuse', label: t`Stored values stay` }, { value: 'replace', label: t`New values count instead` }]}
        />
      </div>
    </>
  )
}

interface ColumnProps {
  name: string
  examples: readonly string[]
  guessed: ImportColumn | undefined
  index: Index
  plan: ImportPlan
  onPlan: (p: ImportPlan) => void
}

function Column({ name, examples, guessed, index, plan, onPlan }: ColumnProps) {
  const { t } = useLingui()
  const is = plan.columns.find((c) => c.column === name)
  const set = (c: Partial<ImportColumn> | undefined) => {
    const rest = plan.columns.filter((x) => x.column !== name)
    if (c === undefined) onPlan({ ...plan, columns: rest })
    else {
      const next = JSON.parse(JSON.stringify({ ...(is ?? guessed ?? { column: name, sensor: name, as: 'gauge' }), ...c })) as ImportColumn
      // A sensor that is not there is made; of one that is there nothing is.
      if (index.sensors.has(next.sensor)) delete next.create
      else next.create ??= {}
      onPlan({ ...plan, columns: is ? plan.columns.map((x) => (x.column === name ? next : x)) : [...rest, next] })
    }
  }
  const known = is && index.sensors.get(is.sensor)
  return (
    <li data-taken={is !== undefined}>
      <Checkbox label={name} description={examples.slice(0, 3).join(' · ')} checked={is !== undefined} onChange={(e) => set(e.currentTarget.checked ? {} : undefined)} />
      {is && (
        <div className={classes.fields}>
          <TextInput
            size="xs" label={t`Sensor of ${name}`} value={is.sensor} list="ww-sensors" onChange={(e) => set({ sensor: e.currentTarget.value })}
            description={known ? t`known: ${known.name ?? known.id}, ${unitOf(known.quantity)}` : t`will be made`}
          />
          <Select
            size="xs" label={t`It is`} allowDeselect={false} value={is.as} onChange={(v) => v !== null && set({ as: v })}
            data={[{ value: 'gauge', label: t`a measured value` }, { value: 'counter', label: t`what a counter shows` }, { value: 'amount', label: t`an amount per interval` }]}
          />
          <TextInput size="xs" label={t`Unit of ${name}`} placeholder="kWh" value={is.unit ?? ''} onChange={(e) => set({ unit: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
          {is.as === 'amount' && <TextInput size="xs" label={t`Interval of ${name}`} placeholder="15m" value={is.interval ?? ''} onChange={(e) => set({ interval: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />}
          {is.as === 'amount' && (
            <Select
              size="xs" label={t`Its time is`} allowDeselect={false} value={plan.stamp ?? 'begin'} onChange={(v) => v !== null && onPlan({ ...plan, stamp: v })}
              data={[{ value: 'begin', label: t`the begin of the interval` }, { value: 'end', label: t`the end of the interval` }]}
            />
          )}
        </div>
      )}
    </li>
  )
}

function Preview({ data: p }: { data: ImportPreview }) {
  const { t } = useLingui()
  return (
    <>
      <p>{t`${count(p.rows)} rows, times of ${p.zone}, ${count(p.refused)} values cannot be read.`}</p>
      {p.notes.map((n) => (
        <p key={n} className={classes.note}>
          {n}
        </p>
      ))}
      <Table
        label={t`What is in the file`}
        columns={[
          { name: t`Sensor` }, { name: t`Values`, number: true }, { name: t`From` }, { name: t`To` }, { name: t`Least`, number: true }, { name: t`Greatest`, number: true },
          { name: t`Gaps`, number: true }, { name: t`Twice`, number: true }, { name: t`Unreadable`, number: true },
        ]}
      >
        {p.series.map((s) => (
          <tr key={s.sensor}>
            <td>
              {s.sensor} {p.new.includes(s.sensor) && <span className={classes.dim}>{t`(new)`}</span>}
            </td>
            <td data-number="true">{count(s.count)}</td>
            <td>{s.from === undefined ? '–' : time(Date.parse(s.from), p.zone)}</td>
            <td>{s.to === undefined ? '–' : time(Date.parse(s.to), p.zone)}</td>
            <td data-number="true">{count(s.min)}</td>
            <td data-number="true">{count(s.max)}</td>
            <td data-number="true">{count(s.gaps)}</td>
            <td data-number="true">{count(s.twice)}</td>
            <td data-number="true">{count(s.refused)}</td>
          </tr>
        ))}
      </Table>
      {p.examples.length > 0 && (
        <ul className={classes.examples}>
          {p.examples.slice(0, 10).map((e, i) => (
            <li key={`${e.line ?? i}/${i}`}>
              {e.line !== undefined && t`Line ${e.line}: `}
              {e.reason}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
