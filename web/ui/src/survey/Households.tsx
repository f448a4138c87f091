// The households that take part.

import { useLingui } from '@lingui/react/macro'
import { Button, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { SurveyHousehold } from '../api/generated/types.gen'
import { households } from '../api/survey'
import { useNow } from '../data/now'
import { ago, DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { ConsentState, HomeLink, useStates, type State } from './words'
import classes from './Survey.module.css'

export function lastSeen(h: SurveyHousehold): number | null {
  return (h.devices ?? []).reduce<number | null>((last, d) => (d.lastSeen === undefined ? last : Math.max(last ?? 0, Date.parse(d.lastSeen))), null)
}

export function Households({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const states = useStates()
  const now = useNow()
  const { q = '' } = useSearch({ from: '/app' })
  const navigate = useNavigate()
  const [state, setState] = useState<State>()
  const [text] = useDebouncedValue(q.trim(), 250)
  const asked = useInfiniteQuery({
    queryKey: ['survey', 'households', text, state],
    queryFn: ({ pageParam, signal }) => households({ q: text === '' ? undefined : text, state, after: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next,
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  })
  const list = asked.data?.pages.flatMap((p) => p.items ?? []) ?? []
  const total = asked.data?.pages[0]?.total ?? 0
  const narrowed = text !== '' || state !== undefined
  return (
    <Panel
      title={t`Households`} note={asked.data && t`${count(total)} found`} height={320} asked={asked}
      actions={
        may && (
          <Button size="compact-sm" leftSection={<IconPlus size={15} aria-hidden="true" />} onClick={() => void navigate({ to: '.', search: (old) => ({ ...old, home: 'new' }) })}>
            {t`Register a household`}
          </Button>
        )
      }
    >
      <div className={classes.filter}>
        <TextInput
          className={classes.search} size="sm" label={t`Search`} placeholder={t`Pseudonym, name, address, model, serial number`} leftSection={<IconSearch size={16} aria-hidden="true" />}
          value={q} maxLength={100} onChange={(e) => {
            const next = e.currentTarget.value
            void navigate({ to: '.', search: (old) => ({ ...old, q: next === '' ? undefined : next }), replace: true })
          }}
        />
        <Select
          size="sm" label={t`Consent`} clearable placeholder={t`any`} value={state ?? null} onChange={(v) => setState((v) ?? undefined)}
          data={(Object.keys(states) as State[]).map((value) => ({ value, label: states[value] }))}
        />
      </div>
      {list.length === 0 ? (
        <p className={classes.text}>{narrowed ? t`No household is like that.` : t`No household takes part yet. Register the first one.`}</p>
      ) : (
        <Table label={t`Households`} columns={[{ name: t`Pseudonym` }, { name: t`Participant` }, { name: t`Consent` }, { name: t`Devices` }, { name: t`Meters` }, { name: t`Last seen` }, { name: t`Registered` }]}>
          {list.map((h) => {
            const seen = lastSeen(h)
            const devices = h.devices ?? []
            const enrolled = devices.filter((d) => d.enrolled).length
            return (
              <tr key={h.id}>
                <td><HomeLink id={h.id} /></td>
                <td className={classes.many}>
                  {h.participant?.name ?? DASH}
                  {h.address?.city !== undefined && <span className={`${classes.dim ?? ''} ${classes.line ?? ''}`}>{h.address.city}</span>}
                </td>
                <td><ConsentState state={h.consent.state} /></td>
                <td>{h.consent.state === 'revoked' ? DASH : t`${enrolled} of ${devices.length} enrolled`}</td>
                <td>{(h.meters ?? []).map((m) => m.model).join(', ') || DASH}</td>
                <td>{seen === null ? DASH : <span title={time(seen, zone, 'exact')}>{ago(now - seen)}</span>}</td>
                <td>{time(Date.parse(h.registered), zone, 'date')}</td>
              </tr>
            )
          })}
        </Table>
      )}
      {asked.hasNextPage && (
        <Button size="xs" variant="default" mt="sm" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
          {t`More`}
        </Button>
      )}
    </Panel>
  )
}

