// A field survey, for those who look after it: who takes part, how the devices
// are, what happened, how much of what was to be measured was.

import { useLingui } from '@lingui/react/macro'
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { ApiError } from '../api/client'
import { households } from '../api/survey'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Sections } from '../part/Sections'
import { useMe } from '../shell/session'
import { Begin } from '../survey/Begin'
import { Devices } from '../survey/Devices'
import { Household } from '../survey/Household'
import { Households } from '../survey/Households'
import { Incidents } from '../survey/Incidents'
import { Register } from '../survey/Register'
import { Targets } from '../survey/Targets'

export function Survey() {
  const { t } = useLingui()
  const { index } = useModel()
  const scopes = useMe().data?.scopes ?? []
  const { home } = useSearch({ from: '/app' })
  const may = scopes.includes('household')
  const account = may && scopes.includes('account')
  const consent = may && scopes.includes('consent')
  const zone = knownZone(index?.model.sites[0]?.zone)
  const there = useQuery({
    queryKey: ['survey', 'there'],
    queryFn: ({ signal }) => households({}, signal),
    enabled: may,
    retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status === 404),
  })
  if (!may || !there.data) {
    const absent = there.error instanceof ApiError && there.error.status === 404
    return (
      <Page title={t`Survey`}>
        {absent ? (
          <Begin />
        ) : (
          <Panel title={t`Households`} height={320} asked={may ? there : []} empty={may ? undefined : t`This is for those who look after a survey: researchers and administrators.`}>
            {null}
          </Panel>
        )}
      </Page>
    )
  }
  const first = () =>
    home === 'new' && account ? <Register zone={zone} /> : home !== undefined && home !== 'new' ? <Household key={home} id={home} zone={zone} may={{ devices: account, consent }} /> : <Households zone={zone} may={account} />
  return (
    <Page title={t`Survey`} note={zone}>
      <Sections
        label={t`Parts of the survey`}
        sections={[
          { id: 'households', name: t`Households`, content: first },
          { id: 'status', name: t`Status`, content: () => <Devices zone={zone} /> },
          { id: 'incidents', name: t`Incidents`, content: () => <Incidents zone={zone} /> },
          { id: 'targets', name: t`Targets`, content: () => <Targets key={zone} zone={zone} /> },
        ]}
      />
    </Page>
  )
}
