// What services are made of: templates and the instances that run, links that are cut,
// and who has which actuator alone.

import { useLingui } from '@lingui/react/macro'
import { Button, Drawer, Loader, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { cutLink, giveBack, leases, links, mendLink, microservice, microservices, type Microservice } from '../api/microservices'
import { useModel } from '../data/model'
import { DASH } from '../lib/format'
import { entries } from '../lib/subject'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { ObjectLink } from '../objects/words'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import classes from './Services.module.css'

const moment = (s: string | null | undefined, zone: string) => (s === null || s === undefined ? DASH : time(Date.parse(s), zone))

export function Microservices({ zone }: { zone: string }) {
  const { t } = useLingui()
  const [open, setOpen] = useState<string>()
  const asked = useQuery({ queryKey: ['microservices'], queryFn: ({ signal }) => microservices(signal), refetchInterval: 30_000, retry: 1 })
  const list = asked.data ?? []
  return (
    <Panel title={t`Microservices`} note={asked.data && t`${count(list.length)} versions`} height={240} asked={asked} empty={list.length === 0 ? t`There is no microservice.` : undefined}>
      <Table label={t`Microservices`} columns={[{ name: t`Microservice` }, { name: t`Version` }, { name: t`Domain` }, { name: t`For services` }, { name: t`Composites` }, { name: t`May take` }, { name: t`Written by` }, { name: t`What to do` }]}>
        {list.map((m) => (
          <tr key={`${m.id} ${m.release.version}`}>
            <td>
              {m.name ?? m.id} <small>{m.id}</small>
            </td>
            <td>{m.release.version}</td>
            <td>{m.domain}</td>
            <td>{(m.services ?? []).join(', ').replace('*', t`all`)}</td>
            <td>{(m.composites ?? []).map((c) => c.tag).join(', ')}</td>
            <td>{m.threshold}</td>
            <td>{m.builtIn ? t`built in` : (m.changedBy ?? DASH)}</td>
            <td>
              <Button size="compact-xs" variant="default" aria-label={t`Look at ${m.id}, version ${m.release.version}`} onClick={() => setOpen(m.id)}>
                {t`Look`}
              </Button>
            </td>
          </tr>
        ))}
      </Table>
      {open !== undefined && <One key={open} id={open} zone={zone} onClose={() => setOpen(undefined)} />}
    </Panel>
  )
}

function Needs({ of: m }: { of: Microservice }) {
  const { t } = useLingui()
  const rule = (r: { kind: string; k?: number }) => (r.kind === 'all' ? t`all of them` : r.kind === 'min' ? t`${r.k ?? 1} at least` : t`one at least`)
  return (
    <section className={classes.part}>
      <h3>{t`Version ${m.release.version}`}</h3>
      <dl className={classes.facts}>
        {([[t`Runs in`, m.runtime.builtIn ?? m.runtime.image ?? DASH], [t`Needs of its composites`, rule(m.restriction)], [t`May take`, m.threshold], [t`Computes with`, m.analysis?.model ?? DASH], [t`Gives`, (m.outputs ?? []).map((x) => x.name).join(', ') || DASH], [t`Takes of others`, (m.inputs ?? []).map((x) => x.name).join(', ') || DASH]] as const).map(([k, v]) => (
          <div key={k}>
            <dt>{k}</dt>
            <dd>{v}</dd>
          </div>
        ))}
      </dl>
      <Table label={t`Composites of version ${m.release.version}`} columns={[{ name: t`Composite` }, { name: t`Objects of the class` }, { name: t`Needed` }, { name: t`A stand-in must be worth`, number: true }, { name: t`May take` }]}>
        {(m.composites ?? []).map((c) => (
          <tr key={c.tag}>
            <td>
              {c.name ?? c.tag} <small>{c.tag}</small>
            </td>
            <td>{c.class ?? (c.objects ?? []).join(', ')}</td>
            <td>{c.critical === true ? t`${rule(c.restriction)}; not without it` : rule(c.restriction)}</td>
            <td data-number="true">{c.quality ?? DASH}</td>
            <td>{c.threshold}</td>
          </tr>
        ))}
      </Table>
    </section>
  )
}

function One({ id, zone, onClose }: { id: string; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['microservices', id], queryFn: ({ signal }) => microservice(id, signal), refetchInterval: 5_000, retry: 1 })
  const states = { up: t`up`, degraded: t`works, with faults`, stale: t`its data are old`, down: t`down`, quarantined: t`set aside after faults` }
  const d = asked.data
  return (
    <Drawer opened onClose={onClose} position="right" size="xl" title={t`Microservice ${id}`} closeButtonProps={{ 'aria-label': t`Close` }}>
      {asked.error && !d ? (
        <p role="alert" className={classes.bad}>{asked.error.message}</p>
      ) : !d ? (
        <Loader size="sm" />
      ) : (
        <>
          <section className={classes.part}>
            <h3>{t`Instances`}</h3>
            {(d.instances ?? []).length === 0 ? (
              <p className={classes.text}>{t`No instance of it runs.`}</p>
            ) : (
              <Table label={t`Instances`} columns={[{ name: t`Process` }, { name: t`Version` }, { name: t`Health` }, { name: t`Since` }, { name: t`Looked at` }, { name: t`How it came` }]}>
                {(d.instances ?? []).map((x) => (
                  <tr key={x.id}>
                    <td>{x.process}</td>
                    <td>{x.version}</td>
                    <td>{states[x.state]}</td>
                    <td>{moment(x.since, zone)}</td>
                    <td>{moment(x.checked, zone)}</td>
                    <td>{(x.log ?? []).slice(-1).map((l) => l.why ?? '').join('') || DASH}</td>
                  </tr>
                ))}
              </Table>
            )}
          </section>
          {(d.versions ?? []).map((m) => (
            <Needs key={m.release.version} of={m} />
          ))}
        </>
      )}
    </Drawer>
  )
}

