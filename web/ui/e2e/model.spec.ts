// The model is changed by mouse and keyboard, and stays fluid when it is large.

import type { Locator, Page } from '@playwright/test'
import { accessible, expect, looks, quiet, signIn, start, test as base, type Program } from './wattwerk'


// A plant of its own: what one test changes, the next undoes or does not need.
const test = base.extend<{ plant: Program }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
  plant: async ({}, use) => {
    const r = await start()
    await use(r.program)
    await r.stop()
  },
})

/** Puts a whole model as the page's user would. */
async function put(page: Page, document: unknown): Promise<void> {
  const status = await page.evaluate(async (d) => (await fetch('api/v1/model', { method: 'PUT', headers: { 'If-Match': '*', 'Content-Type': 'application/json' }, body: JSON.stringify(d) })).status, document)
  expect(status).toBe(200)
}

const small = {
  sites: [{ id: 'kiel', name: 'Kiel', zone: 'Europe/Berlin' }],
  sensors: ['main', 'press', 'saw', 'lights', 'roof'].map((id) => ({ id, name: `The ${id}`, quantity: 'active_power', site: 'kiel' })),
  groups: [
    { id: 'plant', name: 'Plant', members: [{ sensor: 'main', meter: true }, { group: 'hall1' }, { group: 'hall2' }] },
    { id: 'hall1', name: 'Hall 1', members: [{ sensor: 'press' }, { sensor: 'saw' }] },
    { id: 'hall2', name: 'Hall 2', members: [{ sensor: 'lights' }] },
  ],
  hierarchies: [{ id: 'place', name: 'By place', root: 'plant', site: 'kiel' }],
}

async function open(page: Page, p: Program, document: unknown): Promise<Locator> {
  await signIn(page, p)
  await put(page, document)
  await page.goto(`${p.url}/#/model`)
  const tree = page.getByRole('tree', { name: 'By place' })
  await expect(tree.getByRole('treeitem', { name: 'Plant', exact: true })).toBeVisible()
  return tree
}

/** Names of what is in sight, in order. */
const shown = (tree: Locator) => tree.getByRole('treeitem').evaluateAll((es) => es.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top).map((e) => e.getAttribute('aria-label')))

/** What the server has. */
const stored = (page: Page, group: string) =>
  page.evaluate(async (g) => {
    const x = (await (await fetch(`api/v1/groups/${g}`)).json()) as { members?: { sensor?: string; group?: string }[] }
    return (x.members ?? []).map((m) => m.sensor ?? m.group)
  }, group)

test('things are dragged by the mouse and by the keyboard, and every change can be undone', async ({ page, plant }) => {
  test.setTimeout(180_000)
  const complaints = quiet(page)
  const tree = await open(page, plant, small)
  const item = (name: string) => tree.getByRole('treeitem', { name, exact: true })
  await expect.poll(() => shown(tree)).toEqual(['Plant', 'The main, meter', 'Hall 1', 'The press', 'The saw', 'Hall 2', 'The lights'])

  // By the mouse: onto a group.
  await item('The saw').dragTo(item('Hall 2'))
  await expect.poll(() => shown(tree)).toEqual(['Plant', 'The main, meter', 'Hall 1', 'The press', 'Hall 2', 'The lights', 'The saw'])
  await expect.poll(() => stored(page, 'hall2')).toEqual(['lights', 'saw'])
  // Above another: the upper edge is a place between.
  await item('The saw').dragTo(item('The lights'), { targetPosition: { x: 120, y: 3 } })
  await expect.poll(() => stored(page, 'hall2')).toEqual(['saw', 'lights'])
  // A group with all it holds.
  await item('Hall 2').dragTo(item('Hall 1'))
  await expect.poll(() => stored(page, 'hall1')).toEqual(['press', 'hall2'])

  const undo = page.getByRole('button', { name: /^Undo/ })
  const redo = page.getByRole('button', { name: /^Redo/ })
  await undo.click()
  await expect.poll(() => stored(page, 'hall1')).toEqual(['press'])
  await expect(undo).toHaveAccessibleName('Undo: Moved The saw to Hall 2')
  await undo.click()
  await expect.poll(() => stored(page, 'hall2')).toEqual(['lights', 'saw'])
  await redo.click()
  await expect.poll(() => stored(page, 'hall2')).toEqual(['saw', 'lights'])
  await undo.click()
  await expect(undo).toHaveAccessibleName('Undo: Moved The saw to Hall 2')
  await undo.click()
  await expect.poll(() => stored(page, 'hall1')).toEqual(['press', 'saw'])
  await expect(undo).toBeDisabled()

  // By the keyboard: M takes it, down goes past the saw to the end of the hall, Enter drops.
  await item('The press').click()
  await page.keyboard.press('m')
  await expect(page.getByText(/^Moving The press, now at place 2 in Hall 1/)).toBeAttached()
  await page.keyboard.press('ArrowDown')
  await expect(page.getByText('The press, at place 3 in Hall 1')).toBeAttached()
  await page.keyboard.press('Enter')
  await expect.poll(() => stored(page, 'hall1')).toEqual(['saw', 'press'])
  await expect(item('The press')).toBeFocused()
  // Escape leaves it where it was.
  await page.keyboard.press('m')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Escape')
  await expect(page.getByText('Left where it was.')).toBeAttached()
  expect(await stored(page, 'hall1')).toEqual(['saw', 'press'])
  await page.keyboard.press('Control+z')
  await expect.poll(() => stored(page, 'hall1')).toEqual(['press', 'saw'])

  // Several together, as one change.
  await item('The press').click()
  await item('The saw').click({ modifiers: ['Control'] })
  await item('The press').dragTo(item('Hall 2'))
  await expect.poll(() => stored(page, 'hall2')).toEqual(['lights', 'press', 'saw'])
  await expect.poll(() => stored(page, 'hall1')).toEqual([])
  await expect(undo).toHaveAccessibleName('Undo: Moved 2 to Hall 2')
  await undo.click()
  await expect.poll(() => stored(page, 'hall1')).toEqual(['press', 'saw'])
  await expect.poll(() => stored(page, 'hall2')).toEqual(['lights'])
  complaints()
})

