// Fields made of what parameters say of themselves: their type, their unit,
// what they may be, what they are when nobody says anything.

import { useLingui } from '@lingui/react/macro'
import { Autocomplete, NumberInput, Select, TextInput, Textarea } from '@mantine/core'
import { useMemo } from 'react'
import type { Parameter, Values } from '../api/manifests'
import { faultOf, withValue, type FieldFault } from '../lib/manifest'
import classes from './Manifests.module.css'

function useSaid(): (f: FieldFault | undefined) => string | undefined {
  const { t } = useLingui()
  return (f) => {
    switch (f?.is) {
      case undefined: return undefined
      case 'needed': return t`This is needed.`
      case 'number': return t`This is no number.`
      case 'whole': return t`This is no whole number.`
      case 'least': return t`At least ${f.bound}.`
      case 'most': return t`At most ${f.bound}.`
      case 'duration': return t`Write it as 30s, 15m, 1h or 1d.`
    }
  }
}

const shown = (v: unknown): string => (v === undefined || v === null ? '' : typeof v === 'string' ? v : JSON.stringify(v))

export interface ParameterFieldsProps {
  parameters: readonly Parameter[]
  values: Values | null | undefined
  /** What the server says of single values, by their names. */
  said?: ReadonlyMap<string, string>
  may: boolean
  onChange: (v: Values | undefined) => void
}

export function ParameterFields({ parameters, values, said, may, onChange }: ParameterFieldsProps) {
  const { t } = useLingui()
  const strange = Object.keys(values ?? {}).filter((name) => !parameters.some((p) => p.name === name))
  return (
    <div className={classes.fields}>
      {parameters.map((p) => (
        <ParameterField key={p.name} parameter={p} value={values?.[p.name]} said={said?.get(p.name)} may={may} onChange={(v) => onChange(withValue(values, p.name, v))} />
      ))}
      {/* What a type no longer has is shown, so that it can be taken away. */}
      {strange.map((name) => (
        <TextInput key={name} size="xs" label={name} error={said?.get(name) ?? t`There is no such parameter; empty it.`} value={shown(values?.[name])} readOnly={!may} onChange={(e) => onChange(withValue(values, name, e.currentTarget.value))} />
      ))}
    </div>
  )
}

function ParameterField({ parameter: p, value, said, may, onChange }: { parameter: Parameter; value: unknown; said: string | undefined; may: boolean; onChange: (v: unknown) => void }) {
  const { t } = useLingui()
  const say = useSaid()
  const usual = shown(p.default)
  const zones = useMemo(() => (p.type === 'zone' ? Intl.supportedValuesOf('timeZone') : []), [p.type])
  const label = p.measure === undefined || p.measure === '' ? p.name : `${p.name} (${p.measure})`
  const common = {
    size: 'xs', label, description: p.description, readOnly: !may, required: p.required === true && usual === '', withAsterisk: p.required === true && usual === '',
    error: said ?? say(faultOf(p, value)), placeholder: usual === '' ? undefined : usual,
  } as const
  const choices = p.oneOf ?? []
  if (choices.length > 0) {
    return <Select {...common} data={choices} value={value === undefined ? null : shown(value)} clearable={p.required !== true || usual !== ''} clearButtonProps={{ 'aria-label': t`As usual` }} onChange={(v) => onChange(v ?? undefined)} />
  }
  switch (p.type) {
    case 'bool':
      return (
        <Select
          {...common} data={[{ value: 'true', label: t`yes` }, { value: 'false', label: t`no` }]} value={value === undefined ? null : shown(value)} clearable clearButtonProps={{ 'aria-label': t`As usual` }}
          placeholder={usual === 'true' ? t`yes` : usual === 'false' ? t`no` : undefined} onChange={(v) => onChange(v === null ? undefined : v === 'true')}
        />
      )
    case 'int':
    case 'float':
      return <NumberInput {...common} value={value === undefined ? '' : (value as number | string)} allowDecimal={p.type === 'float'} hideControls onChange={(v) => onChange(v === '' ? undefined : v)} />
    case 'expression':
      return <Textarea {...common} autosize minRows={1} maxRows={8} spellCheck={false} classNames={{ input: classes.code ?? '' }} value={shown(value)} onChange={(e) => onChange(e.currentTarget.value)} />
    case 'zone':
      return <Autocomplete {...common} data={zones} limit={30} value={shown(value)} onChange={onChange} />
    case 'secret':
      return <TextInput {...common} description={p.description === undefined || p.description === '' ? t`The name of a file of the directory of secrets; its content never comes here.` : p.description} autoComplete="off" value={shown(value)} onChange={(e) => onChange(e.currentTarget.value)} />
    case undefined:
    case 'string':
    case 'duration':
    case 'unit':
      return <TextInput {...common} autoComplete="off" value={shown(value)} onChange={(e) => onChange(e.currentTarget.value)} />
  }
}
