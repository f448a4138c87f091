// A copy of everything as one file, and how it is put back.

import { Trans, useLingui } from '@lingui/react/macro'
import { Button, Code, Progress } from '@mantine/core'
import { backup } from '../api/backup'
import { bytes } from '../lib/units'
import { Going, useGoing } from '../part/going'
import { Panel } from '../part/Panel'
import { saveBlob } from '../part/save'
import { tell } from '../part/tell'
import classes from './System.module.css'

type State = { kind: 'idle' } | { kind: 'running'; bytes: number } | { kind: 'done'; bytes: number } | { kind: 'cancelled' } | { kind: 'failed'; why: string }

const download = new Going<State>({ kind: 'idle' })

export function Backup() {
  const { t } = useLingui()
  const state = useGoing(download)
  const go = () =>
    download.run(async (signal) => {
      download.set({ kind: 'running', bytes: 0 })
      let last = 0
      let ended: State
      try {
        const blob = await backup((n) => {
          // Not for every piece.
          if (n - last < 100_000) return
          last = n
          download.set({ kind: 'running', bytes: n })
        }, signal)
        saveBlob(blob, `wattwerk-${new Date().toISOString().slice(0, 10)}.tar.zst`)
        ended = { kind: 'done', bytes: blob.size }
      } catch (e) {
        ended = signal.aborted ? { kind: 'cancelled' } : { kind: 'failed', why: e instanceof Error ? e.message : String(e) }
      }
      download.set(ended)
      if (!download.unseen) return
      if (ended.kind === 'done') tell({ title: t`Backup`, message: t`Done: ${bytes(ended.bytes)}.` })
      else if (ended.kind === 'failed') tell({ bad: true, title: t`Backup`, message: t`It broke off: ${ended.why}` })
    })
  return (
    <>
      <Panel title={t`Backup`} height={140}>
        <p className={classes.text}>{t`Readings, settled windows, model, users, rules and corrections as one file, consistent, while everything goes on. It holds secrets: keep it safe.`}</p>
        <div className={classes.filter}>
          {state.kind === 'running' ? (
            <Button size="xs" variant="default" onClick={() => download.cancel()}>
              {t`Cancel`}
            </Button>
          ) : (
            <Button size="xs" onClick={() => void go()}>
              {t`Download a backup`}
            </Button>
          )}
        </div>
        <div className={classes.progress} aria-live="polite">
          {state.kind === 'running' && <Progress value={100} animated size="lg" aria-label={t`Backup`} />}
          {state.kind === 'running' && <span>{t`${bytes(state.bytes)} so far`}</span>}
          {state.kind === 'done' && <span>{t`Done: ${bytes(state.bytes)}.`}</span>}
          {state.kind === 'cancelled' && <span>{t`Cancelled. Nothing was kept.`}</span>}
          {state.kind === 'failed' && <span className={classes.bad}>{t`It broke off: ${state.why}`}</span>}
        </div>
      </Panel>
      <Panel title={t`How to restore`} height={140}>
        <ol className={classes.steps}>
          <li>{t`Stop the program, or take another machine with the same version or a newer one.`}</li>
          <li>
            <Trans>
              Put the file into an empty directory: <Code>wattwerk restore FILE.tar.zst --data DIRECTORY</Code>
            </Trans>
          </li>
          <li>
            <Trans>
              Start it there: <Code>wattwerk run --data DIRECTORY</Code>
            </Trans>
          </li>
        </ol>
        <p className={classes.text}>
          <Trans>
            Every night by itself: <Code>wattwerk backup</Code> in a timer of the system makes the same file.
          </Trans>
        </p>
      </Panel>
    </>
  )
}
