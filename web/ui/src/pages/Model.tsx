import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Model() {
  const { t } = useLingui()
  return <Page title={t`Model`}>{null}</Page>
}
