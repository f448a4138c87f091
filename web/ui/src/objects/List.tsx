// All objects, narrowed by words, class, place and state.

import { useLingui } from '@lingui/react/macro'
import { Autocomplete, Button, Select, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { objects, spaces, type State, type Wanted } from '../api/objects'
import { ago, DASH, text } from '../lib/format'
import { className, states, usualClasses } from '../lib/objects'
import { count } from '../lib/units'
import { ExportMenu, type FileLink } from '../part/ExportMenu'
import { Panel } from '../part/Panel'
import { Table } from '../part/Table'
import { ObjectLink, StateMark, StateShape, useStates } from './words'
import classes from './Objects.module.css'

const known = (s: string | undefined): State[] => (s ?? '').split(',').filter((x): x is State => (states as readonly string[]).includes(x))

export function List({ links }: { links: readonly FileLink[] }) {
  const { t } = useLingui()
  const names = useStates()
  const navigate = useNavigate()
  const { q = '', kind, cls, sp, st, g } = useSearch({ from: '/app' })
  const [search] = useDebouncedValue(q.trim(), 250)
  const [wantedClass] = useDebouncedValue(cls, 250)
  const chosen = known(st)
  const which: Wanted['kind'] = kind === 'sensor' || kind === 'group' ? kind : undefined
  const wanted: Wanted = { search: search === '' ? undefined : search, kind: which, class: wantedClass, space: sp, under: g === undefined ? undefined : `group/${g}` }
  const set = (change: Record<string, string | undefined>) => void navigate({ to: '.', search: (old) => ({ ...old, ...Object.fromEntries(Object.entries(change).map(([k, v]) => [k, v === '' ? undefined : v])) }), replace: true })
  const asked = useInfiniteQuery({
    queryKey: ['objects', 'list', wanted, st],
    queryFn: ({ pageParam, signal }) => objects({ ...wanted, state: chosen.length > 0 ? chosen : undefined }, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (p) => p.next,
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
    retry: 1,
  })
  // How many are in each state is told of all, whatever of it is shown.
  const tallied = useQuery({ queryKey: ['objects', 'tally', wanted], queryFn: ({ signal }) => objects(wanted, undefined, signal), refetchInterval: 5_000, placeholderData: keepPreviousData, retry: 1 })
  const places = useQuery({ queryKey: ['objects', 'spaces'], queryFn: ({ signal }) => spaces(signal), staleTime: 30_000, retry: 1 })
  const found = asked.data?.pages.flatMap((p) => p.objects ?? []) ?? []
  const total = asked.data?.pages[0]?.total ?? 0
  const now = asked.dataUpdatedAt
  const filtered = search !== '' || which !== undefined || cls !== undefined || sp !== undefined || g !== undefined || chosen.length > 0
  return (
    <Panel
      title={t`Objects`} note={asked.data && t`${count(total)} found`} height={320} asked={asked.error && asked.data ? [] : asked} warning={asked.error && asked.data ? t`This is as it was; it could not be asked again: ${asked.error.message}` : undefined}
      actions={
        <ExportMenu
          name={t`Objects`} links={links}
          table={() => ({
            columns: [{ name: t`Object`, unit: '' }, { name: t`Name`, unit: '' }, { name: t`Class`, unit: '' }, { name: t`State`, unit: '' }, { name: t`Space`, unit: '' }, { name: t`Heard`, unit: '' }, { name: t`Value`, unit: '' }, { name: t`Unit`, unit: '' }],
            rows: found.map((o) => [o.id, o.name ?? null, o.class, o.state, o.space ?? null, o.last === null ? null : { at: Date.parse(o.last) }, o.value, o.unit ?? null]),
            zone: 'UTC',
          })}
        />
      }
    >
      <div className={classes.filters} role="search" aria-label={t`Narrow the objects`}>
        <TextInput size="xs" label={t`Search`} placeholder={t`Identifier or name`} leftSection={<IconSearch size={15} aria-hidden="true" />} value={q} maxLength={200} onChange={(e) => set({ q: e.currentTarget.value })} />
        <Select size="xs" label={t`What it is`} placeholder={t`Sensors and groups`} clearable clearButtonProps={{ 'aria-label': t`Sensors and groups` }} data={[{ value: 'sensor', label: t`Sensors` }, { value: 'group', label: t`Groups` }]} value={which ?? null} onChange={(v) => set({ kind: v ?? undefined })} />
        <Autocomplete size="xs" label={t`Class`} placeholder={t`Any, with all below it`} data={['brick:Power_Sensor', 'brick:Energy_Sensor', 'brick:Temperature_Sensor', ...usualClasses]} limit={12} value={cls ?? ''} maxLength={200} onChange={(v) => set({ cls: v })} />
        <Select
          size="xs" label={t`Space`} placeholder={t`Anywhere`} searchable clearable clearButtonProps={{ 'aria-label': t`Anywhere` }} limit={200} nothingFoundMessage={t`There is none.`}
          data={(places.data?.value.spaces ?? []).map((x) => ({ value: x.id, label: x.name ?? x.id }))} value={sp ?? null} onChange={(v) => set({ sp: v ?? undefined })}
        />
      </div>
      <ul className={classes.tally} aria-label={t`States`}>
        {states.map((s) => (
          <li key={s}>
            <button type="button" aria-pressed={chosen.includes(s)} onClick={() => set({ st: (chosen.includes(s) ? chosen.filter((x) => x !== s) : [...chosen, s]).join(',') })}>
              <span className={classes.mark} data-state={s}>
                <StateShape state={s} />
                {names[s]}
              </span>
              <span className="ww-number">{count(tallied.data?.states[s] ?? 0)}</span>
            </button>
          </li>
        ))}
      </ul>
      {found.length === 0 ? (
        <p className={classes.text}>{filtered ? t`None is like that.` : t`There is none yet. Every sensor and every group of the model is an object.`}</p>
      ) : (
        <Table label={t`Objects`} columns={[{ name: t`Name` }, { name: t`State` }, { name: t`Value`, number: true }, { name: t`Heard` }, { name: t`Class` }, { name: t`Space` }]}>
          {found.map((o) => (
            <tr key={o.id}>
              <td className={classes.cell}>
                <span className={classes.name}>
                  <ObjectLink id={o.id} name={o.name} />
                </span>
                <span className={classes.dim}>{o.composite ? t`group, ${count(o.usable ?? 0)} of ${count(o.members ?? 0)} usable` : o.id.replace(/^sensor\//, '')}</span>
              </td>
              <td>
                <StateMark state={o.state} />
              </td>
              <td data-number="true">{o.value === null ? DASH : text(o.value, o.unit ?? '')}</td>
              <td>{o.last === null ? t`never` : ago(Math.max(0, now - Date.parse(o.last)))}</td>
              <td className={classes.cell}>
                {className(o.class)}
                {o.virtual && <span className={classes.dim}>{t`by a formula`}</span>}
              </td>
              <td className={classes.cell}>{o.space === undefined || o.space === '' ? DASH : (places.data?.value.spaces?.find((x) => x.id === o.space)?.name ?? o.space)}</td>
            </tr>
          ))}
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
