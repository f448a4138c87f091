// What was offered, taken and refused, and what became of the refused.

import { useLingui } from '@lingui/react/macro'
import { Button, Code, Select, TextInput } from '@mantine/core'
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Letter } from '../api/generated/types.gen'
import { deadLetters, intake, retryLetters } from '../api/system'
import { ago } from '../lib/format'
import { time } from '../lib/time'
import { bytes, count } from '../lib/units'
import { Going, useGoing } from '../part/going'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { tell } from '../part/tell'
import { reasonOf } from './letters'
import classes from './System.module.css'

export function Intake({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['intake'], queryFn: ({ signal }) => intake(signal), refetchInterval: 5000 })
  const list = asked.data ?? []
  return (
    <>
      <Panel title={t`Intake`} note={t`since the start of each process`} height={140} asked={asked} empty={list.length === 0 ? t`Nothing was offered yet.` : undefined}>
        <Table
          label={t`Intake`}
          columns={[
            { name: t`Source` }, { name: t`Deliveries`, number: true }, { name: t`Volume`, number: true }, { name: t`Taken`, number: true }, { name: t`Left out`, number: true },
            { name: t`Refused`, number: true }, { name: t`Told to try again`, number: true }, { name: t`Last` },
          ]}
        >
          {list.map((x) => (
            <tr key={x.bridge}>
              <td>{x.bridge}</td>
              <td data-number="true">{count(x.messages)}</td>
              <td data-number="true">{bytes(x.bytes)}</td>
              <td data-number="true">{count(x.accepted)}</td>
              <td data-number="true">{count(x.filtered)}</td>
              <td data-number="true" className={x.refused > 0 ? classes.bad : undefined}>
                {count(x.refused)}
              </td>
              <td data-number="true">{count(x.failed)}</td>
              <td>{x.last === undefined ? '–' : ago(asked.dataUpdatedAt - Date.parse(x.last))}</td>
            </tr>
          ))}
        </Table>
      </Panel>
      {may && <Letters zone={zone} />}
    </>
  )
}

const page = 100
/** An attempt at all of them, a thousand at a time. */
interface Attempt {
  stored: number
  refused: number
  state: 'running' | 'done' | 'cancelled'
}
const trying = new Going<Attempt | undefined>(undefined)

