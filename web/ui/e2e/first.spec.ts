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
  await page.getByRole('button', { name: 'Account of admin' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
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
