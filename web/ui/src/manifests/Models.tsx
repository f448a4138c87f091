// The models behind manifests, type by type, as tables.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useDebouncedValue, useMediaQuery } from '@mantine/hooks'
import { IconPlus, IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { list, remove, type Channel, type Consumer, type DataKind, type Definition, type Gateway, type Interface, type ModelKind, type Models as All, type Source, type SourceDefinition, type Stored } from '../api/manifests'
import { DASH } from '../lib/format'
import { time } from '../lib/time'
import { count } from '../lib/units'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { Table, type Col } from '../part/Table'
import { tell } from '../part/tell'
import type { Catalogue } from './data'
import { ModelForm } from './ModelForm'
import { Versions } from './Versions'
import { useKinds } from './words'
import classes from './Manifests.module.css'

const order = ['sources', 'source-definitions', 'interfaces', 'kinds', 'gateways', 'definitions', 'consumers', 'channels'] as const
type Kind = (typeof order)[number]

const isKind = (k: string | undefined): k is Kind => (order as readonly string[]).includes(k ?? '')

/** The columns of a type that are its own, and what stands in them. */
function useColumns(catalogue: Catalogue, zone: string): Record<Kind, { columns: Col[]; cells: (m: unknown) => (string | undefined)[] }> {
  const { t } = useLingui()
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- it says which type of model the cells are of
  const of = <T,>(columns: string[], cells: (m: T) => (string | undefined)[]) => ({ columns: columns.map((name) => ({ name })), cells: (m: unknown) => cells(m as T) })
  const place = (g: string | undefined) => (g === undefined || g === '' ? t`the centre` : catalogue.gateways.name(g))
  return {
    sources: of<Source>([t`Protocol`, t`Definition`, t`Gateway`, t`State`], (m) => [catalogue.interfaceOf(m)?.protocol ?? 'internal', catalogue.sourceDefinitions.name(m.definition), place(m.gateway), m.disabled === true ? t`switched off` : t`switched on`]),
    'source-definitions': of<SourceDefinition>([t`Data interface`, t`Data kinds`], (m) => [catalogue.interfaces.name(m.interface), (m.kinds ?? []).map((k) => catalogue.kinds.name(k)).join(', ')]),
    interfaces: of<Interface>([t`Protocol`, t`Parameters`], (m) => [m.protocol ?? 'internal', (m.parameters ?? []).map((p) => p.name).join(', ')]),
    kinds: of<DataKind>([t`Quantity`, t`Unit`, t`Format`], (m) => [m.quantityKind, m.unit, m.format ?? 'json']),
    gateways: of<Gateway>([t`Namespace`, t`Place`], (m) => [m.namespace, m.place?.virtual]),
    definitions: of<Definition>([t`Type`, t`Version`, t`Narrows`], (m) => [m.type, m.version, (m.parameters ?? []).map((p) => p.name).join(', ')]),
    consumers: of<Consumer>([t`URI`, t`Works with`], (m) => [m.uri, (m.definitions ?? []).map((x) => catalogue.sourceDefinitions.name(x)).join(', ')]),
    channels: of<Channel>([t`Data source`, t`Data consumer`, t`Valid`], (m) => {
      const from = m.validFrom === undefined ? '…' : time(Date.parse(m.validFrom), zone)
      const to = m.validTo === undefined ? '…' : time(Date.parse(m.validTo), zone)
      return [catalogue.sources.name(m.source), catalogue.consumers.name(m.consumer), t`${from} to ${to}`]
    }),
  }
}

export function Models({ catalogue, zone, may }: { catalogue: Catalogue; zone: string; may: boolean }) {
  const { t } = useLingui()
  const names = useKinds()
  const navigate = useNavigate()
  const { kind: wished } = useSearch({ from: '/app' })
  const kind: Kind = isKind(wished) ? wished : 'sources'
  const narrow = useMediaQuery('(max-width: 75em)')
  const go = (k: string | null) => k !== null && void navigate({ to: '.', search: (old) => ({ ...old, kind: k, q: undefined }), replace: true })
  const data = order.map((k) => ({ value: k, label: names[k] }))
  return (
    <>
      {narrow ? <Select size="sm" aria-label={t`Type of the models`} allowDeselect={false} data={data} value={kind} onChange={go} /> : <SegmentedControl size="xs" aria-label={t`Type of the models`} data={data} value={kind} onChange={go} />}
      <ModelTable key={kind} kind={kind} catalogue={catalogue} zone={zone} may={may} />
    </>
  )
}

export function ModelTable({ kind, catalogue, zone, may }: { kind: Kind; catalogue: Catalogue; zone: string; may: boolean }) {
  const { t } = useLingui()
  const names = useKinds()
  const client = useQueryClient()
  const navigate = useNavigate()
  const { q = '' } = useSearch({ from: '/app' })
  const [wanted] = useDebouncedValue(q.trim(), 250)
  const [edited, setEdited] = useState<Stored<All[Kind]> | 'new'>()
  const [looked, setLooked] = useState<Stored<All[Kind]>>()
  const [question, setQuestion] = useState<Question>()
  const asked = useInfiniteQuery({
    queryKey: ['manifests', 'list', kind, wanted],
    queryFn: ({ pageParam, signal }) => list(kind as ModelKind, { q: wanted === '' ? undefined : wanted, after: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => (last.next === '' ? undefined : last.next),
    placeholderData: keepPreviousData,
  })
  const drop = useMutation({
    mutationFn: (x: Stored<All[Kind]>) => remove(kind, x.model.id ?? '', x.version),
    onError: (e) => tell({ bad: true, title: t`Not removed`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['manifests'] }),
  })
  const { columns, cells } = useColumns(catalogue, zone)[kind]
  const found = asked.data?.pages.flatMap((p) => p.items ?? []) ?? []
  const total = asked.data?.pages[0]?.total ?? 0
  const own = kind !== 'channels'
  const nameOf = (x: Stored<unknown>) => {
    const m = x.model as { name?: string; id?: string; source?: string }
    return m.name ?? catalogue.sources.name(m.source)
  }
  return (
    <Panel
      title={names[kind]} note={asked.data && t`${count(total)} found`} height={240} asked={asked}
      actions={
        may && (
          <Button size="compact-sm" leftSection={<IconPlus size={15} aria-hidden="true" />} onClick={() => setEdited('new')}>
            {t`Add`}
          </Button>
        )
      }
    >
      <TextInput
        className={classes.search} size="xs" aria-label={t`Search ${names[kind]}`} placeholder={t`Search`} leftSection={<IconSearch size={15} aria-hidden="true" />} value={q} maxLength={100}
        onChange={(e) => {
          const next = e.currentTarget.value
          void navigate({ to: '.', search: (old) => ({ ...old, q: next === '' ? undefined : next }), replace: true })
        }}
      />
      {found.length === 0 ? (
        <p className={classes.text}>{wanted === '' ? t`There is none yet.` : t`None is like that.`}</p>
      ) : (
        <Table label={names[kind]} columns={[...(own ? [{ name: t`Name` }] : []), ...columns, { name: t`Changed` }, { name: t`What to do` }]}>
          {found.map((x) => {
            const name = nameOf(x)
            const stored = x as Stored<All[Kind]>
            const description = (x.model as { description?: string }).description
            return (
              <tr key={x.model.id}>
                {own && (
                  <td>
                    {name}
                    {description !== undefined && description !== '' && <span className={classes.dim}>{description}</span>}
                  </td>
                )}
                {cells(x.model).map((c, i) => (
                  <td key={columns[i]?.name ?? i} className={classes.cell}>
                    {c === undefined || c === '' ? DASH : c}
                  </td>
                ))}
                <td>{t`${time(Date.parse(x.changed), zone)} by ${x.changedBy}`}</td>
                <td>
                  <Group gap="xs" wrap="nowrap">
                    {may && (
                      <Button size="compact-xs" variant="default" aria-label={t`Change ${name}`} onClick={() => setEdited(stored)}>
                        {t`Change`}
                      </Button>
                    )}
                    <Button size="compact-xs" variant="default" aria-label={t`Versions of ${name}`} onClick={() => setLooked(stored)}>
                      {t`Versions`}
                    </Button>
                    {may && (
                      <Button
                        size="compact-xs" variant="default" aria-label={t`Remove ${name}`}
                        onClick={() => setQuestion({ title: t`Remove ${name}?`, action: t`Remove`, danger: true, text: t`What is used by something else cannot be removed; you are told by what.`, onAnswer: () => drop.mutate(stored) })}
                      >
                        {t`Remove`}
                      </Button>
                    )}
                  </Group>
                </td>
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
      {edited !== undefined && <ModelForm kind={kind} stored={edited === 'new' ? undefined : edited} catalogue={catalogue} zone={zone} onClose={() => setEdited(undefined)} />}
      {looked && <Versions kind={kind} stored={looked} zone={zone} may={may} onClose={() => setLooked(undefined)} />}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </Panel>
  )
}
