// How available energy services are, and what they hang on.

import { useLingui } from '@lingui/react/macro'
import { Select } from '@mantine/core'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { availability, type Of } from '../api/availability'
import { ApiError } from '../api/client'
import { First } from '../availability/First'
import { Now } from '../availability/Now'
import { Past } from '../availability/Past'
import { WhatIf } from '../availability/WhatIf'
import classes from '../availability/Availability.module.css'
import { useModel } from '../data/model'
import { entries } from '../lib/subject'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Sections } from '../part/Sections'

export function Availability() {
  const { t } = useLingui()
  const { index } = useModel()
  const navigate = useNavigate()
  const { o, sid } = useSearch({ from: '/app' })
  const zone = knownZone(index?.model.sites[0]?.zone)
  const asked = useQuery({ queryKey: ['availability', 'now', o], queryFn: ({ signal }) => availability(o, signal), refetchInterval: 5_000, placeholderData: keepPreviousData, retry: (n, e) => n < 1 && !(e instanceof ApiError && e.status === 404) })
  const list = asked.data?.services ?? []
  const groups = useMemo(() => (index ? entries(index, ['group']).slice(0, 2000).map((e) => ({ value: `group/${e.id}`, label: e.where === '' ? e.label : `${e.label} (${e.where})` })) : []), [index])
  const service = list.find((s) => s.sid === sid) ?? list[0]
  const of: Of | undefined = service && { sid: service.sid, domain: service.domain, subject: o }
  const set = (change: { o?: string | undefined; sid?: string | undefined }) => void navigate({ to: '.', search: (old) => ({ ...old, ...change }), replace: true })
  const absent = asked.error instanceof ApiError && asked.error.status === 404
  if (!asked.data) {
    return (
      <Page title={t`Availability`}>
        <Panel title={t`Services`} height={320} asked={absent ? [] : asked} empty={absent ? t`This program knows no energy services. Start it with the module “service”.` : undefined}>
          {null}
        </Panel>
      </Page>
    )
  }
  const choose = (withService: boolean) => (
    <div className={classes.bar}>
      <Select size="xs" label={t`Of what`} placeholder={t`everything`} searchable clearable clearButtonProps={{ 'aria-label': t`everything` }} limit={100} nothingFoundMessage={t`There is none.`} data={groups} value={o ?? null} onChange={(v) => set({ o: v ?? undefined })} />
      {withService && <Select size="xs" label={t`Service`} allowDeselect={false} data={list.map((s) => ({ value: s.sid, label: s.name === undefined ? s.sid : `${s.sid} ${s.name}` }))} value={service?.sid ?? null} onChange={(v) => v !== null && set({ sid: v })} />}
    </div>
  )
  const none = <Panel title={t`Services`} height={120} empty={t`There is no service yet.`}>{null}</Panel>
  return (
    <Page title={t`Availability`} note={asked.error ? t`This is as it was; it could not be asked again: ${asked.error.message}` : zone}>
      <Sections
        label={t`Parts of availability`}
        sections={[
          { id: 'now', name: t`Now`, content: () => <>{choose(false)}{list.length === 0 ? none : <Now list={list} zone={zone} />}</> },
          { id: 'past', name: t`Over time`, content: () => <>{choose(true)}{of ? <Past key={of.sid} of={of} zone={zone} /> : none}</> },
          { id: 'first', name: t`Repair first`, content: () => <>{choose(true)}{of ? <First of={of} /> : none}</> },
          { id: 'if', name: t`What if`, content: () => <>{choose(true)}{of ? <WhatIf of={of} /> : none}</> },
        ]}
      />
    </Page>
  )
}
