// The installation itself: what runs, what comes in, who may, what is kept.

import { useLingui } from '@lingui/react/macro'
import { Tabs } from '@mantine/core'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useModel } from '../data/model'
import { knownZone } from '../lib/zone'
import { Page } from '../part/Page'
import { useMe } from '../shell/session'
import { Backup } from '../system/Backup'
import { Intake } from '../system/Intake'
import { Overview } from '../system/Overview'
import { Own } from '../system/Own'
import { Tokens, Users } from '../system/People'
import { Settling } from '../system/Settling'
import classes from './System.module.css'

export function System() {
  const { t } = useLingui()
  const { tab } = useSearch({ from: '/app' })
  const navigate = useNavigate({ from: '/system' })
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
  const open = tabs.find((x) => x.id === tab) ?? tabs[0]
  return (
    <Page title={t`System`} note={zone}>
      <Tabs value={open?.id ?? ''} onChange={(v) => v !== null && void navigate({ search: (old) => ({ ...old, tab: v }), replace: true })} keepMounted={false}>
        <Tabs.List className={classes.tabs} aria-label={t`Parts of the system`}>
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