test('groups are added, renamed and deleted, sensors brought in, signs and meters set', async ({ page, plant }) => {
  test.setTimeout(180_000)
  const tree = await open(page, plant, small)
  const item = (name: string) => tree.getByRole('treeitem', { name, exact: true })
  await item('Plant').click()
  await page.getByRole('button', { name: 'Add a group in Plant' }).click()
  await page.getByRole('textbox', { name: 'Name', exact: true }).last().fill('Hall 3')
  await page.keyboard.press('Enter')
  await expect(item('Hall 3')).toBeVisible()
  await expect.poll(() => stored(page, 'plant')).toEqual(['main', 'hall1', 'hall2', 'hall-3'])

  // A sensor that sends and stands nowhere yet is dragged in; another is added by its button.
  for (const id of ['kettle', 'oven']) {
    await page.evaluate((s) => fetch('api/v1/ingest/json', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ sensor: s, value: 1800 }) }), id)
  }
  const shelf = page.getByRole('region', { name: 'Sensors to place' })
  await expect(shelf.getByText('kettle', { exact: true })).toBeVisible({ timeout: 20_000 })
  await shelf.getByText('kettle', { exact: true }).dragTo(item('Hall 3'))
  await expect(item('kettle')).toBeVisible()
  await expect.poll(() => stored(page, 'hall-3')).toEqual(['kettle'])
  await item('Hall 3').click()
  await shelf.getByRole('button', { name: 'Add oven to Hall 3' }).click()
  await expect.poll(() => stored(page, 'hall-3')).toEqual(['kettle', 'oven'])

  await item('The press').click()
  await page.getByRole('switch', { name: 'Is the meter of its group' }).click()
  await expect(item('The press, meter')).toBeVisible()
  await item('The saw').click()
  await page.getByRole('switch', { name: 'Counts negative in its group' }).click()
  await expect(item('The saw, subtracted')).toBeVisible()
  const form = page.getByRole('region', { name: 'The saw' })
  await form.getByLabel('Interval').fill('10s')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect.poll(() => page.evaluate(async () => ((await (await fetch('api/v1/sensors/saw')).json()) as { interval?: string }).interval)).toBe('10s')
  // What the server refuses is taken back and said.
  await form.getByLabel('Interval').fill('often')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Not done: Changed The saw')).toBeVisible()
  await form.getByRole('button', { name: 'Do not change' }).click()

  await item('Hall 2').click()
  await page.keyboard.press('F2')
  await page.getByRole('dialog').getByLabel('Name').fill('Yard')
  await page.keyboard.press('Enter')
  await expect(item('Yard')).toBeVisible()
  await item('Yard').click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(item('Yard')).toBeHidden()
  await expect.poll(() => stored(page, 'plant')).toEqual(['main', 'hall1', 'hall-3'])
  await page.getByRole('button', { name: /^Undo: Deleted group/ }).click()
  await expect(item('Yard')).toBeVisible()

  // The device of a sensor is replaced.
  await item('The press, meter').click()
  await page.getByRole('button', { name: 'Replace the device…' }).click()
  await page.getByLabel('Its last reading').fill('1234')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByLabel('Serial number').fill('SN-2')
  await page.getByRole('button', { name: 'Next' }).click()
  await page.getByRole('button', { name: 'Replace', exact: true }).click()
  await expect(page.getByRole('region', { name: 'The press' }).getByText('SN-2')).toBeVisible()
})

