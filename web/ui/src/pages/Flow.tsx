// Where the energy of a group went, as settled windows tell it.

import { NativeSelect } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { plural } from '@lingui/core/macro'
import { Trans, useLingui } from '@lingui/react/macro'
import { IconSitemap } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useMemo, useRef } from 'react'
import { flow } from '../api/flow'
import { useModel } from '../data/model'
import { useNow } from '../data/now'
import { Figures, shareDown } from '../flow/Figures'
import { narrowGap, Sankey, wideGap } from '../flow/Sankey'
import classes from '../flow/Flow.module.css'
import { drawing, type FlowRow } from '../lib/flow'
import { percent, text } from '../lib/format'
import { isLive } from '../lib/span'
import { exists, missing, nameOf, shownIn, zoneOf } from '../lib/subject'
import { time, timeRange, zoneName } from '../lib/time'
import type { Index } from '../lib/tree'
import { ExportMenu } from '../part/ExportMenu'
import { Gone } from '../part/Gone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { SpanPicker } from '../part/SpanPicker'
import { SubjectPicker } from '../part/SubjectPicker'
import type { Table } from '../part/table'
import { useSpan } from '../shell/span'

const lengths = ['24h', '7d', '30d', '365d'] as const
const groupsOnly = ['group'] as const

export function Flow() {
  const { t } = useLingui()
  const { index, isPending, error, refetch } = useModel()
  const { h, g } = useSearch({ from: '/app' })
  const group = g ?? (index && shownIn(index, h, undefined)?.root)
  const gone = index && missing(index, { h, g })
  if (gone) return <Gone title={t`Energy flow`} of={gone} />
  if (!index || group === undefined) {
    return (
      <Page title={t`Energy flow`}>
        <Panel title={t`Where the energy went`} height={420} asked={{ isPending, error: index ? null : error, refetch }} empty={t`There are no groups yet. Put sensors into groups in the model; then their energies are shown here.`}>
          {null}
        </Panel>
      </Page>
    )
  }
  return <Of index={index} group={group} />
}

