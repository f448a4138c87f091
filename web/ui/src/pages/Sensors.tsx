import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Sensors() {
  const { t } = useLingui()
  return <Page title={t`Sensors`}>{null}</Page>
}
