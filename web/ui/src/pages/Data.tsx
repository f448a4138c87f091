import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Data() {
  const { t } = useLingui()
  return <Page title={t`Data`}>{null}</Page>
}
