import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Costs() {
  const { t } = useLingui()
  return <Page title={t`Costs`}>{null}</Page>
}
