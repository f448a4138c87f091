// Registers a household: the whole questionnaire, looked at as it is typed.

import { useLingui } from '@lingui/react/macro'
import { ActionIcon, Autocomplete, Button, SegmentedControl, Select, TextInput, Textarea } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useRef, useState } from 'react'
import { registerHousehold } from '../api/survey'
import { emptyQuestionnaire, faultsOf, faultsSaid, registrationOf, type Fault, type Faults, type Questionnaire } from '../lib/questionnaire'
import { Panel } from '../part/Panel'
import { Tokens } from './Tokens'
import classes from './Survey.module.css'

/** Meters of which is known how they are read. */
const models = ['MT681', 'MT175', 'EHZ', 'DD3', 'EASY']

function useSaid(): (f: Fault | undefined) => string | undefined {
  const { t } = useLingui()
  return (f) => {
    switch (f?.is) {
      case undefined: return undefined
      case 'needed': return t`This is needed.`
      case 'email': return t`This is no e-mail address.`
      case 'country': return t`Two capital letters, as DE.`
      case 'number': return t`This is no number.`
      case 'whole': return t`This is no whole number.`
      case 'range': return t`Between ${f.least} and ${f.most}.`
      case 'date': return t`This is no date from 1950 on.`
      case 'twice': return t`Another one is called so.`
      case 'both': return t`A place has both.`
      case 'employed': return t`More than there are adults.`
      case 'said': return f.text
    }
  }
}

