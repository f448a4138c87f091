// What needs somebody, what needed somebody, and by which rules.

import { useLingui } from '@lingui/react/macro'
import { History, Now } from '../alerts/Incidents'
import { Silences, Sinks } from '../alerts/Quiet'
import { Rules } from '../alerts/Rules'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { Sections } from '../part/Sections'
import { useMe } from '../shell/session'

export function Alerts() {
  const { t } = useLingui()
  const model = useModel()
  const { index } = model
  const may = useMe().data?.scopes?.includes('operate') ?? false
  const zone = knownZone(index?.model.sites[0]?.zone)
  if (!index) {
    return (
      <Page title={t`Alerts`}>
        <Panel title={t`What lasts`} height={160} asked={model}>
          {null}
        </Panel>
      </Page>
    )
  }
  const names = (s: { sensor?: string; group?: string }) => (s.sensor !== undefined && s.sensor !== '' ? (index.sensor(s.sensor).name ?? s.sensor) : s.group !== undefined && s.group !== '' ? index.groupName(s.group) : '')
  const tabs = [
    { id: 'now', name: t`Now`, content: () => <Now zone={zone} names={names} may={may} /> },
    { id: 'history', name: t`History`, content: () => <History zone={zone} names={names} /> },
    { id: 'rules', name: t`Rules`, content: () => <Rules index={index} zone={zone} may={may} /> },
    {
      id: 'messages', name: t`Silences and sinks`, content: () => (
        <>
          <Silences index={index} zone={zone} may={may} />
          <Sinks may={may} />
        </>
      ),
    },
  ]
  return (
    <Page title={t`Alerts`} note={zone}>
      <Sections label={t`Parts of the alerts`} sections={tabs} />
    </Page>
  )
}
