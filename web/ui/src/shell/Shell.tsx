// What is around every page: header, navigation, connection state.

import { ActionIcon, AppShell, Burger, Menu, NavLink, Tooltip, UnstyledButton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconApi, IconLayoutDashboard, IconLogout, IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router'
import { useEffect } from 'react'
import { api } from '../api/client'
import { live, useConnection, type Connection } from '../api/live'
import { Logo } from './Logo'
import { isSignedOut, useMe } from './session'
import classes from './Shell.module.css'

const words: Record<Connection, string> = { connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', offline: 'Offline' }
const meaning: Record<Connection, string> = {
  connecting: 'Asking for the live stream',
  live: 'Values are shown as they happen',
  reconnecting: 'The live stream broke off; trying again. Values shown are the last known.',
  offline: 'The server cannot be reached; trying again. Values shown are the last known.',
}

function State() {
  const c = useConnection()
  return (
    <Tooltip label={meaning[c]}>
      <span className={classes.state} data-state={c} role="status" data-testid="connection">
        <span className={classes.dot} aria-hidden="true" />
        {words[c]}
      </span>
    </Tooltip>
  )
}

function Scheme() {
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const other = scheme === 'dark' ? 'light' : 'dark'
  return (
    <Tooltip label={`Switch to ${other}`}>
      <ActionIcon variant="subtle" size="lg" color="gray" aria-label={`Switch to ${other} colours`} onClick={() => setColorScheme(other)}>
        {scheme === 'dark' ? <IconSun size={20} /> : <IconMoon size={20} />}
      </ActionIcon>
    </Tooltip>
  )
}

export function Shell() {
  const [open, { toggle, close }] = useDisclosure(false)
  const me = useMe()
  const navigate = useNavigate()
  const client = useQueryClient()
  const connection = useConnection()
  const path = useRouterState({ select: (s) => s.location.pathname })
  const signedOut = isSignedOut(me.error)
  const known = me.data !== undefined

  useEffect(() => (known ? live.start() : undefined), [known])

  // An event source does not say why it broke off; a session that ended is one reason.
  useEffect(() => {
    if (connection === 'reconnecting') void client.invalidateQueries({ queryKey: ['me'] })
  }, [connection, client])

  useEffect(() => {
    if (signedOut) void navigate({ to: '/sign-in', search: known ? { why: 'session' } : {} })
  }, [signedOut, known, navigate])

  const signOut = async () => {
    await api.logout()
    client.clear()
    await navigate({ to: '/sign-in', search: {} })
  }

  if (!known && !me.error) return null
  if (signedOut) return null

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 210, breakpoint: 'md', collapsed: { mobile: !open } }} padding="md">
      <a href="#main" className="ww-skip" onClick={(e) => {
        // The address after # belongs to the router.
        e.preventDefault()
        document.getElementById('main')?.focus()
      }}>
        Skip to the content
      </a>
      <AppShell.Header className={classes.header}>
        <Burger opened={open} onClick={toggle} hiddenFrom="md" size="sm" aria-label={open ? 'Close the navigation' : 'Open the navigation'} aria-expanded={open} />
        <Link to="/" search={{}} className={classes.brand} onClick={close}>
          <Logo />
          <span>Wattwerk</span>
        </Link>
        <span className={classes.space} />
        <State />
        <Scheme />
        {me.data && (
          <Menu position="bottom-end" width={200}>
            <Menu.Target>
              <UnstyledButton className={classes.user} aria-label={`Account of ${me.data.name}`}>
                <IconUserCircle size={22} stroke={1.6} aria-hidden="true" />
                <span className={classes.userName}>{me.data.name}</span>
              </UnstyledButton>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Label>
                {me.data.name}
                {me.data.role ? `, ${me.data.role}` : ''}
              </Menu.Label>
              {me.data.kind === 'user' && (
                <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void signOut()}>
                  Sign out
                </Menu.Item>
              )}
            </Menu.Dropdown>
          </Menu>
        )}
      </AppShell.Header>
      <AppShell.Navbar p="sm" className={classes.navbar} aria-label="Main" data-open={open}>
        <NavLink component={Link} to="/" label="Dashboard" leftSection={<IconLayoutDashboard size={18} />} active={path === '/'} onClick={close} />
        <NavLink href="docs" label="API" leftSection={<IconApi size={18} />} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <Outlet />
      </AppShell.Main>
    </AppShell>
  )
}
