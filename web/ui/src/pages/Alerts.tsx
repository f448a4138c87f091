import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Alerts() {
  const { t } = useLingui()
  return <Page title={t`Alerts`}>{null}</Page>
}
