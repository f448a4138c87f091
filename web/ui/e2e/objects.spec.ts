// Objects: found by what they are, told by how they are, and what people say
// of them beyond the model.

import { accessible, expect, looks, signIn, test } from './wattwerk'

test('objects are found by words, class, space and state', async ({ page, demo }) => {
  test.slow()
  await signIn(page, demo)
  await page.getByRole('link', { name: 'Objects', exact: true }).click()
  const table = page.getByRole('group', { name: 'Objects' })
  await expect(table.getByRole('row').nth(5)).toBeVisible()
  const states = page.getByRole('list', { name: 'States' })
  await expect(states.getByRole('button', { name: /^live [1-9]/ })).toBeVisible({ timeout: 30_000 })
  await looks(page, 'objects')
  await page.setViewportSize({ width: 1400, height: 1000 })

  await page.getByRole('combobox', { name: 'What it is' }).click()
  await page.getByRole('option', { name: 'Groups' }).click()
  await expect(table.getByRole('row').nth(1)).toContainText('group,')
  await states.getByRole('button', { name: /^down/ }).click()
  await expect(page.getByRole('button', { name: /^down/ })).toHaveAttribute('aria-pressed', 'true')
  await states.getByRole('button', { name: /^down/ }).click()
  await page.getByRole('textbox', { name: 'Search' }).fill('there is none like that')
  await expect(page.getByText('None is like that.')).toBeVisible()
  await accessible(page)
  // It stands in the address.
  await page.reload()
  await expect(page.getByRole('textbox', { name: 'Search' })).toHaveValue('there is none like that')
  // What the server does not know is said in its words.
  await page.goto(`${demo.url}/#/objects?cls=brick:Nothing`)
  await expect(page.getByRole('alert')).toContainText('there is no class "brick:Nothing" in the vocabulary')
  await accessible(page)
})

