// A card with a title, and what it shows while it loads, when it fails and
// when there is nothing: of the same height, or what follows waits, so that nothing jumps.

import { Button, Skeleton } from '@mantine/core'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useLingui } from '@lingui/react/macro'
import { Suspense, useId, type ReactNode } from 'react'
import classes from './Panel.module.css'

/** What a query knows about itself. */
export interface Asked {
  isPending: boolean
  error: Error | null
  refetch: () => unknown
  /** Old data is shown while new data comes. */
  isPlaceholderData?: boolean
}

export interface PanelProps {
  title: string
  /** Beside the title: its zone, its span. */
  note?: ReactNode
  /** At the right end: menus, switches. */
  actions?: ReactNode
  /** What its content waits for. */
  asked?: Asked | readonly Asked[]
  /** There is an answer, and nothing in it: why, and what to do. */
  empty?: ReactNode
  /** Height of the content while it loads, px. */
  height: number
  /** Its height is known only when it has come. Until then what follows on the page is not shown. */
  grows?: boolean | undefined
  /** A warning above the content: partly settled, stale. */
  warning?: ReactNode
  className?: string | undefined
  children: ReactNode
}

export function Panel({ title, note, actions, asked = [], empty, height, grows, warning, className, children }: PanelProps) {
  const { t } = useLingui()
  const id = useId()
  const all = Array.isArray(asked) ? (asked as readonly Asked[]) : [asked as Asked]
  const failed = all.find((a) => a.error !== null)
  const pending = all.some((a) => a.isPending)
  const old = all.some((a) => a.isPlaceholderData === true)
  const waiting = <Skeleton height={height} radius={8} role="presentation" className={grows ? 'ww-grows' : undefined} />
  return (
    <section className={`ww-card ${classes.panel ?? ''} ${className ?? ''}`} aria-labelledby={id} aria-busy={pending || old}>
      <header className={classes.head}>
        <div className={classes.titles}>
          <h2 id={id}>{title}</h2>
          {note !== undefined && <span className={classes.note}>{note}</span>}
        </div>
        {actions !== undefined && <span className={`${classes.actions ?? ''} ww-noprint`}>{actions}</span>}
      </header>
      {warning !== undefined && (
        <p className={classes.warning}>
          <IconAlertTriangle size={15} aria-hidden="true" /> <span>{warning}</span>
        </p>
      )}
      {failed && !pending ? (
        <div role="alert" className={classes.state} style={{ minHeight: height }}>
          <IconAlertTriangle size={26} stroke={1.5} aria-hidden="true" className={classes.bad} />
          <p>{t`This could not be loaded: ${failed.error?.message ?? ''}`}</p>
          <Button size="compact-sm" variant="default" onClick={() => all.forEach((a) => a.error !== null && void a.refetch())}>
            {t`Try again`}
          </Button>
        </div>
      ) : pending ? (
        waiting
      ) : empty !== undefined ? (
        <div className={classes.state} style={{ minHeight: height }}>
          {typeof empty === 'string' ? <p>{empty}</p> : empty}
        </div>
      ) : (
        <div className={classes.body} data-old={old}>
          <Suspense fallback={waiting}>{children}</Suspense>
        </div>
      )}
    </section>
  )
}
