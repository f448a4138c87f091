// A hierarchy that is changed by dragging, with the mouse or the keyboard.
// Only rows in sight are drawn.

import { AssistiveDndState, dragAndDropFeature, hotkeysCoreFeature, keyboardDragAndDropFeature, selectionFeature, syncDataLoaderFeature, type DndState, type DragTarget, type ItemInstance, type TreeInstance } from '@headless-tree/core'
import { useTree } from '@headless-tree/react'
import { useLingui } from '@lingui/react/macro'
import { VisuallyHidden } from '@mantine/core'
import { IconBolt, IconChevronRight, IconGauge, IconSitemap } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef, type HTMLAttributes } from 'react'
import { above, groupKey, keyOf, top, type Node } from './nodes'
import classes from './Tree.module.css'

const rowHeight = 34
const indent = 20
/** What a sensor is called while it is dragged in from beside the tree. */
export const dragged = 'application/x-wattwerk-sensor'

interface Props {
  label: string
  root: string
  all: ReadonlyMap<string, Node>
  chosen: string | undefined
  may: boolean
  onChoose: (n: Node) => void
  /** Of what is moved none is below another; the position counts what stays. */
  onMove: (all: readonly Node[], to: string, position: number | undefined) => void
  onBring: (sensor: string, to: string, position: number | undefined) => void
  onRename: (n: Node) => void
  onRemove: (n: Node) => void
}

const nobody: Node = { key: '', thing: { group: '' }, name: '', parent: undefined, sign: 1, meter: false, quantity: undefined, children: [] }

export function Tree({ label, root, all, chosen, may, onChoose, onMove, onBring, onRename, onRemove }: Props) {
  const { t } = useLingui()
  const box = useRef<HTMLDivElement>(null)
  const nodeOf = (key: string): Node => all.get(key) ?? nobody
  const target = (x: DragTarget<Node>): { to: string; position: number | undefined } | undefined => {
    const g = nodeOf(x.item.getId()).thing.group
    if (g === undefined || g === '') return undefined
    return { to: g, position: 'insertionIndex' in x ? x.insertionIndex : undefined }
  }
  const first = nodeOf(groupKey(root))
  const tree = useTree<Node>({
    rootItemId: top,
    initialState: { expandedItems: [top, groupKey(root), ...(all.size < 60 ? first.children.filter((k) => k.startsWith('g/')) : []), ...(chosen === undefined ? [] : above(all, chosen))] },
    getItemName: (i) => {
      const n = i.getItemData()
      return n.meter ? t`${n.name}, meter` : n.sign < 0 ? t`${n.name}, subtracted` : n.name
    },
    isItemFolder: (i) => i.getItemData().thing.group !== undefined,
    dataLoader: { getItem: nodeOf, getChildren: (key) => (key === top ? [groupKey(root)] : nodeOf(key).children) },
    features: [syncDataLoaderFeature, selectionFeature, hotkeysCoreFeature, dragAndDropFeature, keyboardDragAndDropFeature],
    indent,
    canReorder: true,
    openOnDropDelay: 600,
    canDrag: (items) => may && items.every((i) => i.getItemData().parent !== undefined),
    canDrop: (_, x) => target(x) !== undefined,
    onDrop: (items, x) => {
      const where = target(x)
      if (!x.item.isExpanded()) x.item.expand()
      // What stands below another of them goes with it.
      const keys = new Set(items.map((i) => i.getId()))
      const list = [...items].sort((a, b) => a.getItemMeta().index - b.getItemMeta().index).map((i) => i.getItemData())
      if (where) onMove(list.filter((n) => !above(all, n.key).some((k) => keys.has(k))), where.to, where.position)
    },
    canDragForeignDragObjectOver: (d) => may && d.types.includes(dragged),
    canDropForeignDragObject: (d, x) => may && d.types.includes(dragged) && target(x) !== undefined,
    onDropForeignDragObject: (d, x) => {
      const where = target(x)
      const sensor = d.getData(dragged)
      if (!x.item.isExpanded()) x.item.expand()
      if (where && sensor !== '') onBring(sensor, where.to, where.position)
    },
    onPrimaryAction: (i) => onChoose(i.getItemData()),
    scrollToItem: (i) => virtual.scrollToIndex(i.getItemMeta().index),
    hotkeys: {
      startDrag: {
        hotkey: 'KeyM',
        preventDefault: true,
        isEnabled: (x) => may && !x.getState().dnd,
        handler: (_, x) => {
          const focused = x.getFocusedItem()
          x.startKeyboardDrag(focused.isSelected() ? x.getSelectedItems() : [focused])
        },
      },
      cancelDrag: {
        hotkey: 'Escape',
        isEnabled: (x) => Boolean(x.getState().dnd),
        handler: (_, x) => {
          x.stopKeyboardDrag()
          x.applySubStateUpdate('assistiveDndState', AssistiveDndState.Aborted)
        },
      },
      customChoose: { hotkey: 'Enter', preventDefault: true, isEnabled: (x) => !x.getState().dnd, handler: (_, x) => onChoose(x.getFocusedItem().getItemData()) },
      customChooseToo: { hotkey: 'Space', preventDefault: true, isEnabled: (x) => !x.getState().dnd, handler: (_, x) => onChoose(x.getFocusedItem().getItemData()) },
      customRename: { hotkey: 'F2', preventDefault: true, isEnabled: (x) => may && !x.getState().dnd, handler: (_, x) => onRename(x.getFocusedItem().getItemData()) },
      customRemove: { hotkey: 'Delete', preventDefault: true, isEnabled: (x) => may && !x.getState().dnd, handler: (_, x) => onRemove(x.getFocusedItem().getItemData()) },
    },
  })

  useEffect(() => tree.rebuildTree(), [tree, all])
  // Whatever was chosen in another way begins a new selection.
  useEffect(() => {
    const selected = tree.getState().selectedItems
    if (chosen === undefined ? selected.length > 0 : !selected.includes(chosen)) tree.setSelectedItems(chosen === undefined ? [] : [chosen])
  }, [tree, chosen])

  const items = tree.getItems()
  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: items.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 15, getItemKey: (i) => items[i]?.getId() ?? i,
  })

  const where = (dnd: DndState<Node> | null | undefined): string => {
    const x = dnd?.dragTarget
    if (!x) return ''
    const group = x.item.getItemName()
    if (!('childIndex' in x)) return t`into ${group}`
    const place = x.childIndex + 1
    return t`at place ${place} in ${group}`
  }
  const spoken = (dnd: DndState<Node> | null | undefined, state: AssistiveDndState): string => {
    const several = dnd?.draggedItems?.length ?? 0
    const what = several > 1 ? t`${several} together` : (dnd?.draggedItems?.[0]?.getItemName() ?? '')
    const to = where(dnd)
    switch (state) {
      case AssistiveDndState.Started:
        return t`Moving ${what}, now ${to}. Arrow up and down choose where, Enter drops it there, Escape leaves it.`
      case AssistiveDndState.Dragging:
        return t`${what}, ${to}`
      case AssistiveDndState.Completed:
        return t`Dropped.`
      case AssistiveDndState.Aborted:
        return t`Left where it was.`
      case AssistiveDndState.None:
        return may ? t`Press M to move what is focused.` : ''
    }
  }

  // The line where it would go in; rows have one height.
  const aim = tree.getDragTarget()
  const line = aim && 'dragLineIndex' in aim ? { top: aim.dragLineIndex * rowHeight - 1, left: aim.dragLineLevel * indent + 12 } : undefined
  const container = tree.getContainerProps(label) as HTMLAttributes<HTMLDivElement>

  return (
    <>
      <VisuallyHidden aria-live="assertive">{spoken(tree.getState().dnd, tree.getState().assistiveDndState ?? AssistiveDndState.None)}</VisuallyHidden>
      <div className={classes.box} ref={box} data-testid="model-scroll">
        <div {...container} aria-multiselectable={may} className={classes.tree} style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((v) => {
            const item = items[v.index]
            if (!item || !all.has(item.getId())) return null
            return <Row key={v.key} tree={tree} item={item} start={v.start} chosen={chosen === item.getId()} onFold={() => (item.isExpanded() ? item.collapse() : item.expand())} onChoose={onChoose} />
          })}
          {line && <div className={classes.line} style={{ top: line.top, left: line.left }} />}
        </div>
      </div>
    </>
  )
}

