// The rules by which alerts are raised.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, JsonInput, Modal, NumberInput, SegmentedControl, Select, Switch, TextInput, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { deleteRule, putRule, rules } from '../api/alerts'
import { ApiError } from '../api/client'
import type { Rule, StoredRule } from '../api/generated/types.gen'
import { newID } from '../lib/edit'
import { text, unitOf } from '../lib/format'
import { emptyRule, formOf, ruleOf, scale, type FormKind, type RuleForm } from '../lib/rule'
import { time } from '../lib/time'
import type { Index } from '../lib/tree'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Alerts.module.css'

function useKinds(): Record<Rule['condition']['kind'], string> {
  const { t } = useLingui()
  return {
    above: t`Above a limit`, below: t`Below a limit`, missing: t`Data missing`, demand: t`Demand limit`, budget: t`Budget`, coverage: t`Coverage`, power_factor: t`Power factor`,
    deviation: t`Not as usual`, external: t`From outside`,
  }
}

const unitFor = (index: Index, subject: string): string => {
  const [kind, ...id] = subject.split(':')
  return kind === 'sensor' ? unitOf(index.sensor(id.join(':')).quantity) : 'W'
}

const subjectOf = (r: Rule): string => (r.subject?.sensor ? `sensor:${r.subject.sensor}` : r.subject?.group ? `group:${r.subject.group}` : r.subject?.below ? `below:${r.subject.below}` : '')

export function Rules({ index, zone, may }: { index: Index; zone: string; may: boolean }) {
  const { t } = useLingui()
  const kinds = useKinds()
  const client = useQueryClient()
  const asked = useQuery({ queryKey: ['alert-rules'], queryFn: ({ signal }) => rules(signal) })
  const [edited, setEdited] = useState<StoredRule | 'new'>()
  const [question, setQuestion] = useState<Question>()
  const remove = useMutation({
    mutationFn: (id: string) => deleteRule(id),
    onError: (e) => tell({ bad: true, title: t`Not removed`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['alert-rules'] }),
  })
  const list = asked.data?.rules ?? []
  const said = (s: string) => {
    const [kind, ...rest] = s.split(':')
    const id = rest.join(':')
    if (kind === 'sensor') return index.sensor(id).name ?? id
    const name = index.groupName(id)
    return kind === 'below' ? t`each sensor below ${name}` : name
  }
  const limit = (r: Rule) => {
    const c = r.condition
    if (c.limit === undefined) return '–'
    const unit = c.kind === 'budget' ? (c.of === 'cost' ? '' : 'Wh') : c.kind === 'coverage' || c.kind === 'power_factor' || c.kind === 'deviation' ? '' : unitFor(index, subjectOf(r))
    return text(c.limit, unit)
  }
  return (
    <Panel
      title={t`Rules`} height={160} asked={asked}
      actions={
        may && (
          <Button size="compact-sm" variant="default" onClick={() => setEdited('new')}>
            {t`Add a rule`}
          </Button>
        )
      }
    >
      {list.length === 0 ? (
        <p className={classes.text}>{t`There is no rule yet, so nothing is told.`}</p>
      ) : (
        <Table label={t`Rules`} columns={[{ name: t`Name` }, { name: t`When` }, { name: t`About` }, { name: t`Limit`, number: true }, { name: t`Changed` }, ...(may ? [{ name: t`What to do` }] : [])]}>
          {list.map((x) => {
            const id = x.rule.id ?? ''
            const name = x.rule.name ?? id
            return (
              <tr key={id}>
                <td>
                  {name}
                  {x.rule.disabled && <span className={classes.dim}> {t`(switched off)`}</span>}
                </td>
                <td>
                  {kinds[x.rule.condition.kind]}
                  {x.rule.condition.of === 'unaccounted' && <span className={classes.dim}> ({t`unaccounted`})</span>}
                </td>
                <td>{said(subjectOf(x.rule)) || '–'}</td>
                <td data-number="true">{limit(x.rule)}</td>
                <td>{t`${time(Date.parse(x.changed), zone)} by ${x.changedBy}`}</td>
                {may && (
                  <td>
                    <Group gap="xs" wrap="nowrap">
                      <Button size="compact-xs" variant="default" aria-label={t`Change ${name}`} onClick={() => setEdited(x)}>
                        {t`Change`}
                      </Button>
                      <Button
                        size="compact-xs" variant="default" aria-label={t`Remove ${name}`}
                        onClick={() => setQuestion({ title: t`Remove ${name}?`, action: t`Remove`, danger: true, text: t`Its alerts end. The history stays.`, onAnswer: () => remove.mutate(id) })}
                      >
                        {t`Remove`}
                      </Button>
                    </Group>
                  </td>
                )}
              </tr>
            )
          })}
        </Table>
      )}
      {edited !== undefined && <Editor index={index} stored={edited === 'new' ? undefined : edited} taken={list.map((x) => x.rule.id ?? '')} onClose={() => setEdited(undefined)} />}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </Panel>
  )
}

