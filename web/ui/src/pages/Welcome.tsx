import { useLingui } from '@lingui/react/macro'
import { Page } from '../part/Page'

export function Welcome() {
  const { t } = useLingui()
  return <Page title={t`Welcome`}>{null}</Page>
}
