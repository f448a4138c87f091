import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Flow() {
  const { t } = useLingui()
  return <Page title={t`Energy flow`}>{null}</Page>
}
