// Chooses sensors and groups out of all there are, by their names. Only what
// is in sight is drawn, so that ten thousand are as quick as ten.

import { Button, Popover, TextInput } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconCheck, IconGauge, IconSearch, IconSitemap } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useDeferredValue, useId, useMemo, useRef, useState, type KeyboardEvent, type ReactNode } from 'react'
import { entries, find, type Entry, type Subject } from '../lib/subject'
import type { Index } from '../lib/tree'
import classes from './SubjectPicker.module.css'

export interface SubjectPickerProps {
  index: Index
  /** What may be chosen. Default: both. */
  kinds?: readonly Subject['kind'][]
  /** The words on the button. */
  children: ReactNode
  /** What the button does, for those who only hear it. */
  label: string
  icon?: ReactNode
  /** What is chosen, by kind:id. */
  chosen: ReadonlySet<string>
  /** Several can be chosen, one after the other. */
  many?: boolean
  disabled?: boolean
  onPick: (e: Entry) => void
}

const rowHeight = 38

export function SubjectPicker(props: SubjectPickerProps) {
  const [open, setOpen] = useState(false)
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-start" withinPortal trapFocus returnFocus width={340} shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          size="xs"
          leftSection={props.icon}
          disabled={props.disabled ?? false}
          aria-label={props.label}
          aria-haspopup="dialog"
          aria-expanded={open}
          onClick={() => setOpen((o) => !o)}
        >
          {props.children}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label={props.label}>
        {open && <Choice {...props} onDone={() => setOpen(false)} />}
      </Popover.Dropdown>
    </Popover>
  )
}

const both: readonly Subject['kind'][] = ['group', 'sensor']

function Choice({ index, kinds = both, chosen, many = false, onPick, onDone }: SubjectPickerProps & { onDone: () => void }) {
  const { t } = useLingui()
  const id = useId()
  const [query, setQuery] = useState('')
  const [active, setActive] = useState(0)
  const wanted = useDeferredValue(query)
  const all = useMemo(() => entries(index, kinds), [index, kinds])
  const found = useMemo(() => find(all, wanted), [all, wanted])
  const host = useRef<HTMLDivElement>(null)
  // Nothing of it is handed to memoised components.
  // eslint-disable-next-line react-hooks/incompatible-library
  const rows = useVirtualizer({ count: found.length, getScrollElement: () => host.current, estimateSize: () => rowHeight, overscan: 6 })
  const at = Math.min(active, found.length - 1)

  const go = (i: number) => {
    const to = Math.max(0, Math.min(found.length - 1, i))
    setActive(to)
    rows.scrollToIndex(to)
  }
  const pick = (e: Entry | undefined) => {
    if (!e) return
    onPick(e)
    if (!many) onDone()
  }
  const onKeyDown = (e: KeyboardEvent) => {
    if (e.key === 'ArrowDown') go(at + 1)
    else if (e.key === 'ArrowUp') go(at - 1)
    else if (e.key === 'PageDown') go(at + 7)
    else if (e.key === 'PageUp') go(at - 7)
    else if (e.key === 'Enter') pick(found[at])
    else return
    e.preventDefault()
  }
  return (
    <>
      <TextInput
        role="combobox"
        aria-label={t`Search sensors and groups`}
        placeholder={t`Search`}
        size="xs"
        leftSection={<IconSearch size={15} />}
        value={query}
        data-autofocus
        aria-expanded
        aria-controls={`${id}-list`}
        aria-autocomplete="list"
        aria-activedescendant={found.length > 0 ? `${id}-${at}` : undefined}
        onKeyDown={onKeyDown}
        onChange={(e) => {
          setQuery(e.currentTarget.value)
          setActive(0)
          host.current?.scrollTo({ top: 0 })
        }}
      />
      <div ref={host} className={classes.list} id={`${id}-list`} role="listbox" aria-label={t`Sensors and groups`} aria-multiselectable={many} tabIndex={-1}>
        <div role="presentation" style={{ height: rows.getTotalSize(), position: 'relative' }}>
          {rows.getVirtualItems().map((v) => {
            const e = found[v.index]
            if (!e) return null
            const on = chosen.has(e.key)
            return (
              <div
                key={e.key}
                id={`${id}-${v.index}`}
                role="option"
                aria-selected={on}
                aria-setsize={found.length}
                aria-posinset={v.index + 1}
                className={classes.row}
                data-active={v.index === at}
                style={{ height: rowHeight, transform: `translateY(${v.start}px)` }}
                onMouseDown={(m) => m.preventDefault()}
                onClick={() => {
                  setActive(v.index)
                  pick(e)
                }}
              >
                {e.kind === 'group' ? <IconSitemap size={16} aria-hidden="true" /> : <IconGauge size={16} aria-hidden="true" />}
                <span className={classes.names}>
                  <span className={classes.name}>{e.label}</span>
                  {e.where !== '' && <span className={classes.where}>{e.where}</span>}
                </span>
                {on && <IconCheck size={16} aria-hidden="true" />}
              </div>
            )
          })}
        </div>
      </div>
      <p className={classes.count} role="status">
        {found.length === 0 ? t`Nothing has such a name.` : t`${found.length} of ${all.length}`}
      </p>
    </>
  )
}
