// What is around every page: header, navigation, connection state.

import { useLingui } from '@lingui/react/macro'
import { ActionIcon, AppShell, Burger, Skeleton, useComputedColorScheme, useMantineColorScheme } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { IconMoon, IconSun, IconUserCircle } from '@tabler/icons-react'
import { useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouter } from '@tanstack/react-router'
import { Suspense, useEffect } from 'react'
import { api } from '../api/client'
import { live, useConnection, type Connection } from '../api/live'
import { firstPicture, later } from '../part/later'
import { tell } from '../part/tell'
import { Logo } from './Logo'
import { Navigation } from './Navigation'
import { isSignedOut, useMe } from './session'
import classes from './Shell.module.css'
import { takeWay, wayOf } from './way'

// Menus bring what floats above the page; nobody needs that for the first look.
const Account = later(() => import('./Account').then((m) => m.Account))

function State() {
  const { t } = useLingui()
  const c = useConnection()
  const words: Record<Connection, string> = { connecting: t`Connecting`, live: t`Live`, reconnecting: t`Reconnecting`, offline: t`Offline`, paused: t`Paused` }
  const meaning: Record<Connection, string> = {
    connecting: t`Asking for the live stream`,
    live: t`Values are shown as they happen`,
    reconnecting: t`The live stream broke off; trying again. Values shown are the last known.`,
    offline: t`The server cannot be reached; trying again. Values shown are the last known.`,
    paused: t`The page is out of sight; values come again when it is seen.`,
  }
  return (
    <span className={classes.state} data-state={c} role="status" data-testid="connection" title={meaning[c]}>
      <span className={classes.dot} aria-hidden="true" />
      {words[c]}
    </span>
  )
}

function Scheme() {
  const { t } = useLingui()
  const { setColorScheme } = useMantineColorScheme()
  const scheme = useComputedColorScheme('light')
  const name = scheme === 'dark' ? t`Switch to light colours` : t`Switch to dark colours`
  return (
    <ActionIcon variant="subtle" size="lg" color="gray" aria-label={name} title={name} onClick={() => setColorScheme(scheme === 'dark' ? 'light' : 'dark')}>
      {scheme === 'dark' ? <IconSun size={20} /> : <IconMoon size={20} />}
    </ActionIcon>
  )
}

export function Shell() {
  const { t } = useLingui()
  const [open, { toggle, close }] = useDisclosure(false)
  const me = useMe()
  const navigate = useNavigate()
  const { history } = useRouter()
  const client = useQueryClient()
  const connection = useConnection()
  const signedOut = isSignedOut(me.error)
  const known = me.data !== undefined

  useEffect(() => (known ? live.start() : undefined), [known])

  useEffect(() => {
    if (known) firstPicture()
  }, [known])

  // An event source does not say why it broke off; a session that ended is one reason.
  useEffect(() => {
    if (connection === 'reconnecting') void client.invalidateQueries({ queryKey: ['me'] })
  }, [connection, client])

  useEffect(() => {
    if (!known) return
    const way = takeWay()
    if (way !== undefined && history.location.href === '/') history.replace(way)
  }, [known, history])

  useEffect(() => {
    if (!signedOut || history.location.pathname === '/sign-in') return
    const way = wayOf(history.location.href)
    void navigate({ to: '/sign-in', search: { ...(known ? { why: 'session' } : {}), ...(way === undefined ? {} : { way }) }, replace: true })
  }, [signedOut, known, navigate, history])

  const signOut = async () => {
    try {
      await api.logout()
    } catch (e) {
      tell({ bad: true, title: t`You are still signed in`, message: e instanceof Error ? e.message : String(e) })
      return
    }
    client.clear()
    await navigate({ to: '/sign-in', search: {} })
  }

  if (!known && !me.error) return null
  if (signedOut) return null

  return (
    <AppShell header={{ height: 56 }} navbar={{ width: 236, breakpoint: 'md', collapsed: { mobile: !open } }} padding="md">
      <a href="#main" className="ww-skip" onClick={(e) => {
        // The address after # belongs to the router.
        e.preventDefault()
        document.getElementById('main')?.focus()
      }}>
        {t`Skip to the content`}
      </a>
      <AppShell.Header className={classes.header}>
        <Burger opened={open} onClick={toggle} hiddenFrom="md" size="sm" aria-label={open ? t`Close the navigation` : t`Open the navigation`} aria-expanded={open} />
        <Link to="/" search={{}} className={classes.brand} onClick={close}>
          <Logo />
          <span>Wattwerk</span>
        </Link>
        <span className={classes.space} />
        <State />
        <Scheme />
        {me.data && (
          <Suspense
            fallback={
              <span className={classes.user}>
                <IconUserCircle size={22} stroke={1.6} aria-hidden="true" />
                <span className={classes.userName}>{me.data.name}</span>
              </span>
            }
          >
            <Account me={me.data} onSignOut={() => void signOut()} />
          </Suspense>
        )}
      </AppShell.Header>
      <AppShell.Navbar p="sm" className={classes.navbar} aria-label={t`Main`} data-open={open}>
        <Navigation onGo={close} />
      </AppShell.Navbar>
      <AppShell.Main id="main" tabIndex={-1} className={classes.main}>
        <Suspense fallback={<Skeleton height={420} radius={14} />}>
          <Outlet />
        </Suspense>
      </AppShell.Main>
    </AppShell>
  )
}
