// What exists and how it hangs together, to be changed.

import { useLingui } from '@lingui/react/macro'
import { ActionIcon, Button, Menu, Select, Tooltip } from '@mantine/core'
import { IconArrowBackUp, IconArrowForwardUp, IconDots, IconPencil, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useState } from 'react'
import { assign, move, newestRevision, rename } from '../api/model'
import type { Model as Document } from '../api/client'
import { useModel } from '../data/model'
import { below, Gone, moved, movedAll, newGroup, newID, withMember, withoutGroup, withoutHierarchy, withoutMember } from '../lib/edit'
import { missing, shownIn } from '../lib/subject'
import type { Index } from '../lib/tree'
import { knownZone } from '../lib/zone'
import { Ask, type Question } from '../model/Ask'
import { GroupForm, SensorForm, SiteForm } from '../model/Details'
import { Device } from '../model/Device'
import { useEdits, type Edits } from '../model/edits'
import { Import } from '../model/Import'
import { groupKey, keyOf, nodes, sensorKey, type Node } from '../model/nodes'
import { Revisions } from '../model/Revisions'
import { Shelf } from '../model/Shelf'
import { Tree } from '../model/Tree'
import { GoneState } from '../part/Gone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { saveBlob } from '../part/save'
import { useMe } from '../shell/session'
import classes from './Model.module.css'

export function Model() {
  const { t } = useLingui()
  const asked = useModel()
  const edits = useEdits()
  const me = useMe()
  const may = me.data?.scopes?.includes('operate') ?? false
  // Whoever changes the model wants to see at once what others change.
  const newest = useQuery({ queryKey: ['newest-revision'], queryFn: ({ signal }) => newestRevision(signal), refetchInterval: 3000, staleTime: 0 }).data
  const { refetch, data } = asked
  const old = newest !== undefined && data?.revision !== undefined && newest > data.revision
  useEffect(() => {
    if (old && !edits.busy) void refetch()
  }, [old, edits.busy, refetch])
  if (!asked.index) {
    return (
      <Page title={t`Model`}>
        <Panel title={t`Hierarchy`} height={420} asked={asked}>
          {null}
        </Panel>
      </Page>
    )
  }
  return <View index={asked.index} edits={edits} may={may} />
}

type Dialog = 'revisions' | 'import' | 'device'

