// Tells what came of something, at the edge of the page. The library comes
// when there is something to tell.

import { t } from '@lingui/core/macro'

export interface Told {
  title?: string
  message: string
  /** It went wrong. */
  bad?: boolean
}

export function tell({ title, message, bad = false }: Told): void {
  void import('@mantine/notifications').then(({ notifications }) =>
    notifications.show({ closeButtonProps: { 'aria-label': t`Close` }, ...(title === undefined ? {} : { title }), message, ...(bad ? { color: 'red', autoClose: 12_000 } : {}) }),
  )
}
