// A field survey as those see it who look after it. The survey runs whole: with its
// authority, a text, a household with its device and a played meter.

import type { Page } from '@playwright/test'
import { accessible, expect, looks, signIn, startAs, test as base, type Program } from './wattwerk'

const test = base.extend<object, { survey: Program }>({
  survey: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
    async ({}, use) => {
      const r = await startAs(['survey', 'demo'], '-n', '1', '--listen', '127.0.0.1:0')
      await use(r.program)
      await r.stop()
    },
    { scope: 'worker', timeout: 90_000 },
  ],
})

/** In light colours alone: what is special to dark ones and phones is looked at where most of it is. */
async function seen(page: Page, name: string): Promise<void> {
  await accessible(page)
  await page.screenshot({ path: `test-results/${name}-light.png`, fullPage: true })
}

test('says how to begin where there is none', async ({ page, empty }) => {
  test.slow()
  await signIn(page, empty)
  await page.getByRole('link', { name: 'Survey' }).click()
  await expect(page.getByRole('heading', { name: 'No survey runs here' })).toBeVisible()
  await expect(page.getByText('wattwerk survey ca init --offline /media/stick')).toBeVisible()
  await seen(page, 'survey-begin')
})

test('registers a household, watches its device, and revokes a consent', async ({ page, survey }) => {
  test.setTimeout(300_000)
  await signIn(page, survey)
  await page.goto(`${survey.url}/#/survey`)
  const households = page.getByRole('region', { name: 'Households', exact: true })
  await expect(households.getByRole('row')).toHaveCount(2, { timeout: 120_000 })
  await page.getByRole('button', { name: 'Register a household' }).click()

  // What is wrong is said at the fields; nothing is sent.
  const form = page.getByRole('form', { name: 'Register a household' })
  const participant = form.getByRole('region', { name: 'Participant' })
  await participant.getByLabel('Name').fill('Ada Quux')
  await form.getByLabel('E-mail').fill('nobody')
  await form.getByLabel('Adults', { exact: true }).fill('2')
  await form.getByLabel('Employed adults').fill('3')
  await expect(form.getByText('More than there are adults.')).toBeVisible()
  await form.getByRole('button', { name: 'Register', exact: true }).click()
  await expect(form.getByText('This is no e-mail address.')).toBeVisible()
  await expect(form.getByText('This is needed.')).toBeVisible()
  await expect(form.getByLabel('E-mail')).toBeFocused()
  await form.getByLabel('E-mail').fill('ada@example.org')
  await form.getByLabel('Employed adults').fill('1')
  await form.getByLabel('Children').fill('0')
  await form.getByRole('radiogroup', { name: 'Heat pump' }).getByText('yes', { exact: true }).click()
  await form.getByLabel('Street and number').fill('Xylophonweg 77')
  await form.getByLabel('City').fill('Kiel')
  await form.getByLabel('Latitude').fill('0')
  await form.getByLabel('Longitude').fill('0')
  await form.getByRole('button', { name: 'Add a PV system' }).click()
  const pv = form.getByRole('group', { name: 'PV system 1' })
  await pv.getByLabel('Name').fill('roof')
  await pv.getByLabel('Nominal power').fill('9,86')
  await pv.getByLabel('Azimuth').fill('170')
  await pv.getByLabel('Tilt').fill('35')
  await pv.getByLabel('Installed').fill('2019-05-17')
  const meter = form.getByRole('group', { name: 'Meter 1' })
  await meter.getByLabel('Model').fill('MT175')
  await meter.getByLabel('Serial number').fill('1ISK0099887766')
  await meter.getByRole('combobox', { name: 'PV system on it' }).click()
  await page.getByRole('option', { name: 'roof' }).click()
  await looks(page, 'survey-register', { whole: true })
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1400, height: 1000 })

  // What the service alone knows is at its field as well.
  await form.getByRole('button', { name: 'Register', exact: true }).click()
  await expect(form.getByText('location is in none of the districts of Germany')).toBeVisible()
  await form.getByLabel('Latitude').fill('54,32331')
  await form.getByLabel('Longitude').fill('10.13942')
  await form.getByRole('button', { name: 'Register', exact: true }).click()
  const dialog = page.getByRole('dialog', { name: 'The household is registered' })
  await expect(dialog.getByRole('textbox', { name: 'Enrolment token of edge' })).toHaveText(/^enrol_[A-Z0-9]{20,}$/)
  await expect(dialog.getByRole('button', { name: 'Copy: Enrolment token of edge' })).toBeVisible()
  await dialog.getByRole('button', { name: 'Done' }).click()

  // The household: all of it, and another token.
  await expect(page.getByText('Xylophonweg 77, Kiel, DE')).toBeVisible()
  await expect(page.getByText('0 children, 2 adults, of them 1 employed')).toBeVisible()
  await expect(page.getByRole('region', { name: 'PV systems' }).getByText('9.86')).toBeVisible()
  await expect(page.getByRole('region', { name: 'Meters' }).getByRole('cell', { name: 'roof' })).toBeVisible()
  await page.getByRole('button', { name: 'New token for edge' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Make a token' }).click()
  await expect(page.getByRole('textbox', { name: 'Enrolment token of edge' })).toHaveText(/^enrol_/)
  await page.getByRole('dialog').getByRole('button', { name: 'Done' }).click()

  // Its device is in the status, beside one that measures.
  await page.getByRole('tab', { name: 'Status' }).click()
  const health = page.getByRole('region', { name: 'Health of the devices' })
  await expect(health.getByText('It has not enrolled yet.')).toBeVisible()
  await expect(health.getByRole('row')).toHaveCount(3)
  await expect(health.getByRole('row').filter({ hasText: 'well' })).toHaveCount(1, { timeout: 120_000 })
  await looks(page, 'survey-status')
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1400, height: 1000 })
  await page.getByRole('tab', { name: 'Incidents' }).click()
  await expect(page.getByRole('region', { name: 'Incidents' })).toBeVisible()
  await page.getByRole('tab', { name: 'Targets' }).click()
  await expect(page.getByRole('region', { name: 'Measured, by meter', exact: true }).getByRole('row').nth(1)).toBeVisible()
  await page.getByText('By day', { exact: true }).click()
  await expect(page.getByRole('heading', { name: 'Reported, by device and day' })).toBeVisible()
  await seen(page, 'survey-targets')

  // The one that has consented: found, looked at, revoked.
  await page.getByRole('tab', { name: 'Households' }).click()
  await page.getByRole('link', { name: 'All households' }).click()
  await page.getByLabel('Search').fill('xylophon')
  await expect(households.getByRole('row')).toHaveCount(2)
  await page.getByLabel('Search').fill('')
  await expect(households.getByRole('row')).toHaveCount(3)
  await seen(page, 'survey-households')
  await households.getByRole('row').filter({ hasText: /\bgranted$|granted(?! yet)/ }).getByRole('link').click()
  await expect(page.getByRole('button', { name: 'Download the receipt' })).toBeVisible()
  await looks(page, 'survey-household', { whole: true })
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1400, height: 1000 })
  await page.getByRole('button', { name: /^Revoke (?!the)/ }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click()
  await expect(page.getByRole('cell', { name: 'not enrolled' })).toBeVisible()
  await expect(page).toHaveURL(/[?&]home=[0-9a-f]/)
  const id = new URL(page.url().replace('#/', '')).searchParams.get('home')?.slice(0, 8) ?? ''
  await page.getByRole('button', { name: 'Revoke the consent' }).click()
  const revoke = page.getByRole('dialog')
  await expect(revoke.getByText('This is for ever.')).toBeVisible()
  await expect(revoke.getByRole('button', { name: 'Go on' })).toBeDisabled()
  await revoke.getByLabel('The participant has asked for it.').check()
  await revoke.getByRole('button', { name: 'Go on' }).click()
  await expect(revoke.getByRole('button', { name: 'Revoke for ever' })).toBeDisabled()
  await revoke.getByRole('textbox').fill(id)
  await revoke.getByRole('button', { name: 'Revoke for ever' }).click()
  await expect(page.getByRole('heading', { name: 'The consent is revoked' })).toBeVisible()
  await page.getByRole('link', { name: 'All households' }).click()
  await expect(households.getByText('revoked, anonymous')).toBeVisible()
  await expect(households.getByRole('link', { name: id })).toHaveCount(0)
})