function Editor({ index, stored, taken, onClose }: { index: Index; stored: StoredRule | undefined; taken: readonly string[]; onClose: () => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const kinds = useKinds()
  const was = stored?.rule
  const first = was ? formOf(was, unitFor(index, subjectOf(was))) : emptyRule
  const [form, setForm] = useState<RuleForm>(first ?? emptyRule)
  const [way, setWay] = useState<'form' | 'json'>(first ? 'form' : 'json')
  const plain = (r: Rule | undefined) => {
    const out = { ...r } as Partial<Rule>
    delete out.id
    return JSON.stringify(out, null, 2)
  }
  const [json, setJSON] = useState(() => plain(was))
  const unit = unitFor(index, form.subject)
  const set = (c: Partial<RuleForm>) => setForm((old) => ({ ...old, ...c }))
  const written = form.kind === 'budget' ? (form.cost ? t`money` : 'kWh') : scale(form, unit) === 1000 ? `k${form.kind === 'demand' ? 'W' : unit}` : unit
  const subjects = useMemo(() => {
    const groups = index.model.groups.map((g) => ({ value: `group:${g.id}`, label: g.name ?? g.id }))
    return [
      { group: t`Groups`, items: groups },
      { group: t`Each sensor below`, items: index.model.groups.map((g) => ({ value: `below:${g.id}`, label: t`each sensor below ${g.name ?? g.id}` })) },
      { group: t`Sensors`, items: index.model.sensors.map((s) => ({ value: `sensor:${s.id}`, label: s.name ?? s.id })) },
    ]
  }, [index, t])
  const save = useMutation({
    mutationFn: async () => {
      let rule: Rule
      if (way === 'form') rule = ruleOf(form, unit, was)
      else {
        try {
          rule = JSON.parse(json) as Rule
        } catch (e) {
          throw new Error(t`This is no JSON: ${e instanceof Error ? e.message : String(e)}`, { cause: e })
        }
      }
      const id = was?.id ?? newID(rule.name ?? '', (x) => taken.includes(x))
      try {
        return await putRule(id, rule, stored?.version)
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has changed the rule meanwhile. Close this and look at it again.`, { cause: e })
        throw e
      }
    },
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: ['alert-rules'] }),
  })
  const limited = form.kind !== 'missing'
  const value = (v: number | string) => (typeof v === 'number' ? v : undefined)
  return (
    <Modal opened onClose={onClose} title={stored ? t`Change a rule` : t`Add a rule`} size="lg" closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          save.mutate()
        }}
      >
        <SegmentedControl
          size="xs" value={way} aria-label={t`How it is written`}
          onChange={(v) => {
            if (v === 'json') setJSON(plain(form.subject === '' && was ? was : ruleOf(form, unit, was)))
            else {
              try {
                const r = JSON.parse(json) as Rule
                const f = formOf(r, unitFor(index, subjectOf(r)))
                if (!f) return
                setForm(f)
              } catch {
                return
              }
            }
            setWay(v)
          }}
          data={[{ value: 'form', label: t`Form`, disabled: way === 'json' && first === undefined }, { value: 'json', label: 'JSON' }]}
        />
        {way === 'json' ? (
          <JsonInput label={t`Rule`} value={json} onChange={setJSON} autosize minRows={10} formatOnBlur description={t`Values in the coherent unit: W, not kW.`} />
        ) : (
          <>
            <TextInput label={t`Name`} required withAsterisk={false} value={form.name} onChange={(e) => set({ name: e.currentTarget.value })} data-autofocus />
            <div className={classes.pair}>
              <Select
                label={t`When`} allowDeselect={false} value={form.kind} onChange={(v) => v !== null && set({ kind: v })}
                data={(['above', 'below', 'missing', 'demand', 'budget'] satisfies FormKind[]).map((k) => ({ value: k, label: kinds[k] }))}
              />
              <Select label={t`About`} searchable limit={50} required withAsterisk={false} value={form.subject === '' ? null : form.subject} onChange={(v) => set({ subject: v ?? '' })} data={subjects} />
            </div>
            {limited ? (
              <div className={classes.pair}>
                <NumberInput label={t`Limit (${written})`} required withAsterisk={false} value={form.limit ?? ''} onChange={(v) => set({ limit: value(v) })} hideControls />
                {form.kind === 'budget' ? (
                  <Select
                    label={t`Of each`} allowDeselect={false} value={form.period} onChange={(v) => v !== null && set({ period: v })}
                    data={[{ value: 'day', label: t`day` }, { value: 'week', label: t`week` }, { value: 'month', label: t`month` }, { value: 'year', label: t`year` }]}
                  />
                ) : (
                  <NumberInput label={t`Over when back at (${written})`} description={t`The limit, if empty`} value={form.clear ?? ''} onChange={(v) => set({ clear: value(v) })} hideControls />
                )}
              </div>
            ) : (
              <NumberInput label={t`Silent for so many intervals`} description={t`3 if empty`} value={form.intervals ?? ''} onChange={(v) => set({ intervals: value(v) })} hideControls />
            )}
            {form.kind === 'budget' && <Switch label={t`Of money, not of energy`} checked={form.cost} onChange={(e) => set({ cost: e.currentTarget.checked })} />}
            <div className={classes.pair}>
              <TextInput label={t`Must hold for`} description={t`Like 5m; at once if empty`} value={form.for} onChange={(e) => set({ for: e.currentTarget.value })} />
              <TextInput label={t`Told again every`} description={t`Like 4h; once if empty`} value={form.repeat} onChange={(e) => set({ repeat: e.currentTarget.value })} />
            </div>
            <Select
              label={t`Severity`} allowDeselect={false} value={form.severity} onChange={(v) => v !== null && set({ severity: v })}
              data={[{ value: 'info', label: t`info` }, { value: 'warning', label: t`warning` }, { value: 'critical', label: t`critical` }]}
            />
            <Textarea label={t`What to do then`} description={t`Added to every message`} value={form.text} onChange={(e) => set({ text: e.currentTarget.value })} autosize minRows={1} />
            <Switch label={t`Switched off`} checked={form.disabled} onChange={(e) => set({ disabled: e.currentTarget.checked })} />
          </>
        )}
        {save.error && <p role="alert" className={classes.bad}>{save.error.message}</p>}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>{t`Cancel`}</Button>
          <Button type="submit" loading={save.isPending} disabled={way === 'form' && form.subject === ''}>{t`Save`}</Button>
        </Group>
      </form>
    </Modal>
  )
}