test('revisions show what they changed and bring it back; a file is shown before it is put', async ({ page, plant }) => {
  test.setTimeout(180_000)
  await open(page, plant, small)
  await put(page, { ...small, groups: small.groups.map((g) => (g.id === 'hall2' ? { id: 'hall2', name: 'Shed' } : g)), sensors: small.sensors.filter((s) => s.id !== 'lights') })
  await page.getByRole('button', { name: 'Revisions' }).click()
  const list = page.getByRole('list', { name: 'Revisions', exact: true })
  await list.getByRole('button').nth(1).click()
  await page.getByRole('button', { name: 'What going back to here would change…' }).click()
  const back = page.getByRole('group', { name: /Back to revision/ })
  await expect(back.getByText('Shed').first()).toBeVisible()
  await expect(back.getByText('The lights').first()).toBeVisible()
  await accessible(page)
  await back.getByRole('button', { name: /Restore revision/ }).click()
  await expect.poll(() => stored(page, 'hall2')).toEqual(['lights'])
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()

  await page.getByRole('button', { name: 'More' }).click()
  const download = page.waitForEvent('download')
  await page.getByRole('menuitem', { name: 'Export as JSON' }).click()
  const path = await (await download).path()
  await put(page, { ...small, sites: [{ id: 'kiel', name: 'Kiel on the fjord', zone: 'Europe/Berlin' }] })
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('menuitem', { name: 'Import…' }).click()
  await page.getByRole('dialog').locator('input[type=file]').setInputFiles(path)
  await expect(page.getByRole('dialog').getByText('Kiel on the fjord')).toBeVisible()
  // Somebody changes it between.
  await put(page, { ...small, sites: [{ id: 'kiel', name: 'Kiel by the sea', zone: 'Europe/Berlin' }] })
  await page.getByRole('button', { name: 'Put this model' }).click()
  await expect(page.getByText(/was changed meanwhile by admin/)).toBeVisible()
  await page.getByRole('button', { name: 'Load again' }).click()
  await expect(page.getByRole('dialog').getByText('Kiel by the sea')).toBeVisible()
  await page.getByRole('button', { name: 'Put this model' }).click()
  await expect(page.getByText('The model was put')).toBeVisible()
})

test('ten thousand sensors open, scroll and move', async ({ page, plant }) => {
  test.setTimeout(180_000)
  const halls = Array.from({ length: 100 }, (_, i) => i)
  const large = {
    sensors: halls.flatMap((h) => halls.map((s) => ({ id: `s${h}-${s}`, name: `Sensor ${h}-${s}`, quantity: 'active_power' }))),
    groups: [
      { id: 'plant', name: 'Plant', members: [{ group: 'h0' }, ...halls.slice(1).map((h) => ({ group: `h${h}` }))] },
      ...halls.map((h) => ({ id: `h${h}`, name: `Hall ${h}`, members: halls.map((s) => ({ sensor: `s${h}-${s}` })) })),
    ],
    hierarchies: [{ id: 'place', name: 'By place', root: 'plant' }],
  }
  const began = Date.now()
  const tree = await open(page, plant, large)
  const item = (name: string) => tree.getByRole('treeitem', { name, exact: true })
  // All halls unfolded: ten thousand rows, of which only those in sight are drawn.
  const unfolded = await page.evaluate(async () => {
    const at = performance.now()
    let focus = document.querySelector<HTMLElement>('[role=treeitem]')
    focus?.focus()
    for (let n = 0; n < 6; n++) {
      focus = document.activeElement as HTMLElement
      focus.dispatchEvent(new KeyboardEvent('keydown', { code: 'ArrowRight', key: 'ArrowRight', bubbles: true }))
      document.dispatchEvent(new KeyboardEvent('keyup', { code: 'ArrowRight', key: 'ArrowRight' }))
      await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)))
    }
    return performance.now() - at
  })
  const scroll = page.getByTestId('model-scroll')
  await scroll.evaluate((e) => e.scrollTo(0, e.scrollHeight))
  await expect(item('Hall 99')).toBeVisible()
  await expect.poll(() => tree.getByRole('treeitem').count()).toBeLessThan(120)
  await item('Hall 99').locator('[class*=fold]').click()
  await expect(item('Sensor 99-0')).toBeAttached()
  await item('Sensor 99-3').dragTo(item('Sensor 99-0'), { targetPosition: { x: 160, y: 3 } })
  await expect.poll(async () => (await stored(page, 'h99')).slice(0, 2)).toEqual(['s99-3', 's99-0'])
  await item('Sensor 99-3').click()
  await page.getByText(/^All \(/).click()
  await page.getByLabel('Search sensors').fill('sensor 50-5')
  await expect(page.getByRole('button', { name: 'Move Sensor 50-59 to Hall 99' })).toBeAttached()
  console.log(`10,000 sensors: six keys took ${unfolded.toFixed(0)} ms, all of it ${Date.now() - began} ms`)
})

test('light, dark and phone look right', async ({ page, plant }) => {
  test.slow()
  const complaints = quiet(page)
  const tree = await open(page, plant, small)
  await tree.getByRole('treeitem', { name: 'The press', exact: true }).click()
  await expect(page.getByRole('heading', { name: 'The press' })).toBeVisible()
  await looks(page, 'model')
  complaints()
})
