// How many there are of everything, which manifests run, and what is wrong.

import { useLingui } from '@lingui/react/macro'
import { Button, TextInput } from '@mantine/core'
import { IconAlertTriangle, IconPlus, IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { keptDrafts, statuses, type Manifest, type ModelKind, type Observed, type Status } from '../api/manifests'
import { draftRef } from '../lib/draft'
import { DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import type { Catalogue } from './data'
import { perSecond, type May } from './Editor'
import { StateMark, useKinds, useStateNames, type Known } from './words'
import classes from './Manifests.module.css'

/** So many are drawn; others are searched for. */
const most = 300

export function Overview({ catalogue, zone, may }: { catalogue: Catalogue; zone: string; may: May }) {
  const { t } = useLingui()
  const kinds = useKinds()
  const names = useStateNames()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const all = catalogue.manifests.all
  const words = text.trim().toLowerCase()
  const found = useMemo(() => all.filter((m) => words === '' || `${m.name}\n${m.description ?? ''}\n${m.id ?? ''}`.toLowerCase().includes(words)), [all, words])
  const asked = useQuery({ queryKey: ['manifests', 'statuses'], queryFn: ({ signal }) => statuses(signal), refetchInterval: 5_000, retry: 1 })
  const drafts = useQuery({ queryKey: ['manifest-drafts', 'list'], queryFn: ({ signal }) => keptDrafts(signal), enabled: may.manage, retry: 1 }).data ?? []
  const known = useMemo(() => new Map((asked.data ?? []).map((s) => [s.id, s])), [asked.data])
  const stateOf = (m: Manifest): Known => known.get(m.id ?? '')?.state ?? m.state ?? 'stopped'
  const states = new Map<Known, number>()
  for (const m of all) states.set(stateOf(m), (states.get(stateOf(m)) ?? 0) + 1)
  const bad = all.flatMap((m) => {
    const s = known.get(m.id ?? '')
    return s && ((['FAILED', 'DEGRADED'] as Observed[]).includes(s.state) || (s.reason !== undefined && s.reason !== '')) ? [{ m, s }] : []
  })
  const b = catalogue.bundle
  const numbers: [ModelKind, number][] = [
    ['sources', b.sources?.length ?? 0], ['gateways', b.gateways?.length ?? 0], ['interfaces', b.interfaces?.length ?? 0], ['source-definitions', b.sourceDefinitions?.length ?? 0],
    ['kinds', b.kinds?.length ?? 0], ['definitions', b.definitions?.length ?? 0], ['consumers', b.consumers?.length ?? 0], ['channels', b.channels?.length ?? 0],
  ]
  const taken = (s: Status | undefined) => s?.nodes?.reduce((n, x) => n + x.inPerSecond, 0)
  return (
    <>
      <Panel title={t`At a glance`} height={110}>
        <ul className={classes.tiles}>
          <li data-testid="manifests-count">
            <strong className="ww-number">{count(all.length)}</strong> {kinds.manifests}
            <span className={classes.states}>
              {[...states.entries()].map(([s, n]) => (
                <span key={s}>
                  {count(n)} {names[s]}
                </span>
              ))}
            </span>
          </li>
          {numbers.map(([k, n]) => (
            <li key={k}>
              <Link className={classes.link} to="." search={(old) => ({ ...old, tab: 'models', kind: k, q: undefined })}>
                <strong className="ww-number">{count(n)}</strong> {kinds[k]}
              </Link>
            </li>
          ))}
        </ul>
      </Panel>
      {bad.length > 0 && (
        <Panel title={t`What needs somebody`} height={60}>
          <ul className={classes.needs}>
            {bad.map(({ m, s }) => (
              <li key={m.id}>
                <IconAlertTriangle size={16} aria-hidden="true" />
                <Link className={classes.link} to="." search={(old) => ({ ...old, m: m.id })}>
                  {m.name}
                </Link>
                <StateMark state={s.state} />
                <span>{s.reason ?? ''}</span>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {drafts.length > 0 && (
        <Panel title={t`Drafts`} height={60}>
          <ul className={classes.needs}>
            {drafts.map((d) => (
              <li key={d.id}>
                <Link className={classes.link} to="." search={(old) => ({ ...old, m: draftRef(d.id) })}>
                  {d.name === '' ? t`without a name` : d.name}
                </Link>
                <span>{t`kept ${time(Date.parse(d.changed), zone)} by ${d.changedBy}`}</span>
                {d.manifest !== undefined && <span>{t`of ${catalogue.manifests.name(d.manifest)}`}</span>}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel
        title={t`Manifests`} height={200}
        actions={
          may.manage && (
            <Button size="compact-sm" leftSection={<IconPlus size={15} aria-hidden="true" />} onClick={() => void navigate({ to: '.', search: (old) => ({ ...old, m: 'new' }) })}>
              {t`Make a manifest`}
            </Button>
          )
        }
      >
        {all.length === 0 ? (
          <p className={classes.text}>{t`There is none yet. A manifest says what is to be made of which data, and where it goes; it runs here or on a gateway, without a line of code.`}</p>
        ) : (
          <>
            <TextInput className={classes.search} size="xs" aria-label={t`Search manifests`} placeholder={t`Search`} leftSection={<IconSearch size={15} aria-hidden="true" />} value={text} onChange={(e) => setText(e.currentTarget.value)} />
            {found.length === 0 ? (
              <p className={classes.text}>{t`None is like that.`}</p>
            ) : (
              <Table label={t`Manifests`} columns={[{ name: t`Name` }, { name: t`State` }, { name: t`Runs on` }, { name: t`Processors`, number: true }, { name: t`Taken`, number: true }, { name: t`Everything there up to` }]}>
                {found.slice(0, most).map((m) => {
                  const s = known.get(m.id ?? '')
                  const rate = taken(s)
                  return (
                    <tr key={m.id ?? m.name}>
                      <td>
                        <Link className={classes.link} to="." search={(old) => ({ ...old, m: m.id ?? m.name })}>
                          {m.name}
                        </Link>
                        {m.description !== undefined && m.description !== '' && <span className={classes.dim}>{m.description}</span>}
                      </td>
                      <td>
                        <StateMark state={stateOf(m)} />
                      </td>
                      <td>{m.gateway === undefined ? t`the centre` : catalogue.gateways.name(m.gateway)}</td>
                      <td data-number="true">{count(m.processors?.length ?? 0)}</td>
                      <td data-number="true">{rate === undefined ? DASH : perSecond(rate)}</td>
                      <td>{s?.watermark == null ? DASH : time(Date.parse(s.watermark), zone)}</td>
                    </tr>
                  )
                })}
              </Table>
            )}
            {found.length > most && <p className={classes.text}>{t`These are the first ${most}; search to see others.`}</p>}
          </>
        )}
      </Panel>
    </>
  )
}
