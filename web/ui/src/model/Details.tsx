// The chosen thing: what it is called and how it counts, to be changed.

import { useLingui } from '@lingui/react/macro'
import { Button, NumberInput, Select, Switch, TextInput, Textarea } from '@mantine/core'
import { useState } from 'react'
import type { Known, Model } from '../api/client'
import type { Hierarchy, Sensor, Site } from '../api/generated/types.gen'
import { changedMember, Gone, same } from '../lib/edit'
import { unitsOf } from '../lib/quantities'
import { time } from '../lib/time'
import { counts } from '../lib/tree'
import { Panel } from '../part/Panel'
import { useQuantityNames } from '../part/quantities'
import classes from './Details.module.css'
import type { Edits } from './edits'
import type { Node } from './nodes'
import { quantities } from './quantities'

interface Common {
  model: Model
  edits: Edits
  may: boolean
}

/** A form of a thing; it is filled anew when the thing has changed and nobody has written into the form. */
function useDraft<T extends object>(is: T): [T, (change: Partial<T>) => void, boolean, () => void] {
  const [draft, setDraft] = useState<{ base: T; value: T }>({ base: is, value: is })
  const touched = !same(draft.base, draft.value)
  if (draft.base !== is && !touched && !same(draft.base, is)) setDraft({ base: is, value: is })
  return [draft.value, (c) => setDraft((d) => ({ ...d, value: { ...d.value, ...c } })), touched, () => setDraft({ base: is, value: is })]
}

/** Without the words that hold nothing. */
const plain = <T,>(x: T) => JSON.parse(JSON.stringify(x)) as T

/** Puts a thing unless somebody else has changed it since the form was opened. */
function put<T extends { id: string }>(kind: 'sensors' | 'groups' | 'hierarchies' | 'sites', base: T, next: T, changed: string) {
  return (m: Model) => {
    const now = m[kind].find((x) => x.id === base.id)
    if (!now) throw new Gone(base.id)
    if (!same(now, base)) throw new Error(changed)
    return { [kind]: [next] }
  }
}

function Save({ touched, onReset, busy }: { touched: boolean; onReset: () => void; busy: boolean }) {
  const { t } = useLingui()
  return (
    <div className={classes.buttons}>
      <Button type="submit" size="xs" disabled={!touched} loading={busy && touched}>
        {t`Save`}
      </Button>
      {touched && (
        <Button size="xs" variant="default" onClick={onReset}>
          {t`Do not change`}
        </Button>
      )}
    </div>
  )
}

function MemberForm({ node, edits, may }: Common & { node: Node }) {
  const { t } = useLingui()
  const { parent, thing, name } = node
  if (parent === undefined) return null
  return (
    <div className={classes.switches}>
      <Switch
        size="sm" disabled={!may} checked={node.sign < 0} label={t`Counts negative in its group`}
        onChange={(e) => {
          const sign = e.currentTarget.checked ? -1 : 1
          void edits.run({ label: sign < 0 ? t`${name} subtracted` : t`${name} added up`, plan: (m) => changedMember(m, parent, thing, { sign }) })
        }}
      />
      {thing.sensor !== undefined && (
        <Switch
          size="sm" disabled={!may} checked={node.meter} label={t`Is the meter of its group`} description={t`It is compared with the sum of the others and not part of it.`}
          onChange={(e) => {
            const meter = e.currentTarget.checked
            void edits.run({ label: meter ? t`${name} made the meter` : t`${name} made a member`, plan: (m) => changedMember(m, parent, thing, { meter }) })
          }}
        />
      )}
    </div>
  )
}

function useSites(model: Model) {
  const { t } = useLingui()
  return [{ value: '', label: t`None` }, ...model.sites.map((s) => ({ value: s.id, label: s.name ?? s.id }))]
}

