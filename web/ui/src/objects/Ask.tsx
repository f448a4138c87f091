// Questions about objects in a part of SPARQL, and what is missing or
// contradicts itself among them.

import { useLingui } from '@lingui/react/macro'
import { Button, Textarea } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { findings, query, type Term } from '../api/standing'
import { DASH } from '../lib/format'
import { count } from '../lib/units'
import { ExportMenu } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { ObjectLink } from './words'
import classes from './Objects.module.css'

const shownRows = 500
const own = 'urn:wattwerk:'

/** An object of the installation leads to its page; everything else is written. */
function Written({ term }: { term: Term | undefined }) {
  const v = term?.value
  if (v === undefined) return DASH
  if (term?.type !== 'literal' && (v.startsWith(`${own}sensor/`) || v.startsWith(`${own}group/`))) return <ObjectLink id={decodeURIComponent(v.slice(own.length))} />
  return v.replace(/^https?:\/\/\S*[#/](?=[^#/]+$)/, '')
}

export function Ask() {
  const { t } = useLingui()
  const examples: [string, string][] = [
    [t`Sensors of power`, 'select ?s ?state where {\n  ?s a/rdfs:subClassOf* brick:Power_Sensor .\n  ?s ww:state ?state\n}'], [t`How many there are of each class`, 'select ?class (count(?s) as ?n) where {\n  ?s a ?class\n} group by ?class'],
    [t`Members of groups`, 'select ?group ?member where {\n  ?group a ww:CompositeVirtualObject .\n  ?group rec:includes ?member\n}'], [t`What is where`, 'select ?s ?space where {\n  ?s rec:locatedIn ?space\n}'],
  ]
  const [text, setText] = useState(examples[0]?.[1] ?? '')
  const asked = useMutation({ mutationFn: () => query(text) })
  const vars = asked.data?.head.vars ?? []
  const rows = asked.data?.results.bindings ?? []
  return (
    <Panel
      title={t`Ask about objects`} note={asked.data && t`${count(rows.length)} rows`} height={200}
      actions={asked.data && <ExportMenu name={t`Answer about objects`} table={() => ({ columns: vars.map((name) => ({ name, unit: '' })), rows: rows.map((r) => vars.map((v) => r[v]?.value ?? null)), zone: 'UTC' })} />}
    >
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          asked.mutate()
        }}
      >
        <Textarea className={classes.code} size="xs" label={t`Question`} description={t`a part of SPARQL: patterns, optional, filter, count, groups, subclasses; the prefixes brick, rec, qudt and ww are known`} autosize minRows={4} maxRows={16} maxLength={20_000} spellCheck={false} value={text} onChange={(e) => setText(e.currentTarget.value)} />
        <div className={classes.buttons}>
          <Button type="submit" size="xs" disabled={text.trim() === ''} loading={asked.isPending}>
            {t`Ask`}
          </Button>
          {examples.map(([name, q]) => (
            <Button key={name} size="compact-xs" variant="default" onClick={() => setText(q)}>
              {name}
            </Button>
          ))}
        </div>
        {asked.error && <p role="alert" className={classes.bad}>{t`It cannot be answered: ${asked.error.message}`}</p>}
      </form>
      {asked.data &&
        (rows.length === 0 ? (
          <p className={classes.text}>{t`Nothing is like that.`}</p>
        ) : (
          <>
            <Table label={t`Answer`} columns={vars.map((name) => ({ name }))}>
              {rows.slice(0, shownRows).map((r, i) => (
                <tr key={i}>
                  {vars.map((v) => (
                    <td key={v} className={classes.cell}>
                      <Written term={r[v]} />
                    </td>
                  ))}
                </tr>
              ))}
            </Table>
            {rows.length > shownRows && <p className={classes.text}>{t`These are the first ${shownRows} of ${count(rows.length)}.`}</p>}
          </>
        ))}
    </Panel>
  )
}

export function Findings() {
  const { t } = useLingui()
  const asked = useQuery({ queryKey: ['objects', 'findings'], queryFn: ({ signal }) => findings(signal), refetchInterval: 30_000, retry: 1 })
  const list = asked.data?.findings ?? []
  const names = { wrong: t`wrong`, suspect: t`suspect`, hint: t`hint` }
  return (
    <Panel title={t`What is missing or contradicts itself`} note={asked.data && t`${count(asked.data.total)} found`} height={160} asked={asked} empty={list.length === 0 ? t`Nothing was found: objects, spaces and what is said of them fit together.` : undefined}>
      <Table label={t`What is missing or contradicts itself`} columns={[{ name: t`How bad` }, { name: t`Of what` }, { name: t`What is wrong` }, { name: t`What to do` }]}>
        {list.map((f, i) => (
          <tr key={i}>
            <td>{names[f.severity]}</td>
            <td className={classes.cell}>{f.object !== undefined && f.object !== '' ? <ObjectLink id={f.object} /> : (f.space ?? DASH)}</td>
            <td className={classes.cell}>{f.text}</td>
            <td className={classes.cell}>{f.advice}</td>
          </tr>
        ))}
      </Table>
    </Panel>
  )
}
