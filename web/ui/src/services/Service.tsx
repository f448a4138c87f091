// One service: which buildings can run it and what is missing to the others,
// and running it.

import { useLingui } from '@lingui/react/macro'
import { Button, JsonInput, MultiSelect, Select, TextInput } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { execute, makeBill, NotAvailableError, subjects, type Missing, type NotAvailable, type Service as Known } from '../api/availability'
import { tariffs } from '../api/costs'
import { spaces } from '../api/objects'
import { ExecMark, MissingSentence } from '../availability/words'
import { useModel } from '../data/model'
import { percent } from '../lib/format'
import { count } from '../lib/units'
import { read, written } from '../lib/wall'
import { ObjectLink } from '../objects/words'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { Bills } from './Bills'
import { Define } from './Define'
import { Rests, Result } from './Result'
import classes from './Services.module.css'

export function Service({ service: s, zone, may }: { service: Known; zone: string; may: boolean }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const { o } = useSearch({ from: '/app' })
  const asked = useInfiniteQuery({
    queryKey: ['services', 'subjects', s.domain, s.sid],
    queryFn: ({ pageParam, signal }) => subjects(s.sid, s.domain, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (p) => p.next,
    refetchInterval: 15_000, placeholderData: keepPreviousData, retry: 1,
  })
  const list = asked.data?.pages.flatMap((p) => p.subjects ?? []) ?? []
  const choose = (id: string | undefined) => void navigate({ to: '.', search: (old) => ({ ...old, o: id }), replace: true })
  const first = (m: Missing[] | null) => (m ?? [])[0]
  return (
    <>
      <Panel title={t`Who can run it`} note={asked.data && t`${count(list.filter((x) => x.exec !== 'none').length)} of ${count(list.length)}`} height={200} grows asked={asked} empty={list.length === 0 ? t`There is no group yet. A service runs for a group of the model: a building, a flat, a line.` : undefined}>
        <Table label={t`Who can run it`} most={420} columns={[{ name: t`Of what` }, { name: t`How much` }, { name: t`Strict`, number: true }, { name: t`Mean`, number: true }, { name: t`By quality`, number: true }, { name: t`What is missing` }, { name: t`What to do` }]}>
          {list.map((x) => {
            const m = first(x.missing)
            const more = (x.missing ?? []).length - 1 + x.more
            return (
              <tr key={x.subject}>
                <td>
                  <ObjectLink id={x.subject} name={x.name} />
                </td>
                <td>
                  <ExecMark exec={x.exec} />
                </td>
                <td data-number="true">{percent(x.strict)}</td>
                <td data-number="true">{percent(x.mean)}</td>
                <td data-number="true">{percent(x.quality)}</td>
                <td>
                  {m && <MissingSentence missing={m} zone={zone} more={more} />}
                </td>
                <td>
                  <Button size="compact-xs" variant={o === x.subject ? 'filled' : 'default'} aria-label={t`Choose ${x.name ?? x.subject}`} aria-pressed={o === x.subject} onClick={() => choose(x.subject)}>
                    {t`Choose`}
                  </Button>
                </td>
              </tr>
            )
          })}
        </Table>
        {asked.hasNextPage && (
          <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
            {t`More`}
          </Button>
        )}
      </Panel>
      <RunForm key={s.sid} service={s} subject={o} known={list.map((x) => ({ value: x.subject, label: x.name ?? x.subject }))} zone={zone} may={may} onSubject={choose} />
      {s.bills && <Bills service={s} zone={zone} may={may} />}
      {may && <Define sid={s.sid} domain={s.domain} />}
    </>
  )
}

const day = 86_400_000

/** Bills end at a quarter of an hour that is over. */
const lastQuarter = () => new Date(Math.floor(Date.now() / 900_000) * 900_000).toISOString()

type Kind = 'text' | 'number' | 'date' | 'energy' | 'power' | 'temperature' | 'makers' | 'hvac' | 'lighting' | 'other' | 'tariff'

/** What a service is told beside its span, in its own words; anything else goes into the field below. */
const fields: Record<string, readonly { name: string; kind: Kind }[]> = {
  S1: [{ name: 'load', kind: 'energy' }, { name: 'generation', kind: 'makers' }, { name: 'day', kind: 'date' }, { name: 'capacity', kind: 'number' }, { name: 'band', kind: 'number' }],
  S2: [{ name: 'power', kind: 'power' }, { name: 'level', kind: 'number' }, { name: 'price', kind: 'text' }, { name: 'currency', kind: 'text' }],
  S3: [{ name: 'price', kind: 'tariff' }],
  S4: [{ name: 'grid', kind: 'tariff' }, { name: 'inside', kind: 'tariff' }],
  S5: [{ name: 'hvac', kind: 'hvac' }, { name: 'lighting', kind: 'lighting' }, { name: 'other', kind: 'other' }, { name: 'price', kind: 'text' }, { name: 'currency', kind: 'text' }],
  S6: [{ name: 'energy', kind: 'energy' }, { name: 'temperature', kind: 'temperature' }, { name: 'since', kind: 'date' }, { name: 'price', kind: 'text' }, { name: 'currency', kind: 'text' }],
}

const lists: ReadonlySet<Kind> = new Set<Kind>(['makers', 'hvac', 'lighting', 'other'])

function RunForm({ service: s, subject, known, zone, may, onSubject }: { service: Known; subject: string | undefined; known: { value: string; label: string }[]; zone: string; may: boolean; onSubject: (id: string | undefined) => void }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [from, setFrom] = useState(() => (s.bills ? written(Math.floor(Date.now() / day) * day - 30 * day, zone) : ''))
  const [to, setTo] = useState('')
  const [values, setValues] = useState<Record<string, string>>({})
  const [many, setMany] = useState<Record<string, string[]>>({})
  const [more, setMore] = useState('')
  const names: Record<string, string> = { day: t`Day`, capacity: t`Largest power of the generation, W`, band: t`Share that the bands hold, 0 to 1`, power: t`Sensor of the appliance`, level: t`On above, W`, price: s.bills ? t`Tariff` : t`Price of a kWh`, currency: t`Currency`, since: t`Measure in force since`, load: t`What counts the load`, generation: t`What counts the generation`,
    grid: t`Tariff of the grid`, inside: t`Tariff within the community`, hvac: t`Heating and cooling`, lighting: t`Light`, other: t`Other loads`, energy: t`What counts the energy`, temperature: t`Temperature outdoors` }
  const own = fields[s.sid] ?? []
  const { index } = useModel()
  const places = useQuery({ queryKey: ['objects', 'spaces'], queryFn: ({ signal }) => spaces(signal), staleTime: 30_000, retry: 1 })
  const prices = useQuery({ queryKey: ['tariffs'], queryFn: ({ signal }) => tariffs(signal), enabled: own.some((f) => f.kind === 'tariff'), staleTime: 30_000, retry: 0 })
  const measuring = useMemo(() => {
    const of = (...quantities: string[]) => (index?.model.sensors ?? []).filter((x) => quantities.includes(x.quantity)).slice(0, 5000).map((x) => ({ value: `sensor/${x.id}`, label: x.name === undefined || x.name === '' ? x.id : `${x.name} (${x.id})` }))
    const [power, energy] = [of('active_power'), of('energy', 'active_power')]
    return { power, energy, temperature: of('temperature'), makers: energy, hvac: energy, lighting: energy, other: energy }
  }, [index])
  const kinds = [
    { kind: 'group/', group: t`Groups`, items: known.filter((x) => x.value.startsWith('group/')) },
    { kind: 'sensor/', group: t`Sensors`, items: known.filter((x) => x.value.startsWith('sensor/')) },
    { kind: 'space/', group: t`Spaces`, items: (places.data?.value.spaces ?? []).map((x) => ({ value: `space/${x.id}`, label: x.name ?? x.id })) },
  ]
  // What was chosen elsewhere may be on a later page of those that can run it.
  const subjects = kinds.map(({ kind, group, items }) => ({ group, items: subject?.startsWith(kind) && !items.some((x) => x.value === subject) ? [...items, { value: subject, label: subject }] : items }))
  const parsed = ((): Record<string, unknown> | undefined => {
    if (more.trim() === '') return {}
    try {
      const v: unknown = JSON.parse(more)
      return typeof v === 'object' && v !== null && !Array.isArray(v) ? (v as Record<string, unknown>) : undefined
    } catch {
      return undefined
    }
  })()
  const moment = (x: string) => {
    const at = read(x, zone)
    return at === undefined ? undefined : new Date(at).toISOString()
  }
  const run = useMutation({
    mutationFn: async () => {
      const parameters: Record<string, unknown> = { ...parsed }
      for (const f of own) {
        const v = values[f.name]
        const list = many[f.name] ?? []
        if (list.length > 0) {
          if (f.kind === 'makers') parameters[f.name] = list
          else parameters.loads = [...(Array.isArray(parameters.loads) ? (parameters.loads as unknown[]) : []), ...list.map((id) => ({ id, kind: f.kind }))]
        }
        if (v !== undefined && v !== '') parameters[f.name] = f.kind === 'number' ? Number(v) : f.kind === 'tariff' ? { tariff: v } : f.name === 'since' ? moment(`${v}T00:00`) : v
      }
      const begin = moment(from)
      const end = moment(to)
      const wish = { domain: s.domain, ...(subject === undefined ? {} : { subject }), ...(begin === undefined ? {} : { from: begin }), ...(end === undefined ? {} : { to: end }), ...(Object.keys(parameters).length === 0 ? {} : { parameters }) }
      if (!s.bills) return execute(s.sid, wish)
      const made = await makeBill({ service: s.sid, ...wish, to: end ?? lastQuarter() })
      await client.invalidateQueries({ queryKey: ['services', 'bills'] })
      return made
    },
  })
  const bad = run.error
  const done = run.data
  const allowed = !s.bills || may
  return (
    <Panel title={s.bills ? t`Make a bill` : t`Run it`} height={160} note={zone}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          if (parsed && allowed) run.mutate()
        }}
      >
        <Select size="xs" label={t`Of what`} placeholder={t`everything`} searchable clearable clearButtonProps={{ 'aria-label': t`everything` }} limit={100} data={subjects} value={subject ?? null} onChange={(v) => onSubject(v ?? undefined)} />
        <TextInput size="xs" type="datetime-local" label={t`From`} description={s.bills ? undefined : t`as usual, if empty`} required={s.bills} withAsterisk={false} value={from} onChange={(e) => setFrom(e.currentTarget.value)} />
        <TextInput size="xs" type="datetime-local" label={t`To`} description={t`now, if empty`} value={to} onChange={(e) => setTo(e.currentTarget.value)} />
        {own.map((f) => lists.has(f.kind) ? (
          <MultiSelect key={f.name} size="xs" label={names[f.name] ?? f.name} searchable clearable limit={100} nothingFoundMessage={t`There is none.`} data={measuring[f.kind as keyof typeof measuring]} value={many[f.name] ?? []} onChange={(v) => setMany({ ...many, [f.name]: v })} />
        ) : f.kind === 'tariff' ? (
          <Select key={f.name} size="xs" label={names[f.name] ?? f.name} placeholder={t`what is assigned`} searchable clearable nothingFoundMessage={t`There is none.`} data={(prices.data?.items ?? []).map((x) => x.id)} value={values[f.name] ?? null} onChange={(v) => setValues({ ...values, [f.name]: v ?? '' })} />
        ) : f.kind === 'power' || f.kind === 'energy' || f.kind === 'temperature' ? (
          <Select key={f.name} size="xs" label={names[f.name] ?? f.name} placeholder={t`as found`} searchable clearable limit={100} nothingFoundMessage={t`There is none.`} data={measuring[f.kind]} value={values[f.name] ?? null} onChange={(v) => setValues({ ...values, [f.name]: v ?? '' })} />
        ) : (
          <TextInput key={f.name} size="xs" type={f.kind === 'date' ? 'date' : 'text'} inputMode={f.kind === 'number' ? 'decimal' : undefined} label={names[f.name] ?? f.name} value={values[f.name] ?? ''} onChange={(e) => setValues({ ...values, [f.name]: e.currentTarget.value })} />
        ))}
        <JsonInput className={classes.wide} size="xs" label={t`What else it is told`} description={t`as JSON, in the words of the description of the API: tariffs, members, chargers`} autosize minRows={1} maxRows={14} value={more} error={parsed ? undefined : t`This is no JSON object.`} onChange={setMore} />
        <Button size="xs" type="submit" disabled={!parsed || !allowed} loading={run.isPending}>
          {s.bills ? t`Make the bill` : t`Run`}
        </Button>
      </form>
      <div aria-live="polite">
        {bad instanceof NotAvailableError ? (
          <Refused why={bad.why} zone={zone} />
        ) : bad ? (
          <p role="alert" className={classes.bad}>{t`It could not be carried out: ${bad.message}`}</p>
        ) : done ? (
          <>
            <p className={classes.text}>
              <ExecMark exec={done.exec} /> {t`worth ${percent(done.quality)} of a result that is measured throughout.`}
            </p>
            <Result result={done.result} zone={zone} />
            <Rests rests={done.rests ?? []} standIns={done.substitutions ?? []} missing={done.missing ?? []} zone={zone} />
          </>
        ) : null}
      </div>
    </Panel>
  )
}

