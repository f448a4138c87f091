// What every page has: its title, what is chosen for all of it, its content.

import { useEffect, type ReactNode } from 'react'
import classes from './Page.module.css'

export interface PageProps {
  title: string
  /** Below the title: where in the tree, of which site. */
  note?: ReactNode
  /** Beside the title: the span, the menu. */
  actions?: ReactNode
  children: ReactNode
}

export function Page({ title, note, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Wattwerk`
  }, [title])
  return (
    <div className={classes.page}>
      <header className={classes.head}>
        <div className={classes.titles}>
          <h1>{title}</h1>
          {note !== undefined && <div className={classes.note}>{note}</div>}
        </div>
        {actions !== undefined && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}
