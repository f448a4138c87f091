// A line to be copied into a terminal.

import { useLingui } from '@lingui/react/macro'
import { ActionIcon, Code, CopyButton, Tooltip } from '@mantine/core'
import { IconCheck, IconCopy } from '@tabler/icons-react'
import classes from './Copied.module.css'

export function Copied({ line, label }: { line: string; label: string }) {
  const { t } = useLingui()
  return (
    <div className={classes.line}>
      <Code block className={classes.code} tabIndex={0} aria-label={label} role="textbox" aria-readonly="true">
        {line}
      </Code>
      <CopyButton value={line}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? t`Copied` : t`Copy`}>
            <ActionIcon variant="subtle" onClick={copy} aria-label={t`Copy: ${label}`} size="lg">
              {copied ? <IconCheck size={18} /> : <IconCopy size={18} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  )
}
