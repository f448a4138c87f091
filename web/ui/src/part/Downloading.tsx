// How far a file is that the server makes, with the way to leave it.

import { useLingui } from '@lingui/react/macro'
import { Button, Progress } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useSyncExternalStore } from 'react'
import { fetched } from '../api/download'
import { percent } from '../lib/format'
import { bytes } from '../lib/units'
import classes from './Downloading.module.css'
import type { Wanted } from './download'
import { saveBlob } from './save'

type State = { kind: 'running' | 'done'; bytes: number; share: number | undefined } | { kind: 'cancelled' } | { kind: 'failed'; why: string }

/** What is done within this time is not talked about, ms. */
const moment = 400

class Job {
  private state: State = { kind: 'running', bytes: 0, share: undefined }
  private readonly listeners = new Set<() => void>()
  readonly stop = new AbortController()
  constructor(readonly name: string) {}
  readonly now = () => this.state
  readonly subscribe = (l: () => void) => {
    this.listeners.add(l)
    return () => void this.listeners.delete(l)
  }
  set(s: State) {
    this.state = s
    this.listeners.forEach((l) => l())
  }
}

let count = 0
const running = new Set<Job>()
// Whoever leaves the page is asked whether what is on its way may be lost.
const stay = (e: BeforeUnloadEvent) => e.preventDefault()

export async function begin({ href, name }: Wanted): Promise<void> {
  const job = new Job(name)
  const id = `download-${++count}`
  const query = new URL(href, location.href).searchParams
  const [from, to] = [Number(query.get('from') ?? NaN), Number(query.get('to') ?? NaN)]
  const seen = { told: false }
  const tell = () => {
    seen.told = true
    notifications.show({ id, withCloseButton: false, autoClose: false, message: <Told job={job} onClose={() => notifications.hide(id)} /> })
  }
  if (running.size === 0) window.addEventListener('beforeunload', stay)
  running.add(job)
  const timer = setTimeout(tell, moment)
  let share: number | undefined
  try {
    const file = await fetched(href, { signal: job.stop.signal }, (p) => {
      if (p.at !== undefined && to > from) share = Math.max(share ?? 0, Math.min(1, (p.at - from) / (to - from)))
      job.set({ kind: 'running', bytes: p.bytes, share })
    })
    saveBlob(file.blob, file.name ?? name)
    job.set({ kind: 'done', bytes: file.blob.size, share: 1 })
    if (seen.told) setTimeout(() => notifications.hide(id), 6000)
  } catch (e) {
    job.set(job.stop.signal.aborted ? { kind: 'cancelled' } : { kind: 'failed', why: e instanceof Error ? e.message : String(e) })
    if (!seen.told) tell()
    if (job.stop.signal.aborted) setTimeout(() => notifications.hide(id), 6000)
  } finally {
    clearTimeout(timer)
    running.delete(job)
    if (running.size === 0) window.removeEventListener('beforeunload', stay)
  }
}

function Told({ job, onClose }: { job: Job; onClose: () => void }) {
  const { t } = useLingui()
  const s = useSyncExternalStore(job.subscribe, job.now)
  return (
    <div className={classes.told} role="group" aria-label={t`Export ${job.name}`}>
      <strong>{job.name}</strong>
      {s.kind === 'running' && <Progress value={s.share === undefined ? 100 : s.share * 100} animated={s.share === undefined} aria-label={t`Export ${job.name}`} />}
      <div className={classes.line}>
        <span className={s.kind === 'failed' ? classes.bad : undefined} role="status">
          {s.kind === 'running' && (s.bytes === 0 ? t`The server makes the file…` : s.share === undefined ? t`${bytes(s.bytes)} so far` : t`${bytes(s.bytes)} so far, ${percent(s.share)}`)}
          {s.kind === 'done' && t`Done: ${bytes(s.bytes)}.`}
          {s.kind === 'cancelled' && t`Cancelled. Nothing was kept.`}
          {s.kind === 'failed' && t`It broke off: ${s.why}`}
        </span>
        {s.kind === 'running' ? (
          <Button size="compact-xs" variant="default" aria-label={t`Cancel the export ${job.name}`} onClick={() => job.stop.abort()}>
            {t`Cancel`}
          </Button>
        ) : (
          <Button size="compact-xs" variant="default" onClick={onClose}>
            {t`Close`}
          </Button>
        )}
      </div>
    </div>
  )
}
