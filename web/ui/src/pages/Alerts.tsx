// What needs somebody, what needed somebody, and by which rules.

import { useLingui } from '@lingui/react/macro'
import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { History, Now } from '../alerts/Incidents'
import { Silences, Sinks } from '../alerts/Quiet'
import { Rules } from '../alerts/Rules'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { Panel } from '../part/Panel'
import { useMe } from '../shell/session'
import classes from './System.module.css'

export function Alerts() {
  const { t } = useLingui()
  const { tab } = useSearch({ from: '/app' })
  const navigate = useNavigate({ from: '/alerts' })
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
  const open = tabs.find((x) => x.id === tab) ?? tabs[0]
  return (
    <Page title={t`Alerts`} note={zone}>
      <Tabs value={open?.id ?? ''} onChange={(v) => v !== null && void navigate({ search: (old) => ({ ...old, tab: v }), replace: true })} keepMounted={false}>
        <Tabs.List className={classes.tabs} aria-label={t`Parts of the alerts`}>
          {tabs.map((x) => (
            <Tabs.Tab key={x.id} value={x.id}>
              {x.name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {tabs.map((x) => (
          <Tabs.Panel key={x.id} value={x.id} className={classes.content}>
            {x === open && x.content()}
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  )
}
