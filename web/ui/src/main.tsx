import { i18n } from '@lingui/core'
import { I18nProvider } from '@lingui/react'
import { MantineProvider, localStorageColorSchemeManager } from '@mantine/core'
import '@mantine/core/styles.css'
import '@mantine/notifications/styles.css'
import './tokens.css'
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode, Suspense } from 'react'
import { createRoot } from 'react-dom/client'
import { ApiError } from './api/client'
import { live } from './api/live'
import { watchPaper } from './chart/paper'
import { modelQuery } from './data/model'
import { language } from './lib/locale'
import { firstTexts } from './lib/texts'
import { later } from './part/later'
import { router } from './router'
import { meQuery } from './shell/session'
import { theme } from './theme'

function recheck(e: unknown, key?: readonly unknown[]): void {
  if (e instanceof ApiError && e.status === 401 && key?.[0] !== 'me') void client.invalidateQueries({ queryKey: ['me'] })
}

const client: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (e, q) => recheck(e, q.queryKey) }),
  mutationCache: new MutationCache({ onError: (e, _v, _c, m) => recheck(e, m.options.mutationKey) }),
  defaultOptions: { queries: { retry: (n, e) => n < 2 && !(e instanceof ApiError && e.status >= 400 && e.status < 500) } },
})

// Nothing is told before the first page is there.
const Notifications = later(() => import('@mantine/notifications').then((m) => m.Notifications))

/** Asks for what the first page needs all at once, not one after the other as the page comes to be. */
function ahead(): void {
  const page = location.hash.replace(/^#/, '').replace(/\?.*$/, '')
  if (page === '/sign-in') return
  client.query(meQuery).catch(() => undefined)
  client.query(modelQuery).catch(() => undefined)
  live.ahead()
}

async function begin(host: HTMLElement): Promise<void> {
  ahead()
  watchPaper()
  await firstTexts()
  document.documentElement.lang = language
  createRoot(host).render(
    <StrictMode>
      <I18nProvider i18n={i18n}>
        <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={localStorageColorSchemeManager({ key: 'wattwerk-color-scheme' })}>
          <Suspense>
            <Notifications position="bottom-right" />
          </Suspense>
          <QueryClientProvider client={client}>
            <RouterProvider router={router} />
          </QueryClientProvider>
        </MantineProvider>
      </I18nProvider>
    </StrictMode>,
  )
}

const host = document.getElementById('root')
if (!host) throw new Error('the page has no place for the application')
void begin(host)
