// The system as its administrator sees it.

import { readFileSync } from 'node:fs'
import { accessible, expect, looks, quiet, signIn, test } from './wattwerk'


test('says what runs and how far it is, and what was refused can be tried again', async ({ page, demo }) => {
  test.setTimeout(240_000)
  await signIn(page, demo)
  await page.goto(`${demo.url}/#/system`)
  await expect(page.getByRole('region', { name: 'Modules of this process' }).getByText('running').first()).toBeVisible({ timeout: 30_000 })
  await expect(page.getByRole('region', { name: 'Partitions', exact: true }).getByRole('row').nth(1)).toBeVisible()

  const instances = page.getByRole('region', { name: 'Instances', exact: true })
  await expect(instances.getByText(/^aggregate: partitions 0–15 of 16$/)).toBeVisible({ timeout: 60_000 })
  await expect(page.getByRole('region', { name: 'Reading from the bus' }).getByRole('row').nth(1)).toBeVisible({ timeout: 60_000 })

  // What is no reading cannot be tried again; what is one is refused again until its cause is mended.
  const send = (path: string, method: string, data: unknown) =>
    page.evaluate(async ([p, m, d]) => (await fetch(`api/v1/${p}`, { method: m, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(d) })).status, [path, method, data] as const)
  const kettle = { id: 'kettle', name: 'The kettle', quantity: 'energy' }
  expect(await send('sensors/kettle', 'PUT', kettle)).toBe(200)
  await send('ingest/json', 'POST', { sensor: 'toaster', value: 'very much' })
  await send('ingest/json', 'POST', { sensor: 'kettle', value: 2, unit: 'kW' })
  await page.getByRole('tab', { name: 'Intake' }).click()
  const letters = page.getByRole('list', { name: 'Dead letters' })
  await expect(letters.getByText('kettle').first()).toBeVisible({ timeout: 30_000 })
  await page.getByLabel('Search dead letters').fill('nothing like this')
  await expect(letters.getByRole('listitem')).toHaveCount(0)
  await page.getByLabel('Search dead letters').fill('very much')
  await expect(letters.getByRole('listitem')).toHaveCount(1)
  await expect(letters.getByRole('button', { name: 'Try again' })).toHaveCount(0)
  await page.getByLabel('Search dead letters').fill('kettle')
  await letters.getByRole('button', { name: 'Try again' }).click()
  await expect(page.getByText('Refused again').first()).toBeVisible({ timeout: 30_000 })
  expect(await send('sensors/kettle', 'PUT', { ...kettle, quantity: 'active_power' })).toBe(200)
  await page.getByRole('button', { name: 'Try all again' }).click()
  await expect(page.getByText(/^Done: 1 stored/)).toBeVisible({ timeout: 30_000 })
  await expect(letters.getByText(/tried again by admin$/)).toBeVisible()
  // The sensor's own page knows of it.
  await page.goto(`${demo.url}/#/sensors?s=kettle`)
  await expect(page.getByRole('region', { name: 'Refused', exact: true }).getByText('Stored since, when it was tried again.')).toBeVisible({ timeout: 30_000 })

  await page.goto(`${demo.url}/#/system?tab=settling`)
  await expect(page.getByRole('region', { name: 'Settled windows' })).toBeVisible()
  await page.getByRole('button', { name: 'Settle again' }).click()
  await expect(page.getByText('Done.')).toBeVisible({ timeout: 60_000 })
  // Many wait: the page is told so, whatever the program does meanwhile.
  let waiting = 12
  await page.route('**/api/v1/settled/status', async (route) => {
    const res = await route.fetch()
    await route.fulfill({ response: res, json: { ...((await res.json()) as object), asked: waiting, marks: waiting } })
  })
  await page.reload()
  await expect(page.getByText('12 of 12 ranges are waiting.')).toBeVisible()
  waiting = 9
  await expect(page.getByText('9 of 12 ranges are waiting.')).toBeVisible()
  await page.route('**/api/v1/settled/again/cancel', async (route) => {
    const res = await route.fetch()
    expect(res.status()).toBe(200)
    waiting = 0
    await route.fulfill({ response: res, json: { marks: 9 } })
  })
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByText('Cancelled: 9 of 12 ranges are as they were.')).toBeVisible()
})

