import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Compare() {
  const { t } = useLingui()
  return <Page title={t`Comparison`}>{null}</Page>
}