export function Register({ zone }: { zone: string }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const navigate = useNavigate()
  const say = useSaid()
  const [q, setQ] = useState<Questionnaire>(emptyQuestionnaire)
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const [all, setAll] = useState(false) // somebody wanted to send it
  const [said, setSaid] = useState<{ faults: Faults; rest: string }>({ faults: {}, rest: '' })
  const key = useRef(10)
  const form = useRef<HTMLFormElement>(null)
  const found = faultsOf(q)
  const send = useMutation({
    mutationFn: () => registerHousehold(registrationOf(q)),
    onError: (e) => setSaid(faultsSaid(q, e.message)),
    onSuccess: () => client.invalidateQueries({ queryKey: ['survey'] }),
  })
  const change = (part: Partial<Questionnaire>) => {
    setQ((old) => ({ ...old, ...part }))
    setSaid({ faults: {}, rest: '' })
  }
  /** What a field is given: what is missing is said when the field was left, what is wrong at once. */
  const field = (name: string, value: string, set: (v: string) => void) => {
    const fault = said.faults[name] ?? found[name]
    const shown = fault && (all || left.has(name) || (fault.is !== 'needed' && fault.is !== 'both' && fault.is !== 'email' && fault.is !== 'country')) ? say(fault) : undefined
    return { value, error: shown, onChange: (e: { currentTarget: { value: string } }) => set(e.currentTarget.value), onBlur: () => setLeft((old) => new Set([...old, name])) }
  }
  const own = (name: 'name' | 'email' | 'phone' | 'note' | 'street' | 'postcode' | 'city' | 'country' | 'latitude' | 'longitude' | 'children' | 'adults' | 'employedAdults') =>
    field(name, q[name], (v) => change({ [name]: v }))
  const next = () => (key.current += 1)
  const close = () => void navigate({ to: '.', search: (old) => ({ ...old, home: undefined }) })
  const wrong = Object.keys(found).length
  const questions = [['charger', t`Charger for an electric car`], ['heatPump', t`Heat pump`], ['battery', t`Battery`]] as const
  return (
    <form
      ref={form} className={classes.form} noValidate aria-label={t`Register a household`}
      onSubmit={(e) => {
        e.preventDefault()
        setAll(true)
        if (wrong === 0) send.mutate()
        else requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus())
      }}
    >
      <div className={classes.two}>
        <Panel title={t`Participant`} height={180}>
          <div className={classes.fields}>
            <TextInput label={t`Name`} maxLength={200} autoComplete="off" {...own('name')} />
            <TextInput label={t`E-mail`} type="email" maxLength={200} autoComplete="off" {...own('email')} />
            <TextInput label={t`Telephone`} type="tel" maxLength={60} autoComplete="off" {...own('phone')} />
            <Textarea className={classes.wide} label={t`Note`} description={t`For those who look after the survey`} maxLength={2000} autosize minRows={2} {...own('note')} />
          </div>
        </Panel>
        <Panel title={t`Address and place`} height={180}>
          <div className={classes.fields}>
            <TextInput className={classes.wide} label={t`Street and number`} maxLength={200} autoComplete="off" {...own('street')} />
            <TextInput label={t`Postcode`} maxLength={20} autoComplete="off" {...own('postcode')} />
            <TextInput label={t`City`} maxLength={200} autoComplete="off" {...own('city')} />
            <TextInput label={t`Country`} maxLength={2} autoComplete="off" {...own('country')} />
            <TextInput label={t`Latitude, ° north`} placeholder="54.32" inputMode="decimal" autoComplete="off" {...own('latitude')} />
            <TextInput label={t`Longitude, ° east`} placeholder="10.14" inputMode="decimal" autoComplete="off" {...own('longitude')} />
          </div>
          <p className={classes.text} style={{ marginTop: '0.7rem' }}>{t`Contact, address and place are deleted when the consent is revoked; another place is drawn at random then. Without a place none is left.`}</p>
        </Panel>
      </div>
      <Panel title={t`Who and what is there`} height={120}>
        <div className={classes.fields}>
          <TextInput label={t`Children`} inputMode="numeric" autoComplete="off" {...own('children')} />
          <TextInput label={t`Adults`} inputMode="numeric" autoComplete="off" {...own('adults')} />
          <TextInput label={t`Employed adults`} inputMode="numeric" autoComplete="off" {...own('employedAdults')} />
          {questions.map(([name, label]) => (
            <fieldset key={name} className={classes.choice}>
              <legend>{label}</legend>
              <SegmentedControl
                size="sm" fullWidth aria-label={label} value={q[name]} onChange={(v) => change({ [name]: v })}
                data={[{ value: '', label: t`not said` }, { value: 'no', label: t`no` }, { value: 'yes', label: t`yes` }]}
              />
            </fieldset>
          ))}
        </div>
      </Panel>
      <Panel
        title={t`PV systems`} height={60}
        actions={
          <Button size="compact-sm" variant="default" leftSection={<IconPlus size={15} aria-hidden="true" />} disabled={q.pvs.length >= 20} onClick={() => {
            const k = next()
            change({ pvs: [...q.pvs, { key: k, name: `PV ${q.pvs.length + 1}`, power: '', azimuth: '', tilt: '', installed: '' }] })
          }}>
            {t`Add a PV system`}
          </Button>
        }
      >
        {q.pvs.length === 0 && <p className={classes.text}>{t`There is none.`}</p>}
        {q.pvs.map((p, i) => {
          const set = (part: Partial<typeof p>) => change({ pvs: q.pvs.map((x) => (x.key === p.key ? { ...x, ...part } : x)) })
          return (
            <fieldset key={p.key} className={classes.thing}>
              <legend>{t`PV system ${i + 1}`}</legend>
              <div className={classes.fields}>
                <TextInput label={t`Name`} maxLength={200} autoComplete="off" {...field(`pvs.${p.key}.name`, p.name, (name) => set({ name }))} />
                <TextInput label={t`Nominal power, kW`} inputMode="decimal" autoComplete="off" {...field(`pvs.${p.key}.power`, p.power, (power) => set({ power }))} />
                <TextInput label={t`Azimuth, °`} placeholder={t`180 is south`} inputMode="decimal" autoComplete="off" {...field(`pvs.${p.key}.azimuth`, p.azimuth, (azimuth) => set({ azimuth }))} />
                <TextInput label={t`Tilt, °`} placeholder={t`0 is flat`} inputMode="decimal" autoComplete="off" {...field(`pvs.${p.key}.tilt`, p.tilt, (tilt) => set({ tilt }))} />
                <TextInput label={t`Installed`} type="date" {...field(`pvs.${p.key}.installed`, p.installed, (installed) => set({ installed }))} />
                <Remove label={t`Remove PV system ${i + 1}`} onClick={() => change({ pvs: q.pvs.filter((x) => x.key !== p.key), meters: q.meters.map((m) => (m.pv === String(p.key) ? { ...m, pv: '' } : m)) })} />
              </div>
            </fieldset>
          )
        })}
      </Panel>
      <Panel
        title={t`Meters`} height={100}
        actions={
          <Button size="compact-sm" variant="default" leftSection={<IconPlus size={15} aria-hidden="true" />} disabled={q.meters.length >= 20} onClick={() => {
            const k = next()
            change({ meters: [...q.meters, { key: k, model: '', name: '', serial: '', pv: '' }] })
          }}>
            {t`Add a meter`}
          </Button>
        }
      >
        {q.meters.map((m, i) => {
          const set = (part: Partial<typeof m>) => change({ meters: q.meters.map((x) => (x.key === m.key ? { ...x, ...part } : x)) })
          const model = field(`meters.${m.key}.model`, m.model, () => undefined)
          return (
            <fieldset key={m.key} className={classes.thing}>
              <legend>{t`Meter ${i + 1}`}</legend>
              <div className={classes.fields}>
                <Autocomplete label={t`Model`} required withAsterisk={false} maxLength={60} data={models} value={m.model} error={model.error} onBlur={model.onBlur} onChange={(v) => set({ model: v })} />
                <TextInput label={t`Name`} maxLength={200} autoComplete="off" {...field(`meters.${m.key}.name`, m.name, (name) => set({ name }))} />
                <TextInput label={t`Serial number`} maxLength={60} autoComplete="off" {...field(`meters.${m.key}.serial`, m.serial, (serial) => set({ serial }))} />
                <Select
                  label={t`PV system on it`} clearable placeholder={t`none`} disabled={q.pvs.length === 0} value={m.pv === '' ? null : m.pv} onChange={(v) => set({ pv: v ?? '' })}
                  data={q.pvs.map((p, n) => ({ value: String(p.key), label: p.name.trim() === '' ? t`PV system ${n + 1}` : p.name }))}
                />
                {q.meters.length > 1 && <Remove label={t`Remove meter ${i + 1}`} onClick={() => change({ meters: q.meters.filter((x) => x.key !== m.key) })} />}
              </div>
            </fieldset>
          )
        })}
      </Panel>
      <Panel
        title={t`Measurement devices`} height={70}
        actions={
          <Button size="compact-sm" variant="default" leftSection={<IconPlus size={15} aria-hidden="true" />} disabled={q.devices.length >= 20} onClick={() => {
            const k = next()
            change({ devices: [...q.devices, { key: k, name: `edge ${q.devices.length + 1}` }] })
          }}>
            {t`Add a device`}
          </Button>
        }
      >
        <div className={classes.fields}>
          {q.devices.map((d, i) => (
            <TextInput
              key={d.key} label={t`Device ${i + 1}`} maxLength={200} autoComplete="off"
              {...field(`devices.${d.key}.name`, d.name, (name) => change({ devices: q.devices.map((x) => (x.key === d.key ? { ...x, name } : x)) }))}
              rightSection={
                q.devices.length > 1 && (
                  <ActionIcon variant="subtle" color="gray" aria-label={t`Remove device ${i + 1}`} onClick={() => change({ devices: q.devices.filter((x) => x.key !== d.key) })}>
                    <IconTrash size={16} />
                  </ActionIcon>
                )
              }
            />
          ))}
        </div>
      </Panel>
      <div className={classes.end}>
        {send.error && (
          <p role="alert" className={classes.bad}>
            {said.rest !== '' ? said.rest : t`The survey does not take this; see the fields that are marked.`}
          </p>
        )}
        {all && wrong > 0 && <p role="alert" className={classes.bad}>{t`Something is wrong or missing; see the fields that are marked.`}</p>}
        <Button variant="default" onClick={close}>{t`Cancel`}</Button>
        <Button type="submit" loading={send.isPending}>{t`Register`}</Button>
      </div>
      {send.data && (
        <Tokens
          title={t`The household is registered`} tokens={send.data.tokens ?? []} zone={zone} names={(id) => send.data.household.devices?.find((d) => d.id === id)?.name ?? id}
          onClose={() => void navigate({ to: '.', search: (old) => ({ ...old, home: send.data.household.id }) })}
        />
      )}
    </form>
  )
}

function Remove({ label, onClick }: { label: string; onClick: () => void }) {
  const { t } = useLingui()
  return (
    <Button variant="subtle" color="gray" size="compact-sm" leftSection={<IconTrash size={15} aria-hidden="true" />} aria-label={label} onClick={onClick} style={{ justifySelf: 'start', alignSelf: 'end' }}>
      {t`Remove`}
    </Button>
  )
}