function Of({ index, group }: { index: Index; group: string }) {
  const { t } = useLingui()
  const navigate = useNavigate()
  const search = useSearch({ from: '/app' })
  const narrow = useMediaQuery('(max-width: 48em)')
  const view = useSpan('7d')
  const host = useRef<HTMLDivElement>(null)
  const now = useNow()
  const zone = zoneOf(index, { kind: 'group', id: group })
  const h = shownIn(index, search.h, group)
  const wished = Number(search.depth)
  const depth = Number.isInteger(wished) && wished >= 1 && wished <= 8 ? wished : narrow ? 2 : 3
  const title = useMemo(() => nameOf(index, { kind: 'group', id: group }), [index, group])
  const live = isLive(view.span) ? view.span.live : undefined

  const q = useQuery({
    queryKey: ['flow', group, live ?? `${view.from} ${view.to}`, depth],
    queryFn: ({ signal }) => flow(group, undefined, live === undefined ? view.from : Date.now() - (view.to - view.from), live === undefined ? view.to : Date.now(), depth, signal),
    // Never the figures of another group under the name of this one.
    placeholderData: (old, query) => (query?.queryKey[1] === group ? old : undefined),
    refetchInterval: view.to > now - 3_600_000 ? 300_000 : false,
    retry: 1,
  })
  const body = q.data
  const made = useMemo(() => drawing(body ?? { nodes: null, links: null }), [body])
  const unit = body?.unit ?? 'Wh'

  const name = useCallback(
    (r: FlowRow): string => {
      const n = r.node
      if (n.kind === 'unaccounted') return t`Unaccounted`
      if (n.kind === 'others') return plural(n.members ?? 0, { one: '# other', other: '# others' })
      return r.index === 0 ? title : (n.name ?? n.id ?? '')
    },
    [t, title],
  )
  const leads = useCallback((r: FlowRow) => r.index !== 0 && r.node.id !== undefined && (r.node.kind === 'sensor' || (r.node.kind === 'group' && exists(index, { kind: 'group', id: r.node.id }))), [index])
  const go = useCallback((to: string) => void navigate({ to: '.', search: (old) => ({ ...old, g: to, s: undefined }) }), [navigate])
  const pick = useCallback(
    (r: FlowRow) => {
      if (!leads(r) || r.node.id === undefined) return
      if (r.node.kind === 'group') go(r.node.id)
      else void navigate({ to: '/sensors', search: { s: r.node.id } })
    },
    [leads, go, navigate],
  )

  const first = made.rows[0]
  const until = body ? Math.min(body.until, view.to) : view.to
  const settled = body !== undefined && body.until > body.from
  const late = body !== undefined && settled && view.to - body.until > 900_000
  const path = h ? index.path(h.id, group) : [group]
  const range = body ? timeRange(body.from, Math.max(body.from, until), zone, true) : ''
  const amount = text(first?.amount, unit)
  const lost = first?.node.unaccounted
  const highest = Math.max(...[1, 2, 3, 4, 5, 6, 7, 8].map((d) => made.rows.filter((r) => made.drawn.has(r.index) && r.node.depth === d).length))
  const height = narrow ? Math.max(360, 160 + (narrowGap + 14) * highest) : Math.max(300, Math.min(1400, 60 + (wideGap + 28) * highest))
  const table = (): Table => ({
    columns: [
      { name: t`Level`, unit: '' }, { name: t`Name`, unit: '' }, { name: t`Kind`, unit: '' }, { name: t`Identifier`, unit: '' }, { name: t`Energy`, unit }, { name: t`Share`, unit: '' }, { name: t`Complete`, unit: '' },
      { name: t`Estimated`, unit: '' },
    ],
    rows: made.rows.map((r) => [r.node.depth, name(r), r.node.kind, r.node.id ?? null, r.amount, r.share, r.node.completeness, r.node.estimated]),
    zone,
  })
  const empty = !body ? undefined : !settled ? t`Nothing is settled of this time yet. Settled windows come some minutes after the time they are of.` : first?.amount === null && made.rows.every((r) => r.amount === null) ? t`Nothing is known of this time. Choose another one, or import readings of it.` : undefined

  return (
    <Page
      title={t`Energy flow`}
      note={
        <nav aria-label={t`Place in the tree`}>
          <ol className={classes.path}>
            {path.map((x) => (
              <li key={x}>
                {x === group ? (
                  <span aria-current="page">{nameOf(index, { kind: 'group', id: x })}</span>
                ) : (
                  <button type="button" onClick={() => go(x)}>
                    {nameOf(index, { kind: 'group', id: x })}
                  </button>
                )}
              </li>
            ))}
          </ol>
        </nav>
      }
      actions={
        <>
          <SubjectPicker index={index} kinds={groupsOnly} label={t`Choose a group`} icon={<IconSitemap size={15} />} chosen={new Set([`group:${group}`])} onPick={(e) => go(e.id)}>
            <Trans>Group</Trans>
          </SubjectPicker>
          <NativeSelect
            size="xs"
            aria-label={t`Levels below the group`}
            value={`${depth}`}
            data={[1, 2, 3, 4, 5, 6, 7, 8].map((n) => ({ value: `${n}`, label: plural(n, { one: '# level', other: '# levels' }) }))}
            onChange={(e) => {
              const d = e.currentTarget.value
              void navigate({ to: '.', search: (old) => ({ ...old, depth: d }), replace: true })
            }}
          />
          <SpanPicker view={view} zone={zone} only={lengths} />
        </>
      }
    >
      <Panel
        title={t`Where the energy of ${title} went`}
        note={body && settled ? range : undefined}
        warning={late ? t`Settled until ${time(body.until, zone, 'moment')} ${zoneName(zone, body.until)}; what came later is not in it yet.` : undefined}
        asked={q}
        height={420}
        grows
        empty={empty}
        actions={<ExportMenu name={`${t`Energy flow`} ${title}`} table={table} picture={() => host.current} />}
      >
        <dl className={classes.sums}>
          <div>
            <dt>{first?.node.meter === undefined ? t`Sum of its members` : t`By its meter`}</dt>
            <dd className="ww-number" data-testid="flow-total">
              {amount}
            </dd>
          </div>
          {first?.node.compared !== undefined && (
            <div>
              <dt>{t`Unaccounted`}</dt>
              <dd className="ww-number">{text(lost ?? null, unit)}</dd>
            </div>
          )}
          <div>
            <dt>{t`Complete`}</dt>
            <dd className="ww-number">{percent(first === undefined ? null : shareDown(first.node.completeness), 1)}</dd>
          </div>
          <div>
            <dt>{t`Estimated`}</dt>
            <dd className="ww-number">{percent(first?.node.estimated, 1)}</dd>
          </div>
        </dl>
        <div ref={host}>
          {made.ribbons.length > 0 ? (
            <Sankey drawing={made} unit={unit} name={name} narrow={narrow} height={height} label={t`${title} came to ${amount} from ${range}`} onPick={pick} />
          ) : (
            <p className={classes.note}>{t`Nothing of it can be drawn: the table has what is known.`}</p>
          )}
        </div>
        {(made.backward.length > 0 || made.unknown.length > 0) && (
          <ul className={classes.words} aria-label={t`Not drawn`}>
            {made.backward.map((r) => {
              const who = name(r)
              const much = text(Math.abs(r.amount ?? 0), unit)
              return <li key={r.index}>{r.node.kind === 'unaccounted' ? t`The members say ${much} more than the meter above them.` : t`${who} counts as ${much} that flow the other way, and is not drawn.`}</li>
            })}
            {made.unknown.slice(0, 20).map((r) => {
              const who = name(r)
              return <li key={r.index}>{r.node.kind === 'unaccounted' ? t`What is unaccounted is not known: at no time are the meter and all members.` : t`Nothing is known of ${who}.`}</li>
            })}
          </ul>
        )}
      </Panel>
      {empty === undefined && (
        <Panel title={t`Figures`} note={t`Select a group to look deeper, a sensor to see its values.`} asked={q} height={240}>
          <Figures rows={made.rows} unit={unit} label={t`Figures of the energy flow`} name={name} leads={leads} onPick={pick} />
        </Panel>
      )}
    </Page>
  )
}
