// What stands in the place of a page whose address speaks of a sensor or
// group that the model does not have: never the figures of something else.

import { useLingui } from '@lingui/react/macro'
import { Button } from '@mantine/core'
import { IconMapPinOff } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, type ReactNode } from 'react'
import type { Missing } from '../lib/subject'
import { Page } from './Page'
import classes from './Panel.module.css'

/** The words for it, and the way back; asks for the model again, which may have it by now. */
export function GoneState({ of, actions, height = 320 }: { of: Missing; actions?: ReactNode; height?: number }) {
  const { t } = useLingui()
  const client = useQueryClient()
  const { kind, id, loose } = of
  useEffect(() => void client.invalidateQueries({ queryKey: ['model'] }), [client, kind, id])
  const words = {
    sensor: t`There is no sensor “${id}” in the model (any more).`,
    group: loose ? t`The group “${id}” stands in no hierarchy, so nothing is known of it.` : t`There is no group “${id}” in the model (any more).`,
    hierarchy: t`There is no hierarchy “${id}” in the model (any more).`,
  }
  return (
    <div role="alert" className={classes.state} style={{ minHeight: height }}>
      <IconMapPinOff size={34} stroke={1.4} aria-hidden="true" />
      <p className={classes.strong}>{words[kind]}</p>
      <p>{loose ? t`Put it below a group of a hierarchy in the model; then its values are shown here.` : t`It was deleted, has another identifier now, or the address was never right. Readings are kept, and come back with it.`}</p>
      <div className={classes.ways}>
        <Button size="xs" renderRoot={(props) => <Link to="." search={(old) => ({ ...old, h: undefined, g: undefined, s: undefined })} {...props} />}>
          {t`Show what there is`}
        </Button>
        {actions}
        <Button size="xs" variant="default" renderRoot={(props) => <Link to="/model" search={{}} {...props} />}>
          {t`Look into the model`}
        </Button>
      </div>
    </div>
  )
}

export function Gone({ title, of, actions }: { title: string; of: Missing; actions?: ReactNode }) {
  return (
    <Page title={title} {...(actions === undefined ? {} : { actions })}>
      <section className={`ww-card ${classes.panel ?? ''}`}>
        <GoneState of={of} />
      </section>
    </Page>
  )
}
