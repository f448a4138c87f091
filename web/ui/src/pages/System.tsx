import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function System() {
  const { t } = useLingui()
  return <Page title={t`System`}>{null}</Page>
}