/** "Service not available", in full sentences. */
function Refused({ why: w, zone }: { why: NotAvailable; zone: string }) {
  const { t } = useLingui()
  const reasons = {
    restriction: t`It needs ${w.required.microservices} of ${count(w.required.of)} microservices, and ${count(w.usable)} can work.`, threshold: t`It would take up to ${count(Math.round(w.threshold.estimated_ms))} ms, and may take ${count(Math.round(w.threshold.limit_ms))} ms.`,
    conflict: t`Somebody else holds what it needs.`, 'no-microservice': t`A microservice that it needs is not there.`,
  }
  return (
    <div className={classes.refused} role="alert">
      <p>
        <strong>{t`The service is not available.`}</strong> {reasons[w.reason]} {t`Now ${percent(w.availability)} of it could be carried out wholly, ${percent(w.mean)} of its composites are usable.`}
      </p>
      {(w.missing ?? []).length > 0 && (
        <ul aria-label={t`What is missing`}>
          {(w.missing ?? []).map((m, i) => (
            <li key={i}>
              <MissingSentence missing={m} zone={zone} />
            </li>
          ))}
          {(w.more ?? 0) > 0 && <li>{t`and ${count(w.more ?? 0)} more`}</li>}
        </ul>
      )}
      <p>
        {w.queued ? t`What was asked for waits until its data are back.` : t`Nothing of it waits; ask again later.`} {w.retryAfter_s > 0 && t`It may be worth asking again in ${count(w.retryAfter_s)} s.`}
      </p>
      {(w.alternatives ?? []).length > 0 && (
        <p>
          {t`What may do instead:`}{' '}
          {(w.alternatives ?? []).map((a) => (
            <Link key={a.sid} className={classes.link} to="." search={(old) => ({ ...old, sid: a.sid })}>
              {t`${a.sid}, ${percent(a.availability)} available`}{' '}
            </Link>
          ))}
        </p>
      )}
    </div>
  )
}