function Letters({ zone }: { zone: string }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [source, setSource] = useState<string | null>(null)
  const [q, setQ] = useState('')
  const attempt = useGoing(trying)
  const asked = useInfiniteQuery({
    queryKey: ['dead-letters', 'all', source],
    queryFn: ({ pageParam, signal }) => deadLetters({ limit: page, before: pageParam, source: source ?? undefined }, signal),
    initialPageParam: undefined as number | undefined,
    getNextPageParam: (p) => p.next,
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
  })
  const settle = () => Promise.all([client.invalidateQueries({ queryKey: ['dead-letters'] }), client.invalidateQueries({ queryKey: ['intake'] })])
  const retry = useMutation({
    mutationFn: (l: Letter) => retryLetters({ ids: [l.id ?? 0] }),
    onSuccess: (r) => {
      const one = r.letters?.[0]
      if (one?.state === 'refused') tell({ bad: true, title: t`Refused again`, message: reasonOf(one, zone) })
      else if (one?.state === 'busy') tell({ message: t`Somebody else is trying it at this moment.` })
      else if (one?.state === 'gone') tell({ message: t`It is not kept any more.` })
      else tell({ title: t`Taken`, message: t`What was refused has now been stored.` })
    },
    onError: (e) => tell({ bad: true, title: t`It could not be tried again`, message: e.message }),
    onSettled: settle,
  })
  const all = async () => {
    await trying.run(async (signal) => {
      let now: Attempt = { stored: 0, refused: 0, state: 'running' }
      trying.set(now)
      try {
        for (let before: number | undefined; ; ) {
          const r = await retryLetters({ all: true, ...(source === null ? {} : { source }), ...(before === undefined ? {} : { before }) })
          now = { ...now, stored: now.stored + r.stored, refused: now.refused + r.refused }
          before = r.next
          if (before === undefined || signal.aborted) {
            now = { ...now, state: before === undefined ? 'done' : 'cancelled' }
            break
          }
          trying.set(now)
        }
        if (trying.unseen && now.state === 'done') tell({ title: t`Dead letters`, message: t`Done: ${count(now.stored)} stored, ${count(now.refused)} refused again.` })
      } catch (e) {
        now = { ...now, state: 'cancelled' }
        tell({ bad: true, title: t`It could not be tried again`, message: e instanceof Error ? e.message : String(e) })
      }
      trying.set(now)
    })
    await settle()
  }
  const letters = asked.data?.pages.flatMap((p) => p.letters ?? []) ?? []
  const [seen, setSeen] = useState<readonly string[]>([])
  // All that were seen stay to be chosen from, also while one of them is.
  const fresh = [...new Set(letters.map((l) => l.source))].filter((x) => !seen.includes(x))
  if (fresh.length > 0) setSeen([...seen, ...fresh].sort())
  const low = q.trim().toLowerCase()
  const shown = letters.filter((l) => low === '' || `${reasonOf(l, zone)} ${l.reason} ${l.sensor ?? ''} ${l.sample ?? ''}`.toLowerCase().includes(low))
  const total = asked.data?.pages[0]?.count ?? 0
  const busy = attempt?.state === 'running'
  const some = letters.some((l) => l.decoded === true && l.retriedAt === undefined)
  return (
    <Panel
      title={t`Dead letters`} note={t`${count(total)} kept, for 90 days at most`} height={220} asked={asked}
      empty={letters.length === 0 && source === null ? t`Everything that was offered was taken.` : undefined}
    >
      <div className={classes.filter}>
        <Select size="xs" clearable placeholder={t`All sources`} aria-label={t`Source of dead letters`} data={[...seen]} value={source} onChange={setSource} />
        <TextInput size="xs" placeholder={t`Reason, sensor or content`} w={230} aria-label={t`Search dead letters`} value={q} onChange={(e) => setQ(e.currentTarget.value)} />
        {busy ? (
          <Button size="xs" variant="default" onClick={() => trying.cancel()}>
            {t`Cancel`}
          </Button>
        ) : (
          <Button size="xs" variant="default" disabled={!some} onClick={() => void all()}>
            {source === null ? t`Try all again` : t`Try all of ${source} again`}
          </Button>
        )}
      </div>
      <p className={classes.dim} aria-live="polite">
        {attempt === undefined
          ? t`What is whole can be tried again when its cause is mended; of everything else only the beginning is kept, and its sender must send it again.`
          : attempt.state === 'running'
            ? t`${count(attempt.stored)} stored, ${count(attempt.refused)} refused again so far`
            : attempt.state === 'done'
              ? t`Done: ${count(attempt.stored)} stored, ${count(attempt.refused)} refused again.`
              : t`Broken off: ${count(attempt.stored)} stored, ${count(attempt.refused)} refused again. The others are as they were.`}
      </p>
      <ul className={classes.letters} aria-label={t`Dead letters`}>
        {shown.map((l) => (
          <li key={l.id ?? l.at}>
            <span className={classes.letterHead}>
              <strong>{reasonOf(l, zone)}</strong>
              {l.decoded && l.retriedAt === undefined && (
                <Button size="compact-xs" variant="default" disabled={busy} loading={retry.isPending && retry.variables.id === l.id} onClick={() => retry.mutate(l)}>
                  {t`Try again`}
                </Button>
              )}
            </span>
            <span className={classes.dim}>
              {time(l.at, zone, 'exact')} · {l.source}
              {l.sensor !== undefined && l.sensor !== '' && ` · ${l.sensor}`}
            </span>
            {l.retriedAt !== undefined && <span className={classes.stored}>{t`Stored ${time(Date.parse(l.retriedAt), zone, 'exact')}, tried again by ${l.retriedBy ?? '?'}`}</span>}
            {l.sample !== undefined && l.sample !== '' && <Code className={classes.sample}>{l.sample}</Code>}
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className={classes.dim}>{t`None of the ${letters.length} newest is like that.`}</p>}
      {asked.hasNextPage && (
        <Button size="xs" variant="default" loading={asked.isFetchingNextPage} onClick={() => void asked.fetchNextPage()}>
          {t`Older ones`}
        </Button>
      )}
    </Panel>
  )
}
