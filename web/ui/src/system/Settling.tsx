// How far everything is settled, and settling a span of time again.

import { useLingui } from '@lingui/react/macro'
import { Button, Progress } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { cancelSettling, settleAgain, settlement } from '../api/system'
import { time } from '../lib/time'
import { count, lasting } from '../lib/units'
import { read, written } from '../lib/wall'
import { startOf } from '../lib/zone'
import { Panel } from '../part/Panel'
import classes from './System.module.css'

export function Settling({ zone, may }: { zone: string; may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [ends, setEnds] = useState(() => [written(startOf('day', Date.now(), zone, -1), zone), written(startOf('day', Date.now(), zone), zone)] as const)
  /** The most ranges that were seen waiting since it began; 0: nothing was asked for. */
  const [begun, setBegun] = useState(0)
  /** How many were not settled when it was cancelled. */
  const [left, setLeft] = useState<number>()
  /** What was cancelled last before it began. */
  const [after, setAfter] = useState<number>()
  const asked = useQuery({ queryKey: ['settlement'], queryFn: ({ signal }) => settlement(signal), refetchInterval: begun === 0 ? 5000 : 1000 })
  const s = asked.data
  const waiting = s?.asked ?? 0
  // Here, or by somebody else meanwhile.
  const dropped = left ?? (after !== undefined && s?.cancelled !== undefined && s.cancelled.number > after ? s.cancelled.marks : undefined)
  // Also what somebody asked for before this page was opened.
  if (waiting > begun) setBegun(waiting)
  const from = read(ends[0], zone)
  const to = read(ends[1], zone)
  const run = useMutation({
    mutationFn: () => settleAgain({ from: new Date(from ?? 0).toISOString(), to: new Date(to ?? 0).toISOString() }),
    onSuccess: async (r) => {
      setLeft(undefined)
      setAfter(r.after)
      await client.invalidateQueries({ queryKey: ['settlement'] })
      setBegun(Math.max(1, r.marks))
    },
  })
  const cancel = useMutation({
    mutationFn: cancelSettling,
    onSuccess: async (r) => {
      await client.invalidateQueries({ queryKey: ['settlement'] })
      setLeft(r.marks)
    },
  })
  const known = s !== undefined && Date.parse(s.settled) > 0
  const wrong = from === undefined || to === undefined || to <= from
  return (
    <>
      <Panel title={t`Settled windows`} height={160} grows asked={asked}>
        {s && (
          <dl className={classes.facts}>
            <dt>{t`Settled until`}</dt>
            <dd>{known ? time(Date.parse(s.settled), zone, 'exact') : t`nothing yet`}</dd>
            <dt>{t`Behind by`}</dt>
            <dd>{known ? lasting(s.lag) : '–'}</dd>
            <dt>{t`Settled from`}</dt>
            <dd>{known ? time(Date.parse(s.since), zone, 'exact') : '–'}</dd>
            <dt>{t`Oldest reading`}</dt>
            <dd>{s.oldest === undefined ? '–' : time(Date.parse(s.oldest), zone, 'exact')}</dd>
            <dt>{t`Ranges waiting to be settled again`}</dt>
            <dd data-testid="marks">{count(s.marks)}</dd>
          </dl>
        )}
      </Panel>
      {may && (
        <Panel title={t`Settle again`} note={t`Times of ${zone}`} height={120}>
          <p className={classes.text}>{t`Computes the windows of a span of time from the raw readings once more. It happens by itself when readings come late; by hand it is needed after files of the history were changed.`}</p>
          <form
            className={classes.filter}
            onSubmit={(e) => {
              e.preventDefault()
              run.mutate()
            }}
          >
            <label className={`${classes.when ?? ''} ww-when`}>
              {t`Begin`}
              <input type="datetime-local" required value={ends[0]} onChange={(e) => setEnds([e.currentTarget.value, ends[1]])} />
            </label>
            <label className={`${classes.when ?? ''} ww-when`}>
              {t`End`}
              <input type="datetime-local" required value={ends[1]} onChange={(e) => setEnds([ends[0], e.currentTarget.value])} />
            </label>
            <Button type="submit" size="xs" disabled={wrong} loading={run.isPending}>
              {t`Settle again`}
            </Button>
          </form>
          {wrong && <p role="alert" className={classes.bad}>{t`The end must be after the begin.`}</p>}
          {run.error && <p role="alert" className={classes.bad}>{run.error.message}</p>}
          <div className={classes.progress} aria-live="polite">
            {begun > 0 && (
              <Progress.Root size="lg">
                <Progress.Section value={100 * Math.max(0, Math.min(1, 1 - (waiting + (dropped ?? 0)) / begun))} aria-label={t`Settled again`} />
              </Progress.Root>
            )}
            <span>
              {begun === 0
                ? t`Nothing was asked for.`
                : waiting > 0
                  ? t`${count(waiting)} of ${count(begun)} ranges are waiting.`
                  : dropped !== undefined && dropped > 0
                    ? t`Cancelled: ${count(dropped)} of ${count(begun)} ranges are as they were.`
                    : t`Done.`}
            </span>
          </div>
          {waiting > 0 && (
            <Button size="xs" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate()}>
              {t`Cancel`}
            </Button>
          )}
          {cancel.error && <p role="alert" className={classes.bad}>{cancel.error.message}</p>}
        </Panel>
      )}
    </>
  )
}
