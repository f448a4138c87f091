// The pages there are, in the order in which they are needed.

import { useLingui } from '@lingui/react/macro'
import { NavLink } from '@mantine/core'
import {
  IconApi, IconBellRinging, IconBinaryTree, IconChartLine, IconCoins, IconDatabaseImport, IconGauge, IconHomeStats, IconLayoutDashboard, IconRoute, IconReplace, IconShieldBolt, IconTimeline, IconTopologyStar3, IconTools, IconServerCog, IconSitemap,
} from '@tabler/icons-react'
import { Link, useRouterState, useSearch } from '@tanstack/react-router'
import { useMe } from './session'

export function Navigation({ onGo }: { onGo: () => void }) {
  const { t } = useLingui()
  const path = useRouterState({ select: (s) => s.location.pathname })
  const surveys = useMe().data?.scopes?.includes('household') ?? false
  // What is chosen goes along to the next page.
  const { h, g, s } = useSearch({ from: '/app' })
  const kept = { ...(h === undefined ? {} : { h }), ...(g === undefined ? {} : { g }), ...(s === undefined ? {} : { s }) }
  const pages = [
    { to: '/', name: t`Dashboard`, icon: IconLayoutDashboard },
    { to: '/sensors', name: t`Sensors`, icon: IconGauge },
    { to: '/compare', name: t`Compare`, icon: IconChartLine },
    { to: '/flow', name: t`Energy flow`, icon: IconRoute },
    { to: '/costs', name: t`Energy and costs`, icon: IconCoins },
    { to: '/alerts', name: t`Alerts`, icon: IconBellRinging },
    { to: '/model', name: t`Model`, icon: IconSitemap },
    { to: '/objects', name: t`Objects`, icon: IconTopologyStar3 },
    { to: '/availability', name: t`Availability`, icon: IconShieldBolt },
    { to: '/substitutes', name: t`Substitutes`, icon: IconReplace },
    { to: '/forecasts', name: t`Forecasts`, icon: IconTimeline },
    { to: '/services', name: t`Services`, icon: IconTools },
    { to: '/manifests', name: t`Manifests`, icon: IconBinaryTree },
    { to: '/data', name: t`Import`, icon: IconDatabaseImport },
    // For those who look after a survey alone.
    ...(surveys ? ([{ to: '/survey', name: t`Survey`, icon: IconHomeStats }] as const) : []),
    { to: '/system', name: t`System`, icon: IconServerCog },
  ] as const
  return (
    <>
      {pages.map(({ to, name, icon: Icon }) => (
        <NavLink
          key={to}
          renderRoot={(props) => <Link to={to} search={kept} {...props} />}
          label={name}
          leftSection={<Icon size={18} aria-hidden="true" />}
          active={path === to}
          aria-current={path === to ? 'page' : undefined}
          onClick={onGo}
        />
      ))}
      <NavLink href="docs" label={t`API`} leftSection={<IconApi size={18} aria-hidden="true" />} />
    </>
  )
}
