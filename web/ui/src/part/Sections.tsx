// A page in parts, of which one is open; which one stands in the address.

import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useLayoutEffect, useRef, type ReactNode } from 'react'
import classes from './Sections.module.css'

export interface Section {
  /** As the address has it. */
  id: string
  name: string
  content: () => ReactNode
}

/** The first is open when the address names none of them. */
export function Sections({ label, sections }: { label: string; sections: readonly Section[] }) {
  const { tab } = useSearch({ from: '/app' })
  const navigate = useNavigate()
  const open = sections.find((x) => x.id === tab) ?? sections[0]
  const list = useRef<HTMLDivElement>(null)
  // On a narrow page not all of them have room.
  useLayoutEffect(() => {
    const tab = list.current?.querySelector<HTMLElement>('[aria-selected=true]')
    if (list.current && tab) list.current.scrollLeft = tab.offsetLeft - (list.current.clientWidth - tab.offsetWidth) / 2
  }, [open?.id])
  return (
    <Tabs value={open?.id ?? ''} onChange={(v) => v !== null && void navigate({ to: '.', search: (old) => ({ ...old, tab: v }), replace: true })} keepMounted={false}>
      <Tabs.List ref={list} className={classes.tabs} aria-label={label}>
        {sections.map((x) => (
          <Tabs.Tab key={x.id} value={x.id}>
            {x.name}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {sections.map((x) => (
        <Tabs.Panel key={x.id} value={x.id} className={classes.content}>
          {x === open && x.content()}
        </Tabs.Panel>
      ))}
    </Tabs>
  )
}