export function SensorForm({ sensor, node, onDevice, ...common }: Common & { sensor: Known<Sensor>; node: Node | undefined; onDevice: () => void }) {
  const { t } = useLingui()
  const { model, edits, may } = common
  const [d, set, touched, reset] = useDraft(sensor)
  const sites = useSites(model)
  const zone = model.sites.find((s) => s.id === sensor.site)?.zone ?? 'UTC'
  const counter = counts(d)
  const units = unitsOf(d.quantity)
  const names = useQuantityNames()
  // The server says which kind is usual, and the coherent unit; both follow the quantity when that is changed.
  const setQuantity = (quantity: string) =>
    set({ quantity, unit: undefined, ...(d.kind === (counts({ quantity: d.quantity }) ? 'counter' : 'gauge') ? { kind: undefined } : {}) })
  const text = (key: 'name' | 'interval' | 'maxAge', label: string, description?: string) => (
    <TextInput size="xs" label={label} description={description} value={d[key] ?? ''} readOnly={!may} onChange={(e) => set({ [key]: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
  )
  const register = (key: 'maxRate' | 'width' | 'tolerance', label: string) => (
    <NumberInput
      size="xs" label={label} value={d.register?.[key] ?? ''} readOnly={!may} hideControls
      onChange={(v) => {
        const next = plain({ ...d.register, [key]: typeof v === 'number' ? v : undefined })
        set({ register: Object.keys(next).length === 0 ? undefined : next })
      }}
    />
  )
  return (
    <Panel title={sensor.name ?? sensor.id} note={t`Sensor ${sensor.id}`} height={300}>
      <MemberFormOf {...common} node={node} />
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          const next = plain(d)
          void edits.run({ label: t`Changed ${sensor.name ?? sensor.id}`, plan: put('sensors', sensor, next, t`the sensor was changed meanwhile; look at it again`) }).then((ok) => ok && reset())
        }}
      >
        {text('name', t`Name`)}
        <div className={classes.pair}>
          <Select size="xs" label={t`Quantity`} data={(quantities.includes(d.quantity) ? quantities : [d.quantity, ...quantities]).map((q) => ({ value: q, label: names[q] ?? q }))} value={d.quantity} readOnly={!may} allowDeselect={false} onChange={(v) => v !== null && setQuantity(v)} />
          <Select
            size="xs" label={t`Kind`} value={d.kind ?? ''} readOnly={!may} allowDeselect={false} onChange={(v) => set({ kind: v === 'gauge' || v === 'counter' ? v : undefined })}
            data={[{ value: '', label: t`As usual` }, { value: 'gauge', label: t`Gauge` }, { value: 'counter', label: t`Counter` }]}
          />
        </div>
        <div className={classes.pair}>
          <Select
            size="xs" label={t`Unit shown`} placeholder={units[0] ?? ''} data={d.unit === undefined || units.includes(d.unit) ? units : [d.unit, ...units]} value={d.unit ?? null} readOnly={!may}
            allowDeselect={false} searchable onChange={(v) => set({ unit: v ?? undefined })}
          />
          <Select size="xs" label={t`Site`} data={sites} value={d.site ?? ''} readOnly={!may} allowDeselect={false} onChange={(v) => set({ site: v === null || v === '' ? undefined : v })} />
        </div>
        <div className={classes.pair}>
          {text('interval', t`Interval`, t`Like 10s or 15m; 1m if empty`)}
          {text('maxAge', t`Max age`, t`Or: unlimited; 3 intervals if empty`)}
        </div>
        {counter && (
          <>
            <div className={classes.pair}>
              {register('maxRate', t`Most per hour`)}
              {register('width', t`Begins anew at`)}
            </div>
            {register('tolerance', t`Step back allowed`)}
          </>
        )}
        {(d.formula !== undefined || (d.devices ?? []).length === 0) && (
          <Textarea
            size="xs" label={t`Formula`} description={t`Only of a virtual sensor, like sensor('grid') + sensor('roof')`} autosize minRows={1} value={d.formula ?? ''} readOnly={!may}
            onChange={(e) => set({ formula: e.currentTarget.value === '' ? undefined : e.currentTarget.value })}
          />
        )}
        {may && <Save touched={touched} onReset={reset} busy={edits.busy} />}
      </form>
      <h3 className={classes.sub}>{t`Devices`}</h3>
      {(sensor.devices ?? []).length === 0 ? (
        <p className={classes.none}>{t`No device is noted.`}</p>
      ) : (
        <ul className={classes.devices}>
          {(sensor.devices ?? []).map((x) => {
            const from = Date.parse(x.from) > 0 ? time(Date.parse(x.from), zone, 'moment') : '…'
            const to = x.to === undefined ? t`now` : time(Date.parse(x.to), zone, 'moment')
            return (
              <li key={x.from}>
                <strong>{x.serial ?? x.description ?? t`unknown device`}</strong>
                <span>{t`${from} to ${to}`}</span>
              </li>
            )
          })}
        </ul>
      )}
      {may && d.formula === undefined && (
        <Button size="xs" variant="default" onClick={onDevice} mt="xs">
          {t`Replace the device…`}
        </Button>
      )}
    </Panel>
  )
}

function MemberFormOf({ node, ...common }: Common & { node: Node | undefined }) {
  return node ? <MemberForm {...common} node={node} /> : null
}

export function GroupForm({ node, hierarchy, ...common }: Common & { node: Node; hierarchy: Known<Hierarchy> }) {
  const { t } = useLingui()
  const { model, edits, may } = common
  const id = node.thing.group ?? ''
  const group = model.groups.find((g) => g.id === id)
  const isRoot = hierarchy.root === id
  return (
    <Panel title={node.name} note={t`Group ${id}`} height={300}>
      <MemberForm {...common} node={node} />
      {group && <NameForm key={group.id} kind="groups" thing={group} {...common} />}
      {isRoot && (
        <>
          <h3 className={classes.sub}>{t`Hierarchy ${hierarchy.id}`}</h3>
          <HierarchyForm key={hierarchy.id} hierarchy={hierarchy} model={model} edits={edits} may={may} />
        </>
      )}
    </Panel>
  )
}

function NameForm({ kind, thing, edits, may }: Common & { kind: 'groups'; thing: Known<{ id?: string; name?: string }> }) {
  const { t } = useLingui()
  const [d, set, touched, reset] = useDraft(thing)
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault()
        const name = d.name ?? ''
        void edits
          .run({
            label: t`Renamed ${thing.name ?? thing.id}`,
            plan: (m) => {
              const now = m[kind].find((x) => x.id === thing.id)
              if (!now) throw new Gone(thing.id)
              return { [kind]: [{ ...now, name }] }
            },
          })
          .then((ok) => ok && reset())
      }}
    >
      <TextInput size="xs" label={t`Name`} value={d.name ?? ''} readOnly={!may} onChange={(e) => set({ name: e.currentTarget.value })} />
      {may && <Save touched={touched} onReset={reset} busy={edits.busy} />}
    </form>
  )
}

