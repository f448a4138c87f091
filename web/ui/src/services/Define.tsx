// What a service is made of: which microservices it needs, how urgent it is and how long
// it may take.

import { useLingui } from '@lingui/react/macro'
import { Button, Checkbox, NumberInput, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { define, definition, microservices, takeBack, type Definition } from '../api/microservices'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Services.module.css'

export function Define({ sid, domain }: { sid: string; domain: string }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['services', 'definition', domain, sid], queryFn: ({ signal }) => definition(sid, domain, signal), staleTime: 10_000, retry: 1 })
  return (
    <Panel title={t`What it is made of`} note={asked.data && (asked.data.value.builtIn ? t`as it came with the program` : t`changed by ${asked.data.value.changedBy ?? ''}, version ${asked.data.value.version}`)} height={160} asked={asked}>
      {asked.data && <Form key={`${asked.data.value.version}`} of={asked.data.value} etag={asked.data.etag} />}
    </Panel>
  )
}

/** What the program says of a definition, and nobody writes. */
const ours = ['builtIn', 'bills', 'version', 'changed', 'changedBy']

type Step = NonNullable<Definition['steps']>[number]

function Form({ of: d, etag }: { of: Definition; etag: string | undefined }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const parts = useQuery({ queryKey: ['microservices'], queryFn: ({ signal }) => microservices(signal), staleTime: 30_000, retry: 1 })
  const [steps, setSteps] = useState<Step[]>(() => d.steps ?? [])
  const [rest, setRest] = useState({ priority: d.priority, threshold: d.threshold, kind: d.restriction.kind, k: d.restriction.k ?? 1 })
  const sid = d.sid ?? ''
  const mine = (parts.data ?? []).filter((m) => m.domain === d.domain && ((m.services ?? []).includes(sid) || (m.services ?? []).includes('*')))
  const left = [...new Set(mine.map((m) => m.id))].filter((id) => !steps.some((s) => s.microservice === id))
  const set = (i: number, change: Partial<Step>) => setSteps(steps.map((s, j) => (j === i ? { ...s, ...change } : s)))
  const after = () => client.invalidateQueries({ queryKey: ['services'] })
  const save = useMutation({
    mutationFn: async () => {
      const own = Object.fromEntries(Object.entries(d).filter(([k]) => !ours.includes(k))) as unknown as Definition
      try {
        return await define(sid, { ...own, steps: steps.map(({ threshold, ...s }) => (threshold === undefined || threshold === '' ? s : { ...s, threshold })), priority: rest.priority, threshold: rest.threshold, restriction: rest.kind === 'min' ? { kind: 'min', k: rest.k } : { kind: rest.kind } }, etag)
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has changed this meanwhile. Look at it again.`, { cause: e })
        throw e
      }
    },
    onSuccess: () => tell({ message: t`Saved.` }),
    onSettled: after,
  })
  const back = useMutation({ mutationFn: () => takeBack(sid, d.domain, etag), onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }), onSettled: after })
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        save.mutate()
      }}
    >
      <div className={classes.form}>
        <NumberInput size="xs" label={t`Priority`} description={t`the higher, the more urgent; 100 and more is an emergency`} min={0} max={1000} allowDecimal={false} value={rest.priority} onChange={(v) => setRest({ ...rest, priority: typeof v === 'number' ? v : 0 })} />
        <TextInput size="xs" label={t`May take`} description={t`as 190ms, 2s`} value={rest.threshold} onChange={(e) => setRest({ ...rest, threshold: e.currentTarget.value })} />
        <Select size="xs" label={t`Needs of its microservices`} description={t`fewer, and it is not available`} allowDeselect={false} data={[{ value: 'some', label: t`one at least` }, { value: 'min', label: t`so many at least` }, { value: 'all', label: t`all of them` }]} value={rest.kind} onChange={(v) => setRest({ ...rest, kind: v === 'all' || v === 'min' ? v : 'some' })} />
        {rest.kind === 'min' && <NumberInput size="xs" label={t`How many`} description={t`of all its microservices`} min={1} max={100} allowDecimal={false} value={rest.k} onChange={(v) => setRest({ ...rest, k: typeof v === 'number' ? v : 1 })} />}
      </div>
      <Table label={t`Microservices it needs`} columns={[{ name: t`Microservice` }, { name: t`Major version`, number: true }, { name: t`May take` }, { name: t`Not without it` }, { name: t`What to do` }]}>
        {steps.map((s, i) => (
          <tr key={s.microservice}>
            <td>{s.microservice}</td>
            <td data-number="true">
              <NumberInput size="xs" aria-label={t`Major version of ${s.microservice}`} min={0} max={999_999} allowDecimal={false} value={s.major} onChange={(v) => set(i, { major: typeof v === 'number' ? v : 0 })} />
            </td>
            <td>
              <TextInput size="xs" aria-label={t`How long ${s.microservice} may take`} placeholder={t`as its template says`} value={s.threshold ?? ''} onChange={(e) => set(i, { threshold: e.currentTarget.value })} />
            </td>
            <td>
              <Checkbox size="xs" aria-label={t`Not without ${s.microservice}`} checked={s.critical ?? false} onChange={(e) => set(i, { critical: e.currentTarget.checked })} />
            </td>
            <td>
              <Button size="compact-xs" variant="default" aria-label={t`Leave out ${s.microservice}`} onClick={() => setSteps(steps.filter((_, j) => j !== i))}>
                {t`Leave out`}
              </Button>
            </td>
          </tr>
        ))}
      </Table>
      <div className={classes.form} style={{ marginTop: '0.7rem' }}>
        <Select size="xs" label={t`Add a microservice`} placeholder={t`choose`} data={left} value={null} onChange={(v) => v !== null && setSteps([...steps, { microservice: v, major: Number(mine.find((m) => m.id === v)?.release.version.split('.')[0] ?? 1) }])} />
      </div>
      {save.error && <p role="alert" className={classes.bad}>{t`Not saved: ${save.error.message}`}</p>}
      <div style={{ display: 'flex', gap: '0.6rem', marginTop: '0.8rem' }}>
        <Button size="xs" type="submit" loading={save.isPending}>
          {t`Save`}
        </Button>
        {!d.builtIn && (
          <Button size="xs" variant="default" loading={back.isPending} onClick={() => back.mutate()}>
            {t`As it came with the program`}
          </Button>
        )}
      </div>
    </form>
  )
}
