// The installation itself: what runs, what comes in, who may, what is kept.

import { useLingui } from '@lingui/react/macro'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Sections } from '../part/Sections'
import { useMe } from '../shell/session'
import { Backup } from '../system/Backup'
import { Intake } from '../system/Intake'
import { Overview } from '../system/Overview'
import { Own } from '../system/Own'
import { Tokens, Users } from '../system/People'
import { Settling } from '../system/Settling'

export function System() {
  const { t } = useLingui()
  const { index } = useModel()
  const me = useMe().data
  const scopes = me?.scopes ?? []
  const operate = scopes.includes('operate')
  const admin = scopes.includes('admin')
  const zone = knownZone(index?.model.sites[0]?.zone)
  const names = (id: string) => {
    const h = index?.model.hierarchies.find((x) => x.id === id)
    return h && index ? index.hierarchyName(h) : id
  }
  const tabs = [
    { id: 'overview', name: t`Overview`, content: () => <Overview zone={zone} names={names} /> },
    { id: 'intake', name: t`Intake`, content: () => <Intake zone={zone} may={operate} /> },
    { id: 'settling', name: t`Settling`, content: () => <Settling key={zone} zone={zone} may={operate} /> },
    ...(admin
      ? [
          {
            id: 'people', name: t`Users and tokens`, content: () => (
              <>
                <Users zone={zone} self={me?.id} />
                <Tokens zone={zone} />
              </>
            ),
          },
          { id: 'backup', name: t`Backup`, content: () => <Backup /> },
        ]
      : []),
    ...(me ? [{ id: 'own', name: t`Own account`, content: () => <Own me={me} /> }] : []),
  ]
  return (
    <Page title={t`System`} note={zone}>
      <Sections label={t`Parts of the system`} sections={tabs} />
    </Page>
  )
}
