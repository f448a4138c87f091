// There is no survey: how to begin one.

import { Trans, useLingui } from '@lingui/react/macro'
import { Code } from '@mantine/core'
import { IconHomeStats } from '@tabler/icons-react'
import { Copied } from '../part/Copied'
import classes from './Survey.module.css'

export function Begin() {
  const { t } = useLingui()
  return (
    <section className={`ww-card ${classes.begin ?? ''}`} aria-labelledby="survey-begin">
      <IconHomeStats size={44} stroke={1.4} className={classes.icon} aria-hidden="true" />
      <h2 id="survey-begin">
        <Trans>No survey runs here</Trans>
      </h2>
      <p>
        <Trans>A field survey reads the meters of households for weeks or months, unattended, with their consent. It begins on the machine of the installation:</Trans>
      </p>
      <p>
        <Trans>Make the authority that signs the certificates of devices. The key of its root belongs on something that is kept in a safe.</Trans>
      </p>
      <Copied label={t`Make the authority`} line="wattwerk survey ca init --offline /media/stick" />
      <p>
        <Trans>Put the text into force that people consent to.</Trans>
      </p>
      <Copied label={t`Put a text into force`} line="wattwerk survey text consent.txt --version 2026-1" />
      <p>
        <Trans>
          Say in the settings where devices reach the survey, and restart <Code>wattwerk run</Code>.
        </Trans>
      </p>
      <Copied label={t`Settings`} line={'survey:\n  listen: 0.0.0.0:8443\n  hosts: [survey.example.org]'} />
      <p>
        <Trans>Or try a whole survey of made-up households first.</Trans>
      </p>
      <Copied label={t`A survey to try`} line="wattwerk survey demo" />
    </section>
  )
}
