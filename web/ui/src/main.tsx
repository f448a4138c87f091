import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core'
import '@mantine/core/styles.css'
import { Notifications } from '@mantine/notifications'
import '@mantine/notifications/styles.css'
import './tokens.css'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createHashHistory, createRootRoute, createRoute, createRouter, Outlet, RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api/client'
import { Dashboard } from './pages/Dashboard'
import { SignIn } from './pages/SignIn'
import { Shell } from './shell/Shell'
import { theme } from './theme'

function recheck(e: unknown, key?: readonly unknown[]): void {
  if (e instanceof ApiError && e.status === 401 && key?.[0] !== 'me') void client.invalidateQueries({ queryKey: ['me'] })
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (e, q) => recheck(e, q.queryKey) }),
  mutationCache: new MutationCache({ onError: (e, _v, _c, m) => recheck(e, m.options.mutationKey) }),
  defaultOptions: { queries: { retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status >= 400 && e.status < 500) } },
})

const text = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : typeof v === 'number' ? String(v) : undefined)

const root = createRootRoute({ component: Outlet })
const app = createRoute({ getParentRoute: () => root, id: 'app', component: Shell })
const dashboard = createRoute({
  getParentRoute: () => app,
  path: '/',
  component: Dashboard,
  // What is looked at stands in the address, so that it can be shared.
  validateSearch: (s: Record<string, unknown>): { h?: string; g?: string } => {
    const h = text(s.h)
    const g = text(s.g)
    return { ...(h === undefined ? {} : { h }), ...(g === undefined ? {} : { g }) }
  },
})
const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignIn,
  validateSearch: (s: Record<string, unknown>): { why?: string } => {
    const why = text(s.why)
    return why === undefined ? {} : { why }
  },
})

// The place is kept behind the #: the server need not know it, under any path.
const router = createRouter({ routeTree: root.addChildren([app.addChildren([dashboard]), signIn]), history: createHashHistory() })

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}

const host = document.getElementById('root')
if (!host) throw new Error('the page has no place for the application')

createRoot(host).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={localStorageColorSchemeManager({ key: 'wattwerk-color-scheme' })}>
      <Notifications position="bottom-right" />
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
)
