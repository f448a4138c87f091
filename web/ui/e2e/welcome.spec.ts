// A newcomer is walked from sign-in to the first own reading.

import { accessible, expect, fits, quiet, signIn, test } from './wattwerk'

const shots = 'test-results'

test('from an empty dashboard to a value that moves', async ({ page, fresh }) => {
  test.setTimeout(180_000)
  const complaints = quiet(page)
  await signIn(page, fresh)
  await page.getByRole('link', { name: 'Step by step' }).click()
  await expect(page.getByRole('heading', { name: 'Welcome' })).toBeVisible()
  await page.getByLabel('Name of the site').fill('Plant Kiel')
  await page.getByRole('button', { name: 'Add the site' }).click()
  await expect(page.getByText('The site is Plant Kiel')).toBeVisible()

  await page.getByRole('button', { name: 'Make a token' }).click()
  const line = page.getByRole('textbox', { name: 'Line for the terminal' })
  await expect(line).not.toContainText('TOKEN')
  await expect(page.getByTestId('heard')).toHaveText('Waiting for a sensor that is not known yet…')
  await accessible(page)
  await page.screenshot({ path: `${shots}/welcome-light.png` })

  // What the line says is sent, from outside of the browser.
  const said = (await line.textContent()) ?? ''
  const [, url = ''] = /curl (\S+)/.exec(said) ?? []
  const [, token = ''] = /Bearer ([^']+)/.exec(said) ?? []
  const send = async (value: number) => {
    const r = await fetch(url, { method: 'POST', headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ sensor: 'kettle', value }) })
    expect(r.status).toBe(200)
  }
  await send(1800)
  await expect(page.getByTestId('heard')).toContainText('Heard: kettle', { timeout: 20_000 })
  await page.getByRole('button', { name: 'Put it there' }).click()
  const moving = page.getByTestId('moving')
  await expect(moving).toContainText('1.80', { timeout: 20_000 })
  await send(2400)
  await expect(moving).toContainText('2.40', { timeout: 20_000 })
  await accessible(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.screenshot({ path: `${shots}/welcome-dark.png` })
  await page.setViewportSize({ width: 390, height: 844 })
  await fits(page)
  await page.screenshot({ path: `${shots}/welcome-phone.png`, fullPage: true })
  await page.getByRole('link', { name: 'To the dashboard' }).click()
  await expect(page.getByRole('tree')).toBeVisible()
  complaints()
})
