// Which page stands where. Pages come when they are asked for, but for the
// first, which comes with what all of them need.

import { createHashHistory, createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from '@tanstack/react-router'
import { otherTexts } from './lib/texts'
import { Dashboard } from './pages/Dashboard'
import { readPlace } from './shell/place'
import { Failed } from './shell/Failed'
import { Shell } from './shell/Shell'
import { wayOf } from './shell/way'

const root = createRootRoute({ component: Outlet })
const app = createRoute({ getParentRoute: () => root, id: 'app', component: Shell, validateSearch: readPlace })
const under = { getParentRoute: () => app } as const

/** A page with its texts. */
const page = <T,>(load: () => Promise<T>) => async (): Promise<T> => (await Promise.all([load(), otherTexts()]))[0]

const routes = [
  createRoute({ ...under, path: '/', component: Dashboard }),
  createRoute({ ...under, path: '/sensors', component: lazyRouteComponent(page(() => import('./pages/Sensors')), 'Sensors') }),
  createRoute({ ...under, path: '/compare', component: lazyRouteComponent(page(() => import('./pages/Compare')), 'Compare') }),
  createRoute({ ...under, path: '/flow', component: lazyRouteComponent(page(() => import('./pages/Flow')), 'Flow') }),
  createRoute({ ...under, path: '/costs', component: lazyRouteComponent(page(() => import('./pages/Costs')), 'Costs') }),
  createRoute({ ...under, path: '/alerts', component: lazyRouteComponent(page(() => import('./pages/Alerts')), 'Alerts') }),
  createRoute({ ...under, path: '/model', component: lazyRouteComponent(page(() => import('./pages/Model')), 'Model') }),
  createRoute({ ...under, path: '/data', component: lazyRouteComponent(page(() => import('./pages/Data')), 'Data') }),
  createRoute({ ...under, path: '/manifests', component: lazyRouteComponent(page(() => import('./pages/Manifests')), 'Manifests') }),
  createRoute({ ...under, path: '/objects', component: lazyRouteComponent(page(() => import('./pages/Objects')), 'Objects') }),
  createRoute({ ...under, path: '/availability', component: lazyRouteComponent(page(() => import('./pages/Availability')), 'Availability') }),
  createRoute({ ...under, path: '/substitutes', component: lazyRouteComponent(page(() => import('./pages/Substitutes')), 'Substitutes') }),
  createRoute({ ...under, path: '/forecasts', component: lazyRouteComponent(page(() => import('./pages/Forecasts')), 'Forecasts') }),
  createRoute({ ...under, path: '/services', component: lazyRouteComponent(page(() => import('./pages/Services')), 'Services') }),
  createRoute({ ...under, path: '/survey', component: lazyRouteComponent(page(() => import('./pages/Survey')), 'Survey') }),
  createRoute({ ...under, path: '/system', component: lazyRouteComponent(page(() => import('./pages/System')), 'System') }),
  createRoute({ ...under, path: '/welcome', component: lazyRouteComponent(page(() => import('./pages/Welcome')), 'Welcome') }),
  createRoute({ ...under, path: '$', component: lazyRouteComponent(page(() => import('./pages/Nowhere')), 'Nowhere') }),
] as const

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: lazyRouteComponent(() => import('./pages/SignIn'), 'SignIn'),
  validateSearch: (s: Record<string, unknown>): { why?: string; way?: string } => {
    const way = wayOf(s.way)
    return { ...(typeof s.why === 'string' && s.why !== '' ? { why: s.why } : {}), ...(way === undefined ? {} : { way }) }
  },
})

// The place is kept behind the #: the server need not know it, under any path.
export const router = createRouter({
  routeTree: root.addChildren([app.addChildren(routes), signIn]),
  history: createHashHistory(),
  defaultPreload: 'intent',
  defaultErrorComponent: Failed,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