function HierarchyForm({ hierarchy, model, edits, may }: Common & { hierarchy: Known<Hierarchy> }) {
  const { t } = useLingui()
  const [d, set, touched, reset] = useDraft(hierarchy)
  const sites = useSites(model)
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault()
        const next = plain(d)
        void edits.run({ label: t`Changed hierarchy ${hierarchy.name ?? hierarchy.id}`, plan: put('hierarchies', hierarchy, next, t`the hierarchy was changed meanwhile; look at it again`) }).then((ok) => ok && reset())
      }}
    >
      <TextInput size="xs" label={t`Name of the hierarchy`} value={d.name ?? ''} readOnly={!may} onChange={(e) => set({ name: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
      <div className={classes.pair}>
        <Select size="xs" label={t`Site`} data={sites} value={d.site ?? ''} readOnly={!may} allowDeselect={false} onChange={(v) => set({ site: v === null || v === '' ? undefined : v })} />
        <TextInput size="xs" label={t`Tick`} placeholder="1s" value={d.tick ?? ''} readOnly={!may} onChange={(e) => set({ tick: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
      </div>
      {may && <Save touched={touched} onReset={reset} busy={edits.busy} />}
    </form>
  )
}

export function SiteForm({ site, edits, may }: Common & { site: Known<Site> }) {
  const { t } = useLingui()
  const [d, set, touched, reset] = useDraft(site)
  return (
    <form
      className={classes.form}
      onSubmit={(e) => {
        e.preventDefault()
        const next = plain(d)
        void edits.run({ label: t`Changed site ${site.name ?? site.id}`, plan: put('sites', site, next, t`the site was changed meanwhile; look at it again`) }).then((ok) => ok && reset())
      }}
    >
      <div className={classes.pair}>
        <TextInput size="xs" label={t`Name of site ${site.id}`} value={d.name ?? ''} readOnly={!may} onChange={(e) => set({ name: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
        <TextInput size="xs" label={t`Time zone of site ${site.id}`} value={d.zone ?? ''} readOnly={!may} placeholder="UTC" onChange={(e) => set({ zone: e.currentTarget.value === '' ? undefined : e.currentTarget.value })} />
      </div>
      {may && <Save touched={touched} onReset={reset} busy={edits.busy} />}
    </form>
  )
}
