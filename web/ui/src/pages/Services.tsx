// Energy services: what there is, who can run it, what came of it.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { services, waiting } from '../api/availability'
import { ApiError } from '../api/client'
import { useModel } from '../data/model'
import { time } from '../lib/time'
import { count, milliseconds } from '../lib/units'
import { knownZone } from '../lib/zone'
import { ObjectLink } from '../objects/words'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { Sections } from '../part/Sections'
import { Leases, Links, Microservices } from '../services/Microservices'
import { Service } from '../services/Service'
import classes from '../services/Services.module.css'
import { useMe } from '../shell/session'

export function Services() {
  const { t } = useLingui()
  const { index } = useModel()
  const may = useMe().data?.scopes?.includes('operate') ?? false
  const { sid } = useSearch({ from: '/app' })
  const zone = knownZone(index?.model.sites[0]?.zone)
  const asked = useQuery({ queryKey: ['services', 'list'], queryFn: ({ signal }) => services(signal), staleTime: 10_000, retry: (n, e) => n < 1 && !(e instanceof ApiError && e.status === 404) })
  const absent = asked.error instanceof ApiError && asked.error.status === 404
  const list = asked.data?.services ?? []
  const faults = asked.data?.faults ?? []
  const one = list.find((s) => s.sid === sid)
  if (one) {
    return (
      <Page
        title={one.name === undefined ? one.sid : `${one.sid} ${one.name}`}
        note={
          <>
            <Link className={classes.link} to="." search={(old) => ({ ...old, sid: undefined })}>{t`All services`}</Link> · {t`domain ${one.domain}, priority ${one.priority}, may take ${milliseconds(one.threshold)}`}
          </>
        }
      >
        <Service key={`${one.domain} ${one.sid}`} service={one} zone={zone} may={may} />
      </Page>
    )
  }
  const all = (
    <>
      <Panel
        title={t`Energy services`} note={asked.data && t`${count(list.length)} found`} height={240} asked={absent ? [] : asked}
        empty={absent ? t`This program knows no energy services. Start it with the module “service”.` : list.length === 0 ? t`There is no service yet.` : undefined}
        warning={faults.length > 0 ? faults.join(' ') : undefined}
      >
        <ul className={classes.list} aria-label={t`Energy services`}>
          {list.map((s) => (
            <li key={`${s.domain} ${s.sid}`}>
              <Link to="." search={(old) => ({ ...old, sid: s.sid })}>
                <strong>{s.name === undefined ? s.sid : `${s.sid} ${s.name}`}</strong>
                <span>
                  {t`${count((s.steps ?? []).length)} microservices, may take ${milliseconds(s.threshold)}`}
                  {s.bills && ` · ${t`makes bills`}`}
                  {!s.builtIn && ` · ${t`written here`}`}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      </Panel>
      {asked.data && <Queue zone={zone} />}
    </>
  )
  return (
    <Page title={t`Services`} note={zone}>
      <Sections
        label={t`Parts of the services`}
        sections={[
          { id: 'list', name: t`All services`, content: () => all },
          { id: 'microservices', name: t`Microservices`, content: () => <Microservices zone={zone} /> },
          { id: 'links', name: t`Links`, content: () => <Links zone={zone} may={may} /> },
          { id: 'leases', name: t`Leases`, content: () => <Leases zone={zone} may={may} /> },
        ]}
      />
    </Page>
  )
}

/** Work that waits until its data are back. */
function Queue({ zone }: { zone: string }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['services', 'waiting'], queryFn: ({ signal }) => waiting(signal), refetchInterval: 15_000, retry: 1 })
  const list = asked.data ?? []
  return (
    <Panel title={t`Work that waits`} height={60} asked={asked} empty={list.length === 0 ? t`Nothing waits. What cannot be carried out for want of data waits here until they are back.` : undefined}>
      <Table label={t`Work that waits`} columns={[{ name: t`Service` }, { name: t`Of what` }, { name: t`Span` }, { name: t`Asked` }]}>
        {list.map((w, i) => (
          <tr key={i}>
            <td>{w.service}</td>
            <td>{w.subject === undefined || w.subject === '' ? t`everything` : <ObjectLink id={w.subject} />}</td>
            <td>
              {time(Date.parse(w.from), zone)} – {time(Date.parse(w.to), zone)}
            </td>
            <td>{t`${time(Date.parse(w.asked), zone)} by ${w.who}`}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}
