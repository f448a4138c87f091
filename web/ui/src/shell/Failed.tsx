// What stands in the place of a page that could not be shown.

import { Button } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconAlertTriangle } from '@tabler/icons-react'
import { useEffect } from 'react'
import classes from '../part/Panel.module.css'

const pace = 5000

/** A part of the program did not come: the server is away, or a newer one is there, which has other parts. */
const missing = (message: string) => /import|module|preload/i.test(message)

export function Failed({ error }: { error: unknown }) {
  const { t } = useLingui()
  const message = error instanceof Error ? error.message : String(error)
  const waits = missing(message)
  useEffect(() => {
    if (!waits) return
    // What did not come once does not come again without loading the page anew.
    const timer = setInterval(() => {
      fetch(location.pathname, { method: 'HEAD', cache: 'no-store' }).then(
        (r) => r.ok && location.reload(),
        () => undefined,
      )
    }, pace)
    return () => clearInterval(timer)
  }, [waits])
  return (
    <div role="alert" className={classes.state} style={{ minHeight: 300 }}>
      <IconAlertTriangle size={26} stroke={1.5} aria-hidden="true" className={classes.bad} />
      <p>{waits ? t`A part of this page did not come from the server. It is loaded again as soon as the server answers.` : t`This page could not be shown: ${message}`}</p>
      <Button size="compact-sm" variant="default" onClick={() => location.reload()}>
        {t`Load it again`}
      </Button>
    </div>
  )
}