test('one object: how it is, what it is, what is said of it', async ({ page, fresh }) => {
  test.slow()
  await signIn(page, fresh)
  const ok = async (method: 'put' | 'post', path: string, data: unknown, headers: Record<string, string> = {}) => {
    const r = await page.request[method](`${fresh.url}/api/v1/${path}`, { data, headers })
    expect(r.ok(), await r.text()).toBe(true)
  }
  await ok('put', 'sensors/oven', { id: 'oven', name: 'Oven', quantity: 'active_power', interval: '1s' })
  await ok('put', 'sensors/oven-2', { id: 'oven-2', quantity: 'active_power', interval: '1s' })
  await ok('put', 'groups/hall', { id: 'hall', name: 'Hall', members: [{ sensor: 'oven', sign: 1 }, { sensor: 'oven-2', sign: 1 }] })
  await page.goto(`${fresh.url}/#/objects?tab=spaces`)
  const spaces = page.getByRole('region', { name: 'Spaces' })
  for (const [id, name, kind, within] of [['b1', 'Bakery', 'Building', ''], ['b1/kitchen', 'Kitchen', 'Room', 'Bakery']] as const) {
    await spaces.getByRole('button', { name: 'Add a space' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: 'Identifier' }).fill(id)
    await dialog.getByRole('textbox', { name: 'Name' }).fill(name)
    await dialog.getByRole('combobox', { name: 'What it is' }).click()
    await page.getByRole('option', { name: kind, exact: true }).click()
    if (within !== '') {
      await dialog.getByRole('combobox', { name: 'Within' }).click()
      await page.getByRole('option', { name: within, exact: true }).click()
    }
    await accessible(page)
    await dialog.getByRole('button', { name: 'Save' }).click()
    await expect(spaces.getByRole('link', { name, exact: true })).toBeVisible()
  }

  await page.goto(`${fresh.url}/#/objects`)
  await page.getByRole('link', { name: 'Oven', exact: true }).click()
  const now = page.getByRole('region', { name: 'How it is', exact: true })
  await expect(now).toContainText('down')
  await expect(now).toContainText('It never said anything.')
  await ok('post', 'ingest/json', [{ sensor: 'oven', value: 1234, time: new Date().toISOString() }])
  await expect(now).toContainText('1.23 kW')
  await expect(page.getByRole('region', { name: 'What it belongs to' }).getByRole('link', { name: 'hall' })).toBeVisible()

  const said = page.getByRole('region', { name: 'What is said of it' })
  await said.getByRole('combobox', { name: 'Class' }).fill('brick:Nothing')
  await said.getByRole('button', { name: 'Save' }).click()
  await expect(said.getByRole('alert')).toContainText('Nothing')
  await said.getByRole('combobox', { name: 'Class' }).fill('brick:Thermal_Power_Sensor')
  await said.getByRole('combobox', { name: 'Space' }).click()
  await page.getByRole('option', { name: 'Kitchen' }).click()
  await said.getByRole('button', { name: 'Save' }).click()
  await expect(said).toContainText(/version 1/)
  const facts = page.getByRole('region', { name: 'What it is', exact: true })
  await expect(facts).toContainText('Thermal Power Sensor')
  await expect(facts).toContainText('Bakery › Kitchen')
  await looks(page, 'object', { whole: true })
  await page.setViewportSize({ width: 1400, height: 1000 })

  // Whoever was slower is told so.
  await said.getByRole('textbox', { name: 'Device' }).fill('47')
  await ok('put', 'objects/sensor/oven/enrichment', { space: 'b1' }, { 'If-Match': '"1"' })
  await said.getByRole('textbox', { name: 'Device' }).fill('4711')
  await expect(said.getByRole('alert')).toContainText('Somebody has changed this meanwhile.')
  await expect(said.getByRole('textbox', { name: 'Device' })).toHaveValue('4711')
  await said.getByRole('button', { name: 'Load it again' }).click()
  await expect(said.getByRole('textbox', { name: 'Device' })).toHaveValue('')
  await expect(said.getByRole('combobox', { name: 'Class' })).toHaveValue('')
  await page.goto(`${fresh.url}/#/objects?o=sensor/nobody`)
  await expect(page.getByText('There is no such object (any more).')).toBeVisible()
  await accessible(page)
})

test('spaces and meanings are taken from JSON-LD, after a look', async ({ page, fresh }) => {
  await signIn(page, fresh)
  await page.request.put(`${fresh.url}/api/v1/sensors/oven`, { data: { id: 'oven', quantity: 'active_power' } })
  await page.goto(`${fresh.url}/#/objects?tab=import`)
  const panel = page.getByRole('region', { name: 'Take spaces and meanings from JSON-LD' })
  await panel.getByRole('textbox', { name: 'JSON-LD' }).fill('{')
  await expect(panel).toContainText('This is no JSON.')
  const at = { '@context': { rec: 'https://w3id.org/rec#' }, '@graph': [{ '@id': 'urn:wattwerk:space/b', '@type': 'rec:Building' }, { '@id': 'urn:wattwerk:sensor/oven', 'rec:locatedIn': { '@id': 'urn:wattwerk:space/b' } }, { '@id': 'urn:wattwerk:sensor/none', 'rec:locatedIn': { '@id': 'urn:wattwerk:sensor/oven' } }] }
  await panel.getByRole('textbox', { name: 'JSON-LD' }).fill(JSON.stringify(at, null, 1))
  await expect(panel.getByRole('button', { name: 'Take it' })).toBeDisabled()
  await panel.getByRole('button', { name: 'Look what would be done' }).click()
  await expect(panel).toContainText('It would write 1 spaces')
  await expect(panel.getByRole('list', { name: 'What is wrong, and would be left out' }).getByRole('listitem').first()).toBeVisible()
  await looks(page, 'objects-import', { whole: true })
  await page.setViewportSize({ width: 1400, height: 1000 })
  await panel.getByRole('button', { name: 'Take it' }).click()
  await expect(panel).toContainText('Done: 1 spaces')
})