function Row({ tree, item, start, chosen, onFold, onChoose }: { tree: TreeInstance<Node>; item: ItemInstance<Node>; start: number; chosen: boolean; onFold: () => void; onChoose: (n: Node) => void }) {
  const { t } = useLingui()
  const n = item.getItemData()
  const level = item.getItemMeta().level
  const folder = n.thing.group !== undefined
  const props = item.getProps() as HTMLAttributes<HTMLDivElement>
  return (
    <div
      {...props}
      className={classes.row}
      aria-selected={chosen || item.isSelected()}
      data-over={item.isUnorderedDragTarget()}
      data-thing={keyOf(n.thing)}
      style={{ transform: `translateY(${start}px)`, paddingLeft: level * indent + 8 }}
      onClick={(e) => {
        // With a modifier it is one more of those that are moved together.
        if (e.shiftKey) item.selectUpTo(e.ctrlKey || e.metaKey)
        else if (e.ctrlKey || e.metaKey) item.toggleSelect()
        else {
          tree.setSelectedItems([item.getId()])
          onChoose(n)
        }
        if (!e.shiftKey) tree.getDataRef<{ selectUpToAnchorId?: string | null }>().current.selectUpToAnchorId = item.getId()
        item.setFocused()
      }}
      onDoubleClick={folder ? onFold : undefined}
    >
      <span
        className={classes.fold}
        data-open={folder && item.isExpanded()}
        aria-hidden="true"
        onClick={(e) => {
          if (!folder) return
          e.stopPropagation()
          onFold()
        }}
      >
        {folder && <IconChevronRight size={15} />}
      </span>
      {folder ? <IconSitemap size={16} stroke={1.7} aria-hidden="true" /> : n.meter ? <IconGauge size={16} stroke={1.7} aria-hidden="true" /> : <IconBolt size={16} stroke={1.7} aria-hidden="true" />}
      <span className={classes.name}>{n.name}</span>
      {/* The name of the row says it already; what is drawn by the style sheet is no part of it. */}
      {n.meter && <span className={classes.badge} data-text={t`meter`} />}
      {n.sign < 0 && <span className={classes.badge} data-text={t`subtracted`} />}
      {folder && <span className={`${classes.count ?? ''} ww-number`} data-text={n.children.length} />}
    </div>
  )
}
