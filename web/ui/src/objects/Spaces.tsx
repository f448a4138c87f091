// The spaces as trees, with how the objects in them are; a space is added,
// changed and taken away.

import { useLingui } from '@lingui/react/macro'
import { Button, Modal, Select, TextInput } from '@mantine/core'
import { IconPlus } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { ApiError } from '../api/client'
import { putSpaces, spaces, type Space, type SpaceNode } from '../api/objects'
import { states, treesOf, type Node } from '../lib/objects'
import { count } from '../lib/units'
import { Ask, type Question } from '../model/Ask'
import { Panel } from '../part/Panel'
import { tell } from '../part/tell'
import { StateShape, useSpaceKinds, useStates } from './words'
import classes from './Objects.module.css'

const plain = ({ id, kind, name, parent }: Space): Space => ({ id, kind, ...(name === undefined || name === '' ? {} : { name }), ...(parent === undefined || parent === '' ? {} : { parent }) })

export function Spaces({ may }: { may: boolean }) {
  const { t } = useLingui()
  const kinds = useSpaceKinds()
  const names = useStates()
  const client = useQueryClient()
  const asked = useQuery({ queryKey: ['objects', 'spaces'], queryFn: ({ signal }) => spaces(signal), refetchInterval: 15_000, retry: 1 })
  const [edited, setEdited] = useState<SpaceNode | 'new'>()
  const [question, setQuestion] = useState<Question>()
  const list = asked.data?.value.spaces ?? []
  const faults = asked.data?.value.faults ?? []
  const save = useMutation({
    mutationFn: async (next: Space[]) => {
      try {
        await putSpaces(next, asked.data?.etag)
      } catch (e) {
        if (e instanceof ApiError && e.status === 412) throw new Error(t`Somebody has changed the spaces meanwhile. Look at them again.`, { cause: e })
        throw e
      }
    },
    onSuccess: () => setEdited(undefined),
    onError: (e) => tell({ bad: true, title: t`Not saved`, message: e.message }),
    onSettled: () => client.invalidateQueries({ queryKey: ['objects'] }),
  })
  const own = list.filter((x) => !x.site)
  const row = (n: Node<SpaceNode>) => {
    const x = n.of
    return (
      <li key={x.id}>
        <div>
          <strong>
            <Link className={classes.link} to="." search={(old) => ({ ...old, tab: undefined, sp: x.id })}>
              {x.name ?? x.id}
            </Link>
          </strong>
          <span className={classes.dim}>{kinds[x.kind]}</span>
          {states.flatMap((s) => {
            const n = x.states[s] ?? 0
            return n === 0 ? [] : [
              <span key={s} className={classes.mark} data-state={s}>
                <StateShape state={s} />
                {t`${count(n)} ${names[s]}`}
              </span>,
            ]
          })}
          {may && !x.site && (
            <span className={classes.buttons}>
              <Button size="compact-xs" variant="default" aria-label={t`Change ${x.name ?? x.id}`} onClick={() => setEdited(x)}>
                {t`Change`}
              </Button>
              <Button
                size="compact-xs" variant="default" aria-label={t`Remove ${x.name ?? x.id}`}
                onClick={() =>
                  setQuestion({
                    title: t`Remove ${x.name ?? x.id}?`, action: t`Remove`, danger: true, text: t`What is within it moves up a step; objects in it are in no space then.`,
                    onAnswer: () => save.mutate(own.filter((y) => y.id !== x.id).map((y) => plain(y.parent === x.id ? { ...y, parent: x.parent ?? '' } : y))),
                  })
                }
              >
                {t`Remove`}
              </Button>
            </span>
          )}
        </div>
        {n.below.length > 0 && <ul className={classes.tree}>{n.below.map(row)}</ul>}
      </li>
    )
  }
  return (
    <>
    <Panel
      title={t`Spaces`} note={asked.data && t`${count(list.length)} found`} height={240} asked={asked}
      empty={list.length === 0 ? t`There is none yet. Sites of the model are spaces; buildings, levels, rooms and zones can be added.` : undefined}
      actions={
        may && (
          <Button size="compact-sm" leftSection={<IconPlus size={15} aria-hidden="true" />} onClick={() => setEdited('new')}>
            {t`Add a space`}
          </Button>
        )
      }
    >
      {faults.length > 0 && (
        <ul className={classes.bads} aria-label={t`What is wrong with the spaces`}>
          {faults.map((f) => (
            <li key={f}>{f}</li>
          ))}
        </ul>
      )}
      <ul className={classes.tree} aria-label={t`Spaces`}>
        {treesOf(list).map(row)}
      </ul>
    </Panel>
      {edited !== undefined && (
        <SpaceForm
          space={edited === 'new' ? undefined : edited} list={list} busy={save.isPending} onClose={() => setEdited(undefined)}
          onSave={(x) => save.mutate([...own.filter((y) => y.id !== x.id).map(plain), plain(x)])}
        />
      )}
      {question && <Ask question={question} onClose={() => setQuestion(undefined)} />}
    </>
  )
}

function SpaceForm({ space, list, busy, onClose, onSave }: { space: SpaceNode | undefined; list: readonly SpaceNode[]; busy: boolean; onClose: () => void; onSave: (x: Space) => void }) {
  const { t } = useLingui()
  const kinds = useSpaceKinds()
  const [draft, setDraft] = useState<Space>(() => (space ? plain(space) : { id: '', kind: 'rec:Room' }))
  const taken = space === undefined && list.some((x) => x.id === draft.id.trim())
  const ready = draft.id.trim() !== '' && !taken
  return (
    <Modal opened onClose={onClose} title={space ? t`Change ${space.name ?? space.id}` : t`Add a space`} closeButtonProps={{ 'aria-label': t`Close` }}>
      <form
        className={classes.form}
        onSubmit={(e) => {
          e.preventDefault()
          if (ready) onSave({ ...draft, id: draft.id.trim() })
        }}
      >
        <TextInput label={t`Identifier`} description={t`short, as hall1/office; it stays as it is`} maxLength={200} value={draft.id} readOnly={space !== undefined} error={taken ? t`There is one of this identifier.` : undefined} onChange={(e) => setDraft({ ...draft, id: e.currentTarget.value })} data-autofocus />
        <TextInput label={t`Name`} maxLength={200} value={draft.name ?? ''} onChange={(e) => setDraft({ ...draft, name: e.currentTarget.value })} />
        <Select label={t`What it is`} allowDeselect={false} data={Object.entries(kinds).map(([value, label]) => ({ value, label }))} value={draft.kind} onChange={(v) => v !== null && setDraft({ ...draft, kind: v as Space['kind'] })} />
        <Select
          label={t`Within`} placeholder={t`nothing`} searchable clearable clearButtonProps={{ 'aria-label': t`Within nothing` }} limit={200} data={list.filter((x) => x.id !== draft.id).map((x) => ({ value: x.id, label: x.name ?? x.id }))} value={draft.parent ?? null}
          onChange={(v) => setDraft({ ...draft, parent: v ?? '' })}
        />
        <div className={classes.buttons}>
          <Button type="submit" size="xs" disabled={!ready} loading={busy}>
            {t`Save`}
          </Button>
          <Button size="xs" variant="default" onClick={onClose}>
            {t`Cancel`}
          </Button>
        </div>
      </form>
    </Modal>
  )
}
