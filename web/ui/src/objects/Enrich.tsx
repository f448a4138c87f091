// What people say of an object beyond the model: where it is, what it is, how
// many members it needs.

import { useLingui } from '@lingui/react/macro'
import { Autocomplete, Button, Checkbox, NumberInput, Select, TagsInput, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { enrich, objects, spaces, takeBack, type Detail, type Enrichment } from '../api/objects'
import { same } from '../lib/edit'
import { usualClasses } from '../lib/objects'
import { time } from '../lib/time'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import classes from './Objects.module.css'

/** Without what says nothing. */
function tidy(e: Enrichment): Enrichment {
  return Object.fromEntries((Object.entries(e) as [string, unknown][]).filter(([k, v]) => k !== 'object' && v !== undefined && v !== '' && v !== null && v !== 0 && v !== false && !(Array.isArray(v) && v.length === 0)))
}

export function Enrich({ object: o, etag, zone, may }: { object: Detail; etag: string | undefined; zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const newest = { version: o.enrichment?.version ?? 0, etag, said: tidy(o.enrichment?.enrichment ?? {}) }
  // What the draft is made of: it stays, also when somebody else says something meanwhile.
  const [base, setBase] = useState(newest)
  const [e, setE] = useState<Enrichment>(newest.said)
  const touched = !same(tidy(e), base.said)
  if (newest.version !== base.version && (!touched || same(tidy(e), newest.said))) {
    setBase(newest)
    setE(newest.said)
  }
  const [others, setOthers] = useState('')
  const places = useQuery({ queryKey: ['objects', 'spaces'], queryFn: ({ signal }) => spaces(signal), staleTime: 30_000, retry: 1 })
  const found = useQuery({ queryKey: ['objects', 'names', others], queryFn: ({ signal }) => objects({ search: others === '' ? undefined : others }, undefined, signal), staleTime: 30_000, retry: 1 })
  const ids = (found.data?.objects ?? []).map((x) => x.id)
  const settle = () => client.invalidateQueries({ queryKey: ['objects'] })
  const said = (err: Error) => (err instanceof ApiError && err.status === 412 ? t`Somebody has changed this meanwhile. Look at it again.` : err.message)
  const save = useMutation({
    mutationFn: () => enrich(o.id, tidy(e), base.etag),
    onSuccess: () => {
      tell({ message: t`Saved.` })
      return settle()
    },
  })
  const drop = useMutation({ mutationFn: () => takeBack(o.id, etag), onSuccess: settle, onError: (err) => tell({ bad: true, title: t`Not removed`, message: said(err) }) })
  const set = (c: Partial<Enrichment>) => setE((old) => ({ ...old, ...c }))
  const behind = touched && newest.version !== base.version
  const kind = e.restriction?.kind
  return (
    <Panel
      title={t`What is said of it`} height={200} note={o.enrichment ? t`version ${o.enrichment.version}, ${time(Date.parse(o.enrichment.changed), zone)} by ${o.enrichment.changedBy}` : t`nothing beyond the model`}
    >
      {(o.faults ?? []).length > 0 && (
        <ul className={classes.bads} aria-label={t`What is wrong with it`}>
          {(o.faults ?? []).map((f) => (
            <li key={f}>{f}</li>
          ))}
        </ul>
      )}
      <form
        className={classes.form}
        onSubmit={(ev) => {
          ev.preventDefault()
          if (may && touched) save.mutate()
        }}
      >
        <div className={classes.fields}>
          <Autocomplete size="xs" label={t`Class`} placeholder={o.class} data={[...usualClasses]} limit={12} maxLength={200} value={e.class ?? ''} readOnly={!may} onChange={(v) => set({ class: v })} />
          <Select
            size="xs" label={t`Space`} placeholder={o.space ?? t`its site`} searchable clearable clearButtonProps={{ 'aria-label': t`As usual` }} limit={200} nothingFoundMessage={t`There is none.`} readOnly={!may}
            data={(places.data?.value.spaces ?? []).map((x) => ({ value: x.id, label: x.name ?? x.id }))} value={e.space === undefined || e.space === '' ? null : e.space} onChange={(v) => set({ space: v ?? '' })}
          />
          <TextInput size="xs" label={t`Device`} placeholder={o.device} maxLength={500} value={e.device ?? ''} readOnly={!may} onChange={(ev) => set({ device: ev.currentTarget.value })} />
          <TextInput size="xs" label={t`Horizon`} description={t`how long earlier values may stand in`} placeholder={o.horizon} value={e.horizon ?? ''} readOnly={!may} onChange={(ev) => set({ horizon: ev.currentTarget.value })} />
          <Autocomplete size="xs" label={t`Feeds`} description={t`where its energy goes`} placeholder="group/hall1" data={ids} limit={12} filter={({ options }) => options} maxLength={210} value={e.feeds ?? ''} readOnly={!may} onChange={(v) => { setOthers(v.replace(/^(sensor|group)\//, '')); set({ feeds: v }) }} />
          {!o.composite && (
            <>
              <Autocomplete size="xs" label={t`Replica`} description={t`a sensor that measures the same`} placeholder="sensor/boiler-2" data={ids.filter((x) => x.startsWith('sensor/') && x !== o.id)} limit={12} filter={({ options }) => options} maxLength={210} value={e.replica ?? ''} readOnly={!may} onChange={(v) => { setOthers(v.replace(/^(sensor|group)\//, '')); set({ replica: v }) }} />
              <NumberInput size="xs" label={t`Capacity`} description={t`services that may use it at once; 0: any number`} min={0} max={1_000_000} allowDecimal={false} hideControls value={e.capacity ?? 0} readOnly={!may} onChange={(v) => set({ capacity: typeof v === 'number' ? v : 0 })} />
            </>
          )}
          {o.composite && (
            <>
              <Select
                size="xs" label={t`Members it needs`} allowDeselect={false} readOnly={!may} data={[{ value: '', label: t`as usual: one` }, { value: 'all', label: t`all` }, { value: 'min', label: t`at least so many` }, { value: 'some', label: t`one` }]} value={kind ?? ''}
                onChange={(v) => setE((old) => { const next = { ...old }; if (v === null || v === '') delete next.restriction; else next.restriction = { kind: v, ...(v === 'min' ? { k: old.restriction?.k ?? 1 } : {}) }; return next })}
              />
              {kind === 'min' && <NumberInput size="xs" label={t`At least`} min={1} max={1_000_000} allowDecimal={false} hideControls value={e.restriction?.k ?? 1} readOnly={!may} onChange={(v) => set({ restriction: { kind: 'min', k: typeof v === 'number' ? v : 1 } })} />}
              <TagsInput size="xs" label={t`Members it cannot do without`} data={o.children ?? []} limit={20} maxTags={1000} value={e.critical ?? []} readOnly={!may} onChange={(v) => set({ critical: v })} />
            </>
          )}
        </div>
        <Checkbox size="xs" label={t`It is written to, by one service at a time`} checked={e.actuator ?? false} disabled={!may} onChange={(ev) => set({ actuator: ev.currentTarget.checked })} />
        {behind ? <p role="alert" className={classes.bad}>{t`Somebody has changed this meanwhile. Look at it again.`}</p> : save.error && <p role="alert" className={classes.bad}>{t`Not saved: ${said(save.error)}`}</p>}
        {may && (
          <div className={classes.buttons}>
            {behind ? (
              <Button
                size="xs" onClick={() => {
                  save.reset()
                  setBase(newest)
                  setE(newest.said)
                }}
              >
                {t`Load it again`}
              </Button>
            ) : (
              <Button type="submit" size="xs" disabled={!touched} loading={save.isPending}>
                {t`Save`}
              </Button>
            )}
            {o.enrichment && (
              <Button size="xs" variant="default" loading={drop.isPending} onClick={() => drop.mutate()}>
                {t`Take all of it back`}
              </Button>
            )}
          </div>
        )}
      </form>
    </Panel>
  )
}