function View({ index, edits, may }: { index: Index; edits: Edits; may: boolean }) {
  const { t } = useLingui()
  const search = useSearch({ from: '/app' })
  const navigate = useNavigate({ from: '/model' })
  const { model } = index
  const h = shownIn(index, search.h, search.g) ?? shownIn(index, search.h, undefined)
  const all = useMemo(() => (h ? nodes(model, h.root) : new Map<string, Node>()), [model, h])
  const [question, setQuestion] = useState<Question>()
  const [dialog, setDialog] = useState<Dialog>()
  const zone = knownZone(model.sites.find((s) => s.id === h?.site)?.zone)

  const chosenKey = search.s !== undefined ? sensorKey(search.s) : search.g !== undefined ? groupKey(search.g) : h ? groupKey(h.root) : undefined
  const chosen = chosenKey === undefined ? undefined : all.get(chosenKey)
  const sensor = search.s !== undefined ? model.sensors.find((s) => s.id === search.s) : undefined
  /** Where new things go: the chosen group, or the one of the chosen sensor. */
  const group = chosen ? (chosen.thing.group ?? chosen.parent) : h?.root
  const groupName = group === undefined ? '' : index.groupName(group)

  // Nothing is hidden by it: what was deleted just now can be brought back here.
  const gone = missing(index, search)

  const choose = (n: Node | undefined) => {
    const where = n?.thing.sensor !== undefined ? { g: n.parent, s: n.thing.sensor } : { g: n?.thing.group, s: undefined }
    void navigate({ search: (old) => ({ ...old, h: h?.id, ...where }), replace: true })
  }
  const taken = (id: string) => index.groups.has(id)

  const moveTo = (n: Node, to: string, position: number | undefined) => {
    const { parent, thing } = n
    if (!h || parent === undefined) return
    const at = all.get(groupKey(to))?.children.filter((k) => k !== n.key).length ?? 0
    if (to === parent && (position === undefined ? all.get(groupKey(to))?.children.at(-1) : all.get(groupKey(to))?.children[position]) === n.key) return
    const place = position === undefined ? at : position
    const target = index.groupName(to)
    void edits.run({
      label: t`Moved ${n.name} to ${target}`,
      plan: (m) => moved(m, thing, parent, to, place),
      send: () => move({ hierarchy: h.id, to, position: place, ...thing }),
    })
  }
  const moveAll = (list: readonly Node[], to: string, position: number | undefined) => {
    const [one] = list
    if (one && list.length === 1) {
      moveTo(one, to, position)
      return
    }
    const things = list.flatMap((n) => (n.parent === undefined ? [] : [{ thing: n.thing, from: n.parent }]))
    const target = index.groupName(to)
    const several = things.length
    if (several > 0) void edits.run({ label: t`Moved ${several} to ${target}`, plan: (m) => movedAll(m, things, to, position) })
  }
  const bring = (id: string, to: string, position?: number) => {
    const here = all.get(sensorKey(id))
    if (here) {
      moveTo(here, to, position)
      return
    }
    const known = index.sensors.get(id)
    const target = index.groupName(to)
    const end = all.get(groupKey(to))?.children.length ?? 0
    const plan = (m: Document) => ({ ...(known ? {} : { sensors: [{ id, quantity: 'active_power' }] }), ...withMember(m, to, { sensor: id }, position) })
    void edits.run({
      label: t`Added ${known?.name ?? id} to ${target}`,
      plan,
      // What is not known yet the server makes of what it has seen; then it stands at the end.
      ...(known && position !== undefined && position < end ? {} : { send: () => assign({ group: to, sensor: id }) }),
    })
  }
  const addGroup = () => {
    if (group === undefined) return
    setQuestion({
      title: t`New group in ${groupName}`, action: t`Add`, name: '',
      onAnswer: (name) => {
        const id = newID(name, taken)
        void edits.run({ label: t`Added group ${name}`, plan: (m) => newGroup(m, group, { id, name }) }).then((ok) => {
          if (ok) void navigate({ search: (old) => ({ ...old, h: h?.id, g: id, s: undefined }), replace: true })
        })
      },
    })
  }
  const renameNode = (n: Node) => {
    const { thing } = n
    setQuestion({
      title: t`Rename ${n.name}`, action: t`Rename`, name: n.name,
      onAnswer: (name) => {
        const kind = thing.sensor !== undefined ? 'sensor' : 'group'
        const id = thing.sensor ?? thing.group
        void edits.run({
          label: t`Renamed ${n.name} to ${name}`,
          plan: (m) => {
            const list = kind === 'sensor' ? m.sensors : m.groups
            const was = list.find((x) => x.id === id)
            if (!was) throw new Gone(id)
            return { [`${kind}s`]: [{ ...was, name }] }
          },
          send: () => rename({ kind, id, newName: name }),
        })
      },
    })
  }
  const remove = (n: Node) => {
    const { parent, thing } = n
    const up = parent === undefined ? undefined : all.get(groupKey(parent))
    if (parent === undefined) {
      if (!h) return
      const name = index.hierarchyName(h)
      setQuestion({
        title: t`Delete hierarchy ${name}?`, action: t`Delete`, danger: true, text: t`All its groups go with it. Sensors and their readings stay. It can be undone.`,
        onAnswer: () => {
          void edits.run({ label: t`Deleted hierarchy ${name}`, plan: (m) => withoutHierarchy(m, h.id) }).then((ok) => ok && void navigate({ search: {}, replace: true }))
        },
      })
    } else if (thing.sensor !== undefined) {
      void edits.run({ label: t`Took ${n.name} out of ${up?.name ?? parent}`, plan: (m) => withoutMember(m, parent, thing) }).then((ok) => ok && choose(up))
    } else {
      const count = below(model, thing.group).length - 1
      const go = () => void edits.run({ label: t`Deleted group ${n.name}`, plan: (m) => withoutGroup(m, parent, thing.group) }).then((ok) => ok && choose(up))
      if (n.children.length === 0) go()
      else {
        setQuestion({
          title: t`Delete group ${n.name}?`, action: t`Delete`, danger: true, onAnswer: go,
          text: count > 0 ? t`It goes with the ${count} groups below it. Sensors and their readings stay. It can be undone.` : t`Its sensors and their readings stay. It can be undone.`,
        })
      }
    }
  }
  const addHierarchy = () => {
    setQuestion({
      title: t`New hierarchy`, action: t`Add`, name: '',
      text: t`A hierarchy orders the sensors in one way: by place, by cost centre, by trade. A sensor can stand in several.`,
      onAnswer: (name) => {
        const id = newID(name, (x) => taken(x) || model.hierarchies.some((y) => y.id === x))
        const site = model.sites[0]?.id
        void edits
          .run({ label: t`Added hierarchy ${name}`, plan: () => ({ groups: [{ id, name }], hierarchies: [{ id, name, root: id, ...(site === undefined ? {} : { site }) }] }) })
          .then((ok) => ok && void navigate({ search: { h: id }, replace: true }))
      },
    })
  }
  const addSite = () => {
    setQuestion({
      title: t`New site`, action: t`Add`, name: '', text: t`A site has a time zone, in which its days begin.`,
      onAnswer: (name) => {
        const id = newID(name, (x) => index.sites.has(x))
        void edits.run({ label: t`Added site ${name}`, plan: () => ({ sites: [{ id, name, zone: Intl.DateTimeFormat().resolvedOptions().timeZone }] }) })
      },
    })
  }
  const save = () => {
    const document = { ...model }
    delete document.revision
    saveBlob(new Blob([JSON.stringify(document, null, 2)], { type: 'application/json' }), 'wattwerk-model.json')
  }

  const { undo, redo } = edits
  useEffect(() => {
    const keys = (e: KeyboardEvent) => {
      if (!(e.ctrlKey || e.metaKey) || e.altKey || (e.target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName))) return
      const key = e.key.toLowerCase()
      const act = key === 'z' && !e.shiftKey ? undo : key === 'y' || (key === 'z' && e.shiftKey) ? redo : undefined
      if (!act) return
      e.preventDefault()
      act()
    }
    window.addEventListener('keydown', keys)
    return () => window.removeEventListener('keydown', keys)
  }, [undo, redo])

  const undoName = edits.undoes === undefined ? t`Undo` : t`Undo: ${edits.undoes}`
  const redoName = edits.redoes === undefined ? t`Redo` : t`Redo: ${edits.redoes}`
  return (
    <Page
      title={t`Model`}
      note={t`${model.sensors.length} sensors, ${model.groups.length} groups, revision ${model.revision ?? 0}`}
      actions={
        <>
          {h && (
            <Select
              size="xs" aria-label={t`Hierarchy`} allowDeselect={false} value={h.id} data={model.hierarchies.map((x) => ({ value: x.id, label: index.hierarchyName(x) }))}
              onChange={(v) => v !== null && void navigate({ search: { h: v }, replace: true })}
            />
          )}
          {may && (
            <>
              <Tooltip label={undoName}>
                <ActionIcon variant="default" size="md" aria-label={undoName} disabled={!undo} onClick={undo}>
                  <IconArrowBackUp size={17} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label={redoName}>
                <ActionIcon variant="default" size="md" aria-label={redoName} disabled={!redo} onClick={redo}>
                  <IconArrowForwardUp size={17} />
                </ActionIcon>
              </Tooltip>
            </>
          )}
          <Button size="xs" variant="default" onClick={() => setDialog('revisions')}>
            {t`Revisions`}
          </Button>
          <Menu position="bottom-end" withinPortal>
            <Menu.Target>
              <ActionIcon variant="default" size="md" aria-label={t`More`}>
                <IconDots size={17} />
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              {may && <Menu.Item onClick={addHierarchy}>{t`New hierarchy…`}</Menu.Item>}
              {may && <Menu.Item onClick={addSite}>{t`New site…`}</Menu.Item>}
              <Menu.Item onClick={save}>{t`Export as JSON`}</Menu.Item>
              <Menu.Item component="a" href="api/v1/model?format=yaml" download="wattwerk-model.yaml">{t`Export as YAML`}</Menu.Item>
              {may && <Menu.Item onClick={() => setDialog('import')}>{t`Import…`}</Menu.Item>}
            </Menu.Dropdown>
          </Menu>
        </>
      }
    >
      {gone && (
        <section className="ww-card">
          <GoneState of={gone} height={170} />
        </section>
      )}
      <div className={classes.columns}>
        <Panel
          title={t`Hierarchy`}
          height={420}
          empty={
            h ? undefined : (
              <>
                <p>{t`There is no hierarchy yet.`}</p>
                {may && (
                  <Button size="xs" onClick={addHierarchy}>
                    {t`Add a hierarchy`}
                  </Button>
                )}
              </>
            )
          }
          actions={
            may &&
            h && (
              <>
                <Button size="compact-sm" variant="default" leftSection={<IconPlus size={14} aria-hidden="true" />} onClick={addGroup} aria-label={t`Add a group in ${groupName}`}>
                  {t`Group`}
                </Button>
                <Button size="compact-sm" variant="default" leftSection={<IconPencil size={14} aria-hidden="true" />} disabled={!chosen} onClick={() => chosen && renameNode(chosen)}>
                  {t`Rename`}
                </Button>
                <Button size="compact-sm" variant="default" leftSection={<IconTrash size={14} aria-hidden="true" />} disabled={!chosen} onClick={() => chosen && remove(chosen)}>
                  {t`Delete`}
                </Button>
              </>
            )
          }
        >
          {h && (
            <>
              <Tree
                key={h.id} label={index.hierarchyName(h)} root={h.root} all={all} chosen={chosen && keyOf(chosen.thing)} may={may}
                onChoose={choose} onMove={moveAll} onBring={bring} onRename={renameNode} onRemove={remove}
              />
              {may && <p className={classes.hint}>{t`Drag to move; Ctrl or Shift and a click take several. By the keyboard: M takes, arrows choose, Enter drops, Escape leaves; Shift and arrows take several. F2 renames, Delete takes away, Ctrl+Z undoes.`}</p>}
            </>
          )}
        </Panel>
        <div className={classes.side}>
          {h && sensor && <SensorForm key={sensor.id} sensor={sensor} node={chosen} model={model} edits={edits} may={may} onDevice={() => setDialog('device')} />}
          {h && !sensor && chosen?.thing.group !== undefined && <GroupForm key={chosen.key} node={chosen} hierarchy={h} model={model} edits={edits} may={may} />}
          <Shelf model={model} all={all} group={h ? group : undefined} groupName={groupName} may={may && h !== undefined} onBring={bring} />
          {model.sites.length > 0 && (
            <Panel title={t`Sites`} height={80}>
              {model.sites.map((s) => (
                <SiteForm key={s.id} site={s} model={model} edits={edits} may={may} />
              ))}
            </Panel>
          )}
        </div>
      </div>
      {question && <Ask key={question.title} question={question} onClose={() => setQuestion(undefined)} />}
      {dialog === 'revisions' && <Revisions model={model} edits={edits} may={may} zone={zone} onClose={() => setDialog(undefined)} />}
      {dialog === 'import' && <Import onClose={() => setDialog(undefined)} />}
      {dialog === 'device' && sensor && <Device sensor={sensor} zone={knownZone(model.sites.find((s) => s.id === sensor.site)?.zone ?? zone)} edits={edits} onClose={() => setDialog(undefined)} />}
    </Page>
  )
}