test('users come and go, tokens are shown once, a backup is brought', async ({ page, empty, browser }) => {
  test.setTimeout(180_000)
  await signIn(page, empty)
  await page.goto(`${empty.url}/#/system?tab=people`)
  await page.getByRole('button', { name: 'Add a user' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('grace')
  await dialog.getByLabel('Password', { exact: true }).fill('a long enough secret')
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  const users = page.getByRole('region', { name: 'Users', exact: true })
  await expect(users.getByText('grace')).toBeVisible()

  // A viewer sees no way to change anything.
  const context = await browser.newContext({ locale: 'en-GB' })
  const hers = await context.newPage()
  await signIn(hers, { ...empty, password: 'a long enough secret' }, 'grace')
  await hers.goto(`${empty.url}/#/system`)
  await expect(hers.getByRole('tab', { name: 'Own account' })).toBeVisible()
  await expect(hers.getByRole('tab', { name: 'Users and tokens' })).toBeHidden()
  await expect(hers.getByRole('tab', { name: 'Backup' })).toBeHidden()
  await hers.goto(`${empty.url}/#/model`)
  await expect(hers.getByRole('button', { name: 'Revisions' })).toBeVisible()
  await expect(hers.getByRole('button', { name: 'Add a hierarchy' })).toBeHidden()
  await context.close()

  await page.getByRole('button', { name: 'Sign-in link for grace' }).click()
  await expect(page.getByRole('textbox', { name: 'Sign-in link for grace' })).toHaveValue(/once=/)
  await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click()
  await page.getByRole('button', { name: 'Remove grace' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await expect(users.getByText('grace')).toBeHidden()

  await page.getByRole('button', { name: 'Make a token' }).click()
  await dialog.getByLabel('Name').fill('logger')
  // What a researcher may do, a machine of theirs may.
  await dialog.getByLabel('See households and their devices').check()
  await dialog.getByLabel('See what was measured in a household').check()
  await accessible(page)
  await page.screenshot({ path: 'test-results/system-token.png' })
  await dialog.getByRole('button', { name: 'Make', exact: true }).click()
  await expect(page.getByRole('textbox', { name: 'Secret of logger' })).not.toHaveValue('')
  await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click()
  await expect(page.getByRole('row').filter({ hasText: 'logger' })).toContainText('household, ingest, measurement-read')
  await page.getByRole('button', { name: 'Revoke logger' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await expect(page.getByRole('button', { name: 'Revoke logger' })).toBeHidden()

  await page.getByRole('tab', { name: 'Backup' }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download a backup' }).click()
  const file = readFileSync(await (await download).path())
  // The magic number of zstd.
  expect([...file.subarray(0, 4)]).toEqual([0x28, 0xb5, 0x2f, 0xfd])
  await expect(page.getByText(/^Done: /)).toBeVisible()
  // It goes on while something else is looked at, and says there what came of it.
  let release: () => void = () => undefined
  const held = new Promise<void>((r) => (release = r))
  await page.route('**/api/v1/backup', async (r) => {
    await held
    await r.continue()
  }, { times: 1 })
  await page.getByRole('button', { name: 'Download a backup' }).click()
  await page.getByRole('tab', { name: 'Overview' }).click()
  await expect(page.getByRole('region', { name: 'Health' })).toBeVisible()
  await page.getByRole('tab', { name: 'Backup' }).click()
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeVisible()
  await page.getByRole('tab', { name: 'Overview' }).click()
  const later = page.waitForEvent('download')
  release()
  await later
  await expect(page.getByText(/^Done: /)).toBeVisible()
  await page.getByRole('tab', { name: 'Backup' }).click()
  // One that does not come to an end can be left.
  await page.route('**/api/v1/backup', () => undefined)
  await page.getByRole('button', { name: 'Download a backup' }).click()
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByText('Cancelled. Nothing was kept.')).toBeVisible()
})

test('light, dark and phone look right', async ({ page, demo }) => {
  test.slow()
  const complaints = quiet(page)
  await signIn(page, demo)
  const tabs = [['overview', 'Health'], ['people', 'Tokens'], ['intake', 'Intake'], ['settling', 'Settled windows'], ['backup', 'How to restore'], ['own', 'Own password']] as const
  for (const [tab, heading] of tabs) {
    await page.goto(`${demo.url}/#/system?tab=${tab}`)
    await expect(page.getByRole('heading', { name: heading, exact: true })).toBeVisible()
    await expect(page.locator('[aria-busy=true]')).toHaveCount(0)
    if (tab === 'overview' || tab === 'people') await looks(page, `system-${tab}`)
    else await accessible(page)
  }
  complaints()
})