test('a researcher sees the survey, and nothing that is not theirs; a viewer sees none of it', async ({ page, survey, browser }) => {
  test.slow()
  await signIn(page, survey)
  for (const [name, role] of [['grace', 'researcher'], ['vera', 'viewer']] as const) {
    const r = await page.request.post(`${survey.url}/api/v1/users`, { data: { name, role, password: 'a long enough secret' } })
    expect(r.status(), await r.text()).toBe(201)
  }
  await page.goto(`${survey.url}/#/system?tab=people`)
  await expect(page.getByRole('combobox', { name: 'Role of grace' })).toHaveValue('Researcher: looks, and looks after a survey')
  for (const [name, sees] of [['grace', true], ['vera', false]] as const) {
    const context = await browser.newContext({ locale: 'en-GB' })
    const theirs = await context.newPage()
    await signIn(theirs, { ...survey, password: 'a long enough secret' }, name)
    await expect(theirs.getByRole('link', { name: 'System' })).toBeVisible()
    await expect(theirs.getByRole('link', { name: 'Survey' })).toHaveCount(sees ? 1 : 0)
    await theirs.goto(`${survey.url}/#/survey`)
    if (sees) await expect(theirs.getByRole('button', { name: 'Register a household' })).toBeVisible()
    else await expect(theirs.getByText('This is for those who look after a survey: researchers and administrators.')).toBeVisible()
    await theirs.goto(`${survey.url}/#/system`)
    await expect(theirs.getByRole('tab', { name: 'Own account' })).toBeVisible()
    await expect(theirs.getByRole('tab', { name: 'Users and tokens' })).toBeHidden()
    await context.close()
  }
})
