// Nothing is there yet: how to send the first reading.

import { Trans, useLingui } from '@lingui/react/macro'
import { ActionIcon, Button, Code, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy, IconPlugConnected } from '@tabler/icons-react'
import { Link } from '@tanstack/react-router'
import classes from './Empty.module.css'

export function Empty() {
  const { t } = useLingui()
  const base = new URL('.', window.location.href.split('#')[0]).href
  const line = `curl ${base}api/v1/ingest/json -H 'Content-Type: application/json' -d '{"sensor": "kettle", "value": 1800}'`
  return (
    <section className={`ww-card ${classes.card ?? ''}`} aria-labelledby="empty-title">
      <IconPlugConnected size={44} stroke={1.4} className={classes.icon} aria-hidden="true" />
      <h2 id="empty-title">
        <Trans>Nothing measures yet</Trans>
      </h2>
      <p>
        <Trans>Send a first reading, 1800 W of a sensor called kettle:</Trans>
      </p>
      <div className={classes.line}>
        <Code block className={classes.code} tabIndex={0}>
          {line}
        </Code>
        <CopyButton value={line}>
          {({ copied, copy }) => (
            <Tooltip label={copied ? t`Copied` : t`Copy`}>
              <ActionIcon variant="subtle" onClick={copy} aria-label={t`Copy the line`} size="lg">
                {copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
              </ActionIcon>
            </Tooltip>
          )}
        </CopyButton>
      </div>
      <Button renderRoot={(props) => <Link to="/welcome" search={{}} {...props} />}>
        <Trans>Step by step</Trans>
      </Button>
      <p className={classes.quiet}>
        <Trans>
          It appears below as unassigned at once. Telegraf, Prometheus, MQTT and rack PDUs work too: see the <a href="docs">API</a>. Or start with <Code>--demo</Code> to look
          around.
        </Trans>
      </p>
    </section>
  )
}
