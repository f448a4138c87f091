// Enrolment tokens: shown once.

import { useLingui } from '@lingui/react/macro'
import { Button, Group, Modal } from '@mantine/core'
import type { SurveyToken } from '../api/generated/types.gen'
import { time } from '../lib/time'
import { Copied } from '../part/Copied'
import classes from './Survey.module.css'

export function Tokens({ title, tokens, names, zone, onClose }: { title: string; tokens: readonly SurveyToken[]; names: (device: string) => string; zone: string; onClose: () => void }) {
  const { t } = useLingui()
  return (
    <Modal opened onClose={onClose} title={title} size="lg" closeOnClickOutside={false} closeButtonProps={{ 'aria-label': t`Close` }}>
      <p className={classes.text}>{t`Each is good once, for one key that the device makes. It cannot be shown again; a new one can be made at any time, and ends the one before.`}</p>
      <ul className={classes.tokens}>
        {tokens.map((x) => (
          <li key={x.device}>
            <p>
              <strong>{names(x.device)}</strong> <span className={classes.dim}>{t`good until ${time(Date.parse(x.expires), zone)}`}</span>
            </p>
            <Copied label={t`Enrolment token of ${names(x.device)}`} line={x.token} />
          </li>
        ))}
      </ul>
      <Group justify="flex-end">
        <Button onClick={onClose}>{t`Done`}</Button>
      </Group>
    </Modal>
  )
}
