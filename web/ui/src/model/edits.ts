// Changes of the model: each is sent at once, shown before the server has
// answered, taken back when it refuses, and can be undone and done again.

import { useLingui } from '@lingui/react/macro'
import { useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { ApiError, type Model } from '../api/client'
import type { Change, Patch } from '../api/generated/types.gen'
import { changeModel, revisions, undoRevision } from '../api/model'
import { Gone, patched } from '../lib/edit'
import { tell } from '../part/tell'
import { forGood, putBack, type Step } from './steps'

/** What somebody wants to have done. */
export interface Edit {
  /** "Moved Press 3": for the list of what can be undone. */
  label: string
  /** What it makes of the model as it is known here. */
  plan: (m: Model) => Patch
  /** Sends it by a route of its own; without, the plan itself is sent. */
  send?: (m: Model) => Promise<Change>
}

export interface Edits {
  run: (e: Edit) => Promise<boolean>
  undo: (() => void) | undefined
  redo: (() => void) | undefined
  undoes: string | undefined
  redoes: string | undefined
  /** How many are on their way. */
  busy: boolean
}

const key = ['model']
/** How often a change is made anew for a model that somebody else changed meanwhile. */
const attempts = 4

/** Does one thing after the other. */
class Queue {
  private last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const next = this.last.then(work, work)
    this.last = next
    return next
  }
}

export function useEdits(): Edits {
  const { t } = useLingui()
  const client = useQueryClient()
  const [done, setDone] = useState<readonly Step[]>([])
  const [undone, setUndone] = useState<readonly Step[]>([])
  const [busy, setBusy] = useState(0)
  // One after the other: a change builds on the one before.
  const [queue] = useState(() => new Queue())

  return useMemo(() => {
    const latest = () => client.getQueryData<Model>(key)
    const say = (e: unknown, label: string) => {
      const what = e instanceof Gone ? t`${e.id} is not there any more; somebody has changed the model meanwhile.` : e instanceof Error ? e.message : String(e)
      tell({ bad: true, title: t`Not done: ${label}`, message: what })
    }
    const refresh = async () => {
      await Promise.all([client.refetchQueries({ queryKey: key }), client.invalidateQueries({ queryKey: ['unassigned'] }), client.invalidateQueries({ queryKey: ['revisions'] })])
    }
    const inTurn = (work: () => Promise<boolean>): Promise<boolean> => {
      setBusy((n) => n + 1)
      return queue.run(work).finally(() => setBusy((n) => n - 1))
    }

    const send = async (e: Edit): Promise<Change> => {
      for (let i = 1; ; i++) {
        const m = latest()
        if (!m) throw new Error(t`the model is not loaded`)
        await client.cancelQueries({ queryKey: key })
        const plan = e.plan(m)
        client.setQueryData<Model>(key, patched(m, plan))
        try {
          const c = e.send ? await e.send(m) : await changeModel(plan, m.revision)
          if (m.revision !== undefined && c.revision === m.revision + 1 && !e.send) client.setQueryData<Model>(key, (now) => now && { ...now, revision: c.revision })
          else await client.refetchQueries({ queryKey: key })
          return c
        } catch (err) {
          client.setQueryData<Model>(key, m)
          await client.refetchQueries({ queryKey: key })
          if (!(err instanceof ApiError && err.status === 412) || i === attempts) throw err
        }
      }
    }

    const run = (e: Edit) =>
      inTurn(async () => {
        const base = latest()?.revision
        try {
          const c = await send(e)
          if (c.revision !== base) {
            setDone((old) => [...old, { label: e.label, revision: c.revision }])
            setUndone([])
          }
          void client.invalidateQueries({ queryKey: ['unassigned'] })
          void client.invalidateQueries({ queryKey: ['revisions'] })
          return true
        } catch (err) {
          say(err, e.label)
          return false
        }
      })

    const back = (from: readonly Step[], setFrom: typeof setDone, setTo: typeof setDone, label: (s: string) => string) => {
      const last = from.at(-1)
      if (!last) return undefined
      return () => {
        setFrom((old) => old.filter((s) => s !== last))
        void inTurn(async () => {
          try {
            const c = await undoRevision(last.revision)
            setTo((old) => [...old, { label: last.label, revision: c.revision }])
            await refresh()
            return true
          } catch (err) {
            // Nothing was changed: it can be tried again.
            if (!forGood(err)) setFrom((old) => putBack(old, last))
            if (err instanceof ApiError && err.status === 409) {
              const newest = await revisions(undefined).then((r) => r.items?.[0], () => undefined)
              const who = newest?.who ?? ''
              tell({ bad: true, title: label(last.label), message: t`${err.message}. The last change was made by ${who}.` })
            } else say(err, label(last.label))
            await refresh()
            return false
          }
        })
      }
    }

    return {
      run,
      undo: back(done, setDone, setUndone, (s) => t`Undo: ${s}`),
      redo: back(undone, setUndone, setDone, (s) => t`Redo: ${s}`),
      undoes: done.at(-1)?.label,
      redoes: undone.at(-1)?.label,
      busy: busy > 0,
    }
  }, [client, t, queue, done, undone, busy])
}
