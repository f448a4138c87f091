import { accessible, expect, quiet, signIn, test } from './wattwerk'

test('from nothing to a first live value', async ({ page, fresh, request }) => {
  const complaints = quiet(page)
  await page.goto(fresh.url)
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  await accessible(page)
  await page.screenshot({ path: 'test-results/sign-in.png' })
  await signIn(page, fresh)
  await expect(page.getByRole('heading', { name: 'Nothing measures yet' })).toBeVisible()
  await accessible(page)
  await page.screenshot({ path: 'test-results/empty.png' })

  // What the line on the page does.
  await expect(page.getByText('curl ')).toContainText(`${fresh.url}/api/v1/ingest/json`)
  const send = async (sensor: string, value: number) => {
    const res = await request.post(`${fresh.url}/api/v1/ingest/json`, { data: { sensor, value } })
    expect(res.ok(), await res.text()).toBe(true)
  }
  await send('kettle', 1800)
  await page.getByRole('button', { name: /Add kettle to/ }).click()
  await expect(page.getByText('kettle counts for Everything now')).toBeVisible()
  await send('kettle', 1800)
  await expect(page.getByTestId('live-power')).toHaveText(/1[.,]80\s*kW/)

  // A second one, with odd characters, into the same group.
  await send('Küche/Herd, links', 200)
  await page.getByRole('button', { name: /Add Küche\/Herd, links to/ }).click()
  await send('Küche/Herd, links', 200)
  await expect(page.getByTestId('live-power')).toHaveText(/2[.,]00\s*kW/)
  await expect(page.getByRole('treeitem', { name: /Küche\/Herd, links/ })).toContainText('200')
  complaints()
})

test('signing out ends the session', async ({ page, empty }) => {
  await signIn(page, empty)
  const signOut = async () => {
    await page.getByRole('button', { name: 'Account of admin' }).click()
    await page.getByRole('menuitem', { name: 'Sign out' }).click()
  }
  await page.route('**/api/v1/logout', (r) => r.fulfill({ status: 503, contentType: 'application/problem+json', json: { status: 503, title: 'Service Unavailable', detail: 'try again' } }), { times: 1 })
  await signOut()
  await expect(page.getByText('You are still signed in')).toBeVisible()
  await signOut()
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  await page.goto(empty.url)
  await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
  expect((await page.request.get(`${empty.url}/api/v1/model`)).status()).toBe(401)
})

test('a wrong password is refused with a sentence', async ({ page, empty }) => {
  await page.goto(empty.url)
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill('wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByText('The name or the password is wrong.')).toBeVisible()
})

test('a link made on the command line signs in', async ({ page, empty }) => {
  const said = await empty.run('user', 'link')
  await page.goto(/http:\/\/\S+once=\w+/.exec(said)?.[0] ?? '')
  await expect(page.getByTestId('connection')).toHaveText('Live')
})

test('a link shows the same to whoever signs in for it, and to whoever does so again', async ({ page, empty }) => {
  await page.goto(`${empty.url}/#/compare?c=c.skettle&span=7d`)
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill(empty.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  const shown = async () => {
    await expect(page).toHaveURL(/#\/compare\?(?=.*c=c\.skettle)(?=.*span=7d)/)
    await expect(page.getByRole('heading', { name: 'Comparison' })).toBeVisible()
    await expect(page.getByTestId('connection')).toHaveText('Live')
  }
  await shown()
  // The session ends elsewhere: the stream tells, and what is looked at is kept.
  expect((await page.request.post(`${empty.url}/api/v1/logout`)).ok()).toBe(true)
  await expect(page.getByText('Your session has ended.')).toBeVisible()
  const said = await empty.run('user', 'link')
  await page.goto(/http:\/\/\S+once=\w+/.exec(said)?.[0] ?? '')
  await shown()
  // Once only, and never a place of others.
  await page.goto(`${empty.url}/#/`)
  await page.reload()
  await expect(page).toHaveURL(/#\/$/)
  expect((await page.request.post(`${empty.url}/api/v1/logout`)).ok()).toBe(true)
  await expect(page.getByText('Your session has ended.')).toBeVisible()
  await page.goto(`${empty.url}/#/sign-in?way=%2F%2Fevil.example`)
  await page.getByLabel('Name').fill('admin')
  await page.getByLabel('Password', { exact: true }).fill(empty.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByTestId('connection')).toHaveText('Live')
  expect(new URL(page.url()).origin).toBe(new URL(empty.url).origin)
  await expect(page).toHaveURL(/#\/$/)
})

test('a page out of sight keeps no connection', async ({ page, empty }) => {
  await signIn(page, empty)
  const see = (state: string) =>
    page.evaluate((to) => {
      Object.defineProperty(document, 'visibilityState', { value: to, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  await see('hidden')
  await expect(page.getByTestId('connection')).toHaveText('Paused', { timeout: 20_000 })
  await see('visible')
  await expect(page.getByTestId('connection')).toHaveText('Live')
})