export function Links({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const { index } = useModel()
  const asked = useQuery({ queryKey: ['links'], queryFn: ({ signal }) => links(signal), refetchInterval: 10_000, retry: 1 })
  const parts = useQuery({ queryKey: ['microservices'], queryFn: ({ signal }) => microservices(signal), staleTime: 30_000, retry: 1 })
  const [draft, setDraft] = useState<{ ms: string | null; composite: string | null; object: string | null; why: string }>({ ms: null, composite: null, object: null, why: '' })
  const objects = useMemo(() => (index ? entries(index).slice(0, 5000).map((e) => ({ value: `${e.kind}/${e.id}`, label: e.where === '' ? e.label : `${e.label} (${e.where})` })) : []), [index])
  const after = () => Promise.all([client.invalidateQueries({ queryKey: ['links'] }), client.invalidateQueries({ queryKey: ['availability'] }), client.invalidateQueries({ queryKey: ['services'] })])
  const failed = (e: Error) => tell({ bad: true, title: t`Not done`, message: e.message })
  const cut = useMutation({
    mutationFn: () => cutLink({ composite: draft.composite ?? '', ...(draft.ms === null ? {} : { ms: draft.ms }), ...(draft.object === null ? {} : { object: draft.object }), ...(draft.why.trim() === '' ? {} : { why: draft.why.trim() }) }),
    onSuccess: () => {
      setDraft({ ms: null, composite: null, object: null, why: '' })
      return after()
    },
    onError: failed,
  })
  const mend = useMutation({ mutationFn: mendLink, onSuccess: after, onError: failed })
  const list = asked.data ?? []
  const ids = [...new Set((parts.data ?? []).map((m) => m.id))]
  const tags = [...new Set((parts.data ?? []).filter((m) => draft.ms === null || m.id === draft.ms).flatMap((m) => (m.composites ?? []).map((c) => c.tag)))].sort()
  return (
    <>
      <Panel title={t`Links that are cut`} note={asked.data && t`${count(list.length)} found`} height={100} asked={asked} empty={list.length === 0 ? t`No link is cut.` : undefined}>
        <Table label={t`Links that are cut`} columns={[{ name: t`Microservice` }, { name: t`Composite` }, { name: t`Object` }, { name: t`Since` }, { name: t`Why` }, { name: t`What to do` }]}>
          {list.map((l) => (
            <tr key={l.id}>
              <td>{l.ms === undefined || l.ms === '' ? t`all` : l.ms}</td>
              <td>{l.composite}</td>
              <td>{l.object === undefined || l.object === '' ? t`all` : <ObjectLink id={l.object} />}</td>
              <td>{t`${moment(l.at, zone)} by ${l.who}`}</td>
              <td>{l.why ?? DASH}</td>
              <td>
                {may && (
                  <Button size="compact-xs" variant="default" loading={mend.isPending && mend.variables === l.id} aria-label={t`Mend the link to ${l.composite}`} onClick={() => mend.mutate(l.id)}>
                    {t`Mend`}
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Table>
      </Panel>
      {may && (
        <Panel title={t`Cut a link`} height={100}>
          <p className={classes.text}>{t`As long as a link is cut, services do without what is behind it: for maintenance, or to see what hangs on it. Nothing is switched off, and readings are kept as before.`}</p>
          <form
            className={classes.form}
            onSubmit={(e) => {
              e.preventDefault()
              if (draft.composite !== null) cut.mutate()
            }}
          >
            <Select size="xs" label={t`Microservice`} placeholder={t`all`} searchable clearable data={ids} value={draft.ms} onChange={(ms) => setDraft({ ...draft, ms, composite: null })} />
            <Select size="xs" label={t`Composite`} placeholder={t`choose`} searchable data={tags} value={draft.composite} onChange={(composite) => setDraft({ ...draft, composite })} />
            <Select size="xs" label={t`Object`} placeholder={t`all`} searchable clearable limit={100} data={objects} value={draft.object} onChange={(object) => setDraft({ ...draft, object })} />
            <TextInput size="xs" label={t`Why`} value={draft.why} onChange={(e) => setDraft({ ...draft, why: e.currentTarget.value })} />
            <Button size="xs" type="submit" disabled={draft.composite === null} loading={cut.isPending}>
              {t`Cut it`}
            </Button>
          </form>
        </Panel>
      )}
    </>
  )
}

export function Leases({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const asked = useQuery({ queryKey: ['leases'], queryFn: ({ signal }) => leases(signal), refetchInterval: 5_000, retry: 1 })
  const back = useMutation({ mutationFn: giveBack, onError: (e) => tell({ bad: true, title: t`Not done`, message: e.message }), onSettled: () => client.invalidateQueries({ queryKey: ['leases'] }) })
  const list = asked.data ?? []
  return (
    <Panel title={t`Who has which actuator alone`} note={asked.data && t`${count(list.length)} found`} height={100} asked={asked} empty={list.length === 0 ? t`Nobody has an actuator alone.` : undefined}>
      <Table label={t`Who has which actuator alone`} columns={[{ name: t`Object` }, { name: t`Holder` }, { name: t`Priority`, number: true }, { name: t`From` }, { name: t`Until` }, { name: t`What to do` }]}>
        {list.map((l) => (
          <tr key={l.id}>
            <td>
              <ObjectLink id={l.object} />
            </td>
            <td>{l.holder}</td>
            <td data-number="true">{count(l.priority)}</td>
            <td>{moment(l.from, zone)}</td>
            <td>{moment(l.until, zone)}</td>
            <td>
              {may && (
                <Button size="compact-xs" variant="default" loading={back.isPending && back.variables === l.id} aria-label={t`Take back ${l.object} from ${l.holder}`} onClick={() => back.mutate(l.id)}>
                  {t`Take back`}
                </Button>
              )}
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}
