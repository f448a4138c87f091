// How the edge gateways are: when each was heard, what runs on it, what it reads.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { gatewayStatuses, sourceStatuses, statuses } from '../api/manifests'
import { ago, DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import type { Catalogue } from './data'
import { StateMark } from './words'
import classes from './Manifests.module.css'

const most = 300

export function Gateways({ catalogue, zone }: { catalogue: Catalogue; zone: string }) {
  const { t } = useLingui()
  const heard = useQuery({ queryKey: ['manifests', 'gateways'], queryFn: ({ signal }) => gatewayStatuses(signal), refetchInterval: 3_000, retry: 1 })
  const manifests = useQuery({ queryKey: ['manifests', 'statuses'], queryFn: ({ signal }) => statuses(signal), refetchInterval: 5_000, retry: 1 })
  const sources = useQuery({ queryKey: ['manifests', 'sources'], queryFn: ({ signal }) => sourceStatuses(signal), refetchInterval: 3_000, retry: 1 })
  const all = catalogue.gateways.all
  const on = useMemo(() => {
    const state = new Map((manifests.data ?? []).map((s) => [s.id, s]))
    const read = new Map((sources.data ?? []).map((s) => [s.source, s]))
    return (id: string | undefined) => {
      const here = (ref: string | undefined) => ref !== undefined && ref !== '' && catalogue.gateways.find(ref)?.id === id
      return {
        manifests: catalogue.manifests.all.filter((m) => here(m.gateway)).map((m) => ({ m, s: state.get(m.id ?? '') })),
        sources: catalogue.sources.all.filter((x) => here(x.gateway) && x.disabled !== true).map((x) => ({ x, s: read.get(x.id ?? '') ?? read.get(x.name) })),
      }
    }
  }, [catalogue, manifests.data, sources.data])
  return (
    <Panel title={t`How they are`} height={120} asked={[heard, manifests, sources]} empty={all.length === 0 ? t`There is no gateway yet. Add one below; then a program beside the meters runs what is meant for it, also while the centre is away.` : undefined}>
      <Table label={t`How the gateways are`} columns={[{ name: t`Name` }, { name: t`State` }, { name: t`Heard` }, { name: t`Manifests that run`, number: true }, { name: t`Sources connected`, number: true }, { name: t`What is wrong` }]}>
        {all.slice(0, most).map((g) => {
          const told = heard.data?.find((x) => x.gateway === g.id)
          const { manifests: its, sources: reads } = on(g.id)
          const runs = its.filter(({ s }) => s?.state === 'RUNNING').length
          const connected = reads.filter(({ s }) => s?.connected === true).length
          const wrong = its.filter(({ s }) => s !== undefined && (s.state === 'FAILED' || s.state === 'DEGRADED'))
          const cut = reads.filter(({ s }) => s !== undefined && !s.connected)
          const look = told === undefined ? 'quiet' : told.away ? 'bad' : wrong.length > 0 || cut.length > 0 ? 'warn' : 'good'
          return (
            <tr key={g.id}>
              <td>
                {g.name}
                <span className={classes.dim}>{g.place?.virtual ?? g.namespace}</span>
              </td>
              <td>
                <span className={classes.mark} data-look={look}>
                  {told === undefined ? t`never heard` : told.away ? t`silent` : t`there`}
                </span>
              </td>
              <td>{told === undefined ? DASH : <span title={time(Date.parse(told.heard), zone, 'exact')}>{told.away ? time(Date.parse(told.heard), zone, 'exact') : ago(Math.max(0, heard.dataUpdatedAt - Date.parse(told.heard)))}</span>}</td>
              <td data-number="true">{its.length === 0 ? DASH : t`${count(runs)} of ${count(its.length)}`}</td>
              <td data-number="true">{reads.length === 0 ? DASH : t`${count(connected)} of ${count(reads.length)}`}</td>
              <td className={classes.cell}>
                {told?.away === true ? (
                  <span className={classes.dim}>{t`It told nothing since then. What runs on it goes on there as it was.`}</span>
                ) : wrong.length + cut.length === 0 ? (
                  DASH
                ) : (
                  <ul className={classes.needs}>
                    {wrong.map(({ m, s }) => (
                      <li key={m.id}>
                        <Link className={classes.link} to="." search={(old) => ({ ...old, m: m.id })}>
                          {m.name}
                        </Link>
                        {s && <StateMark state={s.state} />}
                        <span className={classes.dim}>{s?.reason ?? ''}</span>
                      </li>
                    ))}
                    {cut.map(({ x, s }) => (
                      <li key={x.id ?? x.name}>
                        <span>{x.name}</span>
                        <span className={classes.dim}>{s?.error ?? t`not connected`}</span>
                      </li>
                    ))}
                  </ul>
                )}
              </td>
            </tr>
          )
        })}
      </Table>
      {all.length > most && <p className={classes.text}>{t`These are the first ${most}.`}</p>}
    </Panel>
  )
}
