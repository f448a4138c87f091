// The form of a model, of what its type has.

import { useLingui } from '@lingui/react/macro'
import { ActionIcon, Button, Checkbox, Group, Modal, MultiSelect, NumberInput, Select, Switch, TextInput, Textarea } from '@mantine/core'
import { IconPlus, IconTrash } from '@tabler/icons-react'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { change, create, type Gateway, type ModelKind, type Models, type Parameter, type ParameterType, type Source, type Stored } from '../api/manifests'
import { parameterIn } from '../lib/manifest'
import { read, written } from '../lib/wall'
import type { Catalogue } from './data'
import { ParameterFields } from './Fields'
import { useKinds } from './words'
import classes from './Manifests.module.css'

/** Any model as the form sees it. */
type Doc = Record<string, unknown>

const text = (v: unknown): string => (typeof v === 'string' ? v : '')
const texts = (v: unknown): string[] => (Array.isArray(v) ? v.filter((x): x is string => typeof x === 'string') : [])

/** Without words that hold nothing. */
function plain(d: Doc): Doc {
  return Object.fromEntries(Object.entries(d).filter(([, v]) => v !== '' && v !== undefined && v !== null && v !== false && !(Array.isArray(v) && v.length === 0)))
}

export function ModelForm<K extends ModelKind>({ kind, stored, catalogue, zone, onClose }: { kind: K; stored: Stored<Models[K]> | undefined; catalogue: Catalogue; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const kinds = useKinds()
  const client = useQueryClient()
  const [d, setD] = useState<Doc>(() => ({ ...(stored?.model as Doc | undefined) }))
  const set = (c: Doc) => setD((old) => ({ ...old, ...c }))
  const save = useMutation({
    mutationFn: async () => {
      const model = plain(d) as unknown as Models[K]
      try {
        return stored ? await change(kind, stored.model.id ?? '', model, stored.version) : await create(kind, model)
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has changed it meanwhile. Close this and look at it again.`, { cause: e })
        throw e
      }
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ['manifests'] }),
  })
  const wrong = save.error?.message ?? ''
  const named = parameterIn(wrong)
  const line = (key: string, label: string, more: { description?: string; required?: boolean; maxLength?: number; data?: string } = {}) => (
    <TextInput
      size="xs" label={label} description={more.description} required={more.required ?? false} withAsterisk={false} maxLength={more.maxLength ?? 200} autoComplete="off" value={text(d[key])}
      onChange={(e) => set({ [key]: e.currentTarget.value })}
    />
  )
  const choice = (key: string, label: string, data: { value: string; label: string }[], more: { required?: boolean; none?: string; description?: string } = {}) => (
    <Select
      size="xs" label={label} description={more.description} searchable limit={100} required={more.required ?? false} withAsterisk={false} data={more.none === undefined ? data : [{ value: '', label: more.none }, ...data]} nothingFoundMessage={t`There is none.`}
      value={text(d[key]) === '' ? (more.none === undefined ? null : '') : text(d[key])} onChange={(v) => set({ [key]: v ?? undefined })}
    />
  )
  const several = (key: string, label: string, data: { value: string; label: string }[]) => (
    <MultiSelect size="xs" label={label} searchable limit={100} required withAsterisk={false} data={data} value={texts(d[key])} onChange={(v) => set({ [key]: v })} />
  )
  const lines = (key: string, label: string) => (
    <Textarea size="xs" label={label} description={t`One in each line`} autosize minRows={1} value={texts(d[key]).join('\n')} onChange={(e) => set({ [key]: e.currentTarget.value === '' ? undefined : e.currentTarget.value.split('\n') })} />
  )
  const moment = (key: string, label: string) => (
    <TextInput
      size="xs" type="datetime-local" label={label} value={text(d[key]) === '' ? '' : written(Date.parse(text(d[key])), zone)}
      onChange={(e) => {
        const at = read(e.currentTarget.value, zone)
        set({ [key]: at === undefined ? undefined : new Date(at).toISOString() })
      }}
    />
  )
  const content = () => {
    switch (kind) {
      case 'interfaces': {
        const p = catalogue.protocol(text(d.protocol))
        return (
          <>
            {choice('protocol', t`Protocol`, catalogue.protocols.map((x) => ({ value: x.name, label: x.name })), { description: p?.summary ?? '' })}
            <Declared label={t`Parameters`} list={(d.parameters as Parameter[] | undefined) ?? []} of={p?.parameters ?? undefined} onChange={(parameters) => set({ parameters })} />
          </>
        )
      }
      case 'kinds':
        return (
          <>
            {line('quantityKind', t`Quantity`, { required: true, description: t`Like TotalRealPower` })}
            {line('unit', t`Unit`, { maxLength: 40, description: t`Like W or kWh` })}
            {line('modelType', t`Model type`, { maxLength: 100 })}
            {choice('format', t`Format`, ['json', 'text', 'senml', 'csv', 'dataset', 'observation'].map((x) => ({ value: x, label: x })), { none: 'json' })}
          </>
        )
      case 'source-definitions':
        return (
          <>
            {choice('interface', t`Data interface`, catalogue.interfaces.options, { required: true })}
            {several('kinds', t`Data kinds`, catalogue.kinds.options)}
          </>
        )
      case 'sources': {
        const parameters = catalogue.parametersOfSource(d as unknown as Source)
        const s = d as unknown as Source
        return (
          <>
            {choice('definition', t`Source definition`, catalogue.sourceDefinitions.options, { required: true })}
            {choice('gateway', t`Gateway`, catalogue.gateways.options, { none: t`the centre` })}
            {line('macAddress', t`MAC address`, { maxLength: 100 })}
            {parameters.length > 0 && <h3 className={classes.sub}>{t`Parameters`}</h3>}
            <ParameterFields parameters={parameters} values={s.parameters} said={named === undefined ? new Map<string, string>() : new Map([[named, wrong]])} may onChange={(v) => set({ parameters: v })} />
            <Switch size="sm" label={t`Switched off`} description={t`Nothing is read from it, nothing written to it`} checked={s.disabled === true} onChange={(e) => set({ disabled: e.currentTarget.checked })} />
          </>
        )
      }
      case 'gateways': {
        const g = d as unknown as Gateway
        const place = (c: Doc) => {
          const next = plain({ ...g.place, ...c })
          set({ place: Object.keys(next).length === 0 ? undefined : next })
        }
        return (
          <>
            {line('namespace', t`Namespace`, { required: true, description: t`No other gateway has it` })}
            {line('macAddress', t`MAC address`, { maxLength: 100 })}
            <TextInput size="xs" label={t`Place`} value={g.place?.virtual ?? ''} onChange={(e) => place({ virtual: e.currentTarget.value })} />
            <div className={classes.two}>
              <NumberInput size="xs" label={t`Latitude, ° north`} hideControls min={-90} max={90} value={g.place?.latitude ?? ''} onChange={(v) => place({ latitude: typeof v === 'number' ? v : undefined })} />
              <NumberInput size="xs" label={t`Longitude, ° east`} hideControls min={-180} max={180} value={g.place?.longitude ?? ''} onChange={(v) => place({ longitude: typeof v === 'number' ? v : undefined })} />
            </div>
            {line('routerURL', t`Address of its router`, { maxLength: 500, description: t`As it was said; it is never called` })}
            {line('engineURL', t`Address of its engine`, { maxLength: 500, description: t`As it was said; it is never called` })}
            {lines('additionalInformation', t`Further information`)}
          </>
        )
      }
      case 'consumers':
        return (
          <>
            {line('uri', t`URI`, { maxLength: 500 })}
            {line('macAddress', t`MAC address`, { maxLength: 100 })}
            {several('definitions', t`Works with`, catalogue.sourceDefinitions.options)}
          </>
        )
      case 'channels':
        return (
          <>
            {choice('source', t`Data source`, catalogue.sources.options, { required: true })}
            {choice('consumer', t`Data consumer`, catalogue.consumers.options, { required: true })}
            {line('uri', t`URI`, { maxLength: 500 })}
            <div className={classes.two}>
              {moment('validFrom', t`Valid from`)}
              {moment('validTo', t`Valid until`)}
            </div>
          </>
        )
      case 'definitions': {
        const type = catalogue.type(text(d.type))
        return (
          <>
            {choice('type', t`Type`, catalogue.types.map((x) => ({ value: x.name, label: x.name })), { required: true, description: type?.summary ?? '' })}
            {line('version', t`Version`, { maxLength: 40 })}
            <Declared label={t`Parameters that it narrows`} list={(d.parameters as Parameter[] | undefined) ?? []} of={type?.parameters ?? undefined} onChange={(parameters) => set({ parameters })} />
            {line('copyright', t`Copyright`, { maxLength: 500 })}
            {line('location', t`Location`, { maxLength: 500, description: t`As it was said; nothing is loaded from it` })}
            {lines('additionalInformation', t`Further information`)}
          </>
        )
      }
      default:
        return null
    }
  }
  const title = stored ? text((stored.model as unknown as Doc).name) : ''
  return (
    <Modal opened onClose={onClose} size="lg" title={`${kinds[kind]}: ${title === '' ? (stored ? t`change` : t`add`) : title}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          save.mutate()
        }}
      >
        {kind !== 'channels' && (
          <>
            <TextInput size="xs" label={t`Name`} required withAsterisk={false} maxLength={200} autoComplete="off" value={text(d.name)} onChange={(e) => set({ name: e.currentTarget.value })} data-autofocus />
            <Textarea size="xs" label={t`Description`} autosize minRows={1} maxLength={2000} value={text(d.description)} onChange={(e) => set({ description: e.currentTarget.value })} />
          </>
        )}
        {content()}
        {wrong !== '' && <p role="alert" className={classes.bad}>{wrong}</p>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={save.isPending}>{t`Save`}</Button>
        </Group>
      </form>
    </Modal>
  )
}

const types: ParameterType[] = ['string', 'int', 'float', 'bool', 'duration', 'expression', 'zone', 'unit', 'secret']

/** Parameters that a model declares; where what they narrow is known, only those. */
function Declared({ label, list, of, onChange }: { label: string; list: readonly Parameter[]; of: readonly Parameter[] | undefined; onChange: (l: Parameter[]) => void }) {
  const { t } = useLingui()
  const free = (of ?? []).filter((p) => !list.some((x) => x.name === p.name))
  const change = (at: number, c: Partial<Parameter>) => onChange(list.map((p, i) => (i === at ? (plain({ ...p, ...c }) as unknown as Parameter) : p)))
  return (
    <fieldset className={classes.declared}>
      <legend>{label}</legend>
      {list.map((p, i) => {
        const base = of?.find((x) => x.name === p.name)
        const name = p.name
        return (
          <div key={i} className={classes.parameter} role="group" aria-label={name}>
            {of === undefined ? <TextInput size="xs" label={t`Name`} value={p.name} onChange={(e) => onChange(list.map((x, k) => (k === i ? { ...x, name: e.currentTarget.value } : x)))} /> : <strong className={classes.parameterName}>{p.name}</strong>}
            {of === undefined && <Select size="xs" label={t`Type`} data={types} allowDeselect={false} value={p.type ?? 'string'} onChange={(v) => change(i, { type: v ?? 'string' })} />}
            <TextInput
              size="xs" label={t`Default`} placeholder={base?.default === undefined ? undefined : typeof base.default === 'string' ? base.default : JSON.stringify(base.default)} value={typeof p.default === 'string' ? p.default : p.default === undefined ? '' : JSON.stringify(p.default)}
              onChange={(e) => change(i, { default: e.currentTarget.value })}
            />
            <TextInput size="xs" label={t`Description`} placeholder={base?.description} value={p.description ?? ''} onChange={(e) => change(i, { description: e.currentTarget.value })} />
            <Checkbox size="xs" label={t`must be given`} checked={p.required === true} onChange={(e) => change(i, { required: e.currentTarget.checked })} />
            <ActionIcon variant="subtle" color="gray" aria-label={t`Remove the parameter ${name}`} onClick={() => onChange(list.filter((_, k) => k !== i))}>
              <IconTrash size={16} />
            </ActionIcon>
          </div>
        )
      })}
      {of === undefined ? (
        <Button size="compact-xs" variant="default" leftSection={<IconPlus size={13} aria-hidden="true" />} onClick={() => onChange([...list, { name: '' }])}>
          {t`Add a parameter`}
        </Button>
      ) : (
        free.length > 0 && <Select size="xs" aria-label={t`Narrow a parameter`} placeholder={t`Narrow a parameter`} searchable data={free.map((p) => p.name)} value={null} onChange={(v) => v !== null && onChange([...list, { name: v }])} />
      )}
    </fieldset>
  )
}
