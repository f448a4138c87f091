// Spaces and what is said of objects, from JSON-LD: first it is said what would be done
// and what is wrong, then it is done.

import { useLingui } from '@lingui/react/macro'
import { Button, FileButton, Textarea } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { importObjects } from '../api/microservices'
import { count } from '../lib/units'
import { Panel } from '../part/Panel'
import classes from './Objects.module.css'

const largest = 16 * 1024 * 1024

export function ImportObjects({ may }: { may: boolean }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const [text, setText] = useState('')
  const [large, setLarge] = useState(false)
  const doc = ((): unknown => {
    try {
      const v: unknown = JSON.parse(text)
      return typeof v === 'object' && v !== null ? v : undefined
    } catch {
      return undefined
    }
  })()
  const run = useMutation({
    mutationFn: ({ apply }: { apply: boolean; of: string }) => importObjects(doc, apply),
    onSuccess: (r) => (r.applied ? client.invalidateQueries({ queryKey: ['objects'] }) : undefined),
  })
  const r = run.data
  // What was looked at is what stands in the field now.
  const looked = r !== undefined && run.variables.of === text
  const faults = r?.faults ?? []
  const take = async (f: File | null) => {
    if (!f) return
    setLarge(f.size > largest)
    if (f.size <= largest) setText(await f.text())
  }
  return (
    <Panel title={t`Take spaces and meanings from JSON-LD`} height={200}>
      <p className={classes.text}>{t`What this installation itself writes as JSON-LD can be changed and taken back here. Sensors and groups are not made by it: they come from the model. Nothing is done before you have looked.`}</p>
      <Textarea label={t`JSON-LD`} size="xs" autosize minRows={6} maxRows={18} value={text} error={text.trim() !== '' && doc === undefined ? t`This is no JSON.` : large ? t`The file is larger than 16 MB.` : undefined} onChange={(e) => setText(e.currentTarget.value)} styles={{ input: { fontFamily: 'monospace' } }} />
      <div className={classes.filters} style={{ marginTop: '0.6rem' }}>
        <FileButton onChange={(f) => void take(f)} accept=".json,.jsonld,application/ld+json,application/json">
          {(props) => (
            <Button {...props} size="xs" variant="default">
              {t`Choose a file`}
            </Button>
          )}
        </FileButton>
        <Button size="xs" variant={looked && !r.applied ? 'default' : 'filled'} disabled={doc === undefined || !may} loading={run.isPending && !run.variables.apply} onClick={() => run.mutate({ apply: false, of: text })}>
          {t`Look what would be done`}
        </Button>
        <Button size="xs" disabled={!looked || r.applied || !may} loading={run.isPending && run.variables.apply} onClick={() => run.mutate({ apply: true, of: text })}>
          {t`Take it`}
        </Button>
      </div>
      {!may && <p className={classes.text}>{t`Only who may operate the installation can do so.`}</p>}
      <div aria-live="polite">
        {run.error ? (
          <p role="alert" className={classes.bad}>{t`It could not be read: ${run.error.message}`}</p>
        ) : looked ? (
          <>
            <p>
              <strong>{r.applied ? t`Done: ${count(r.spaces)} spaces, ${count(r.enrichments)} objects.` : t`It would write ${count(r.spaces)} spaces, and what is said of ${count(r.enrichments)} objects.`}</strong>{' '}
              {t`${count(r.statements)} statements were read, ${count(r.ignored)} of them say nothing about objects or spaces.`}
            </p>
            {faults.length > 0 ? (
              <>
                <h3 className={classes.sub}>{t`What is wrong, and would be left out`}</h3>
                <ul className={classes.list} aria-label={t`What is wrong, and would be left out`}>
                  {faults.map((f, i) => (
                    <li key={i}>{f}</li>
                  ))}
                  {r.moreFaults > 0 && <li>{t`and ${count(r.moreFaults)} more`}</li>}
                </ul>
              </>
            ) : (
              <p className={classes.text}>{t`Nothing is wrong with it.`}</p>
            )}
          </>
        ) : null}
      </div>
    </Panel>
  )
}
