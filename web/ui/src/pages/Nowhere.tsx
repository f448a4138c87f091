// What stands at an address that no page has.

import { Button } from '@mantine/core'
import { useLingui } from '@lingui/react/macro'
import { IconMapPinOff } from '@tabler/icons-react'
import { Link, useLocation } from '@tanstack/react-router'
import { Page } from '../part/Page'
import classes from '../part/Panel.module.css'

export function Nowhere() {
  const { t } = useLingui()
  const path = useLocation({ select: (l) => l.pathname })
  return (
    <Page title={t`No page`}>
      <section className={`ww-card ${classes.panel ?? ''}`}>
        <div role="alert" className={classes.state} style={{ minHeight: 320 }}>
          <IconMapPinOff size={34} stroke={1.4} aria-hidden="true" />
          <p className={classes.strong}>{t`There is no page “${path}”.`}</p>
          <p>{t`The address was mistyped, or is of another version of the program.`}</p>
          <Button size="xs" renderRoot={(props) => <Link to="/" {...props} />}>
            {t`To the dashboard`}
          </Button>
        </div>
      </section>
    </Page>
  )
}
