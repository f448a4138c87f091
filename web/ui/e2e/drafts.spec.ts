// Drafts of manifests: what is not finished is kept, taken up again, and given
// up. Models and manifests are those of a pretended server; drafts are kept by
// the real one.

import type { Page } from '@playwright/test'
import { accessible, expect, looks, quiet, signIn, test } from './wattwerk'
import { pretend } from './pretend'

const keep = (page: Page) => page.getByRole('button', { name: 'Keep as a draft' })
const drafts = (page: Page) => page.getByRole('region', { name: 'Drafts' })
const name = (page: Page) => page.getByRole('region', { name: 'Manifest', exact: true }).getByRole('textbox', { name: 'Name' })

/** Goes to what the editor kept, as somebody does who comes back the next day. */
async function takeUp(page: Page, url: string, of: string): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`${url}/#/manifests`)
  await drafts(page).getByRole('link', { name: of }).click()
  await expect(page.getByText(/^This is a draft, kept .* by admin\./)).toBeVisible()
}

test('an unfinished manifest is kept, taken up again, and given up', async ({ page, fresh }) => {
  test.slow()
  const complaints = quiet(page)
  await pretend(page)
  await signIn(page, fresh)
  await page.goto(`${fresh.url}/#/manifests?m=new`)
  await expect(page.getByRole('heading', { level: 1, name: 'New manifest' })).toBeVisible()
  // Nothing was done yet: nothing can be kept.
  await expect(keep(page)).toBeDisabled()
  await name(page).fill('first thoughts')
  await page.getByRole('combobox', { name: 'Add a processor' }).click()
  await page.getByRole('option', { name: 'average', exact: true }).click()
  const graph = page.getByRole('group', { name: 'Graph of New manifest' })
  await expect(graph.getByRole('button', { name: /^Processor average/ })).toBeVisible()
  // A source that nothing reads from yet is in no manifest, and must not be lost.
  await page.getByRole('combobox', { name: 'Add a source' }).click()
  await page.getByRole('option', { name: 'box 1', exact: true }).click()
  await keep(page).click()
  await expect(page.getByText('Kept as a draft. It does not run.')).toBeVisible()
  await expect(keep(page)).toBeDisabled()

  await takeUp(page, fresh.url, 'first thoughts')
  await expect(name(page)).toHaveValue('first thoughts')
  await expect(graph.getByRole('button', { name: /^Processor average/ })).toBeVisible()
  await expect(graph.getByRole('button', { name: /^Source box 1/ })).toBeVisible()
  await expect(keep(page)).toBeDisabled()
  await looks(page, 'manifest-draft', { whole: true })
  await page.setViewportSize({ width: 1400, height: 1000 })

  // Under another name it is the same draft.
  await name(page).fill('second thoughts')
  await keep(page).click()
  await expect(page.getByText('Kept as a draft. It does not run.')).toBeVisible()
  await expect(keep(page)).toBeDisabled()
  await page.goto(`${fresh.url}/#/manifests`)
  await expect(drafts(page).getByRole('listitem')).toHaveCount(1)
  await expect(drafts(page)).toContainText('second thoughts')
  await accessible(page)

  // Who thinks better of it keeps it; who is sure gives it up.
  await drafts(page).getByRole('link', { name: 'second thoughts' }).click()
  const giveUp = page.getByRole('button', { name: 'Give the draft up' })
  await giveUp.click()
  const question = page.getByRole('dialog', { name: 'Give the draft up?' })
  await expect(question).toContainText('The draft is lost. What runs stays as it is.')
  await question.getByRole('button', { name: 'Cancel' }).click()
  await expect(name(page)).toHaveValue('second thoughts')
  await giveUp.click()
  await question.getByRole('button', { name: 'Give up' }).click()
  await expect(page.getByTestId('manifests-count')).toBeVisible()
  await expect(drafts(page)).toHaveCount(0)
  complaints()
})

test('a draft of what runs says when that was changed meanwhile, and ends with it', async ({ page, fresh }) => {
  test.slow()
  const server = await pretend(page)
  const one = server.kept.manifests?.[0]
  if (!one) throw new Error('there is no manifest')
  // The real server keeps drafts of what has such an identifier alone.
  const id = '6f1c2f0e-6a53-4b8e-9f5e-1c0f3f7a2d11'
  one.model = { ...one.model, id }
  await signIn(page, fresh)
  await page.goto(`${fresh.url}/#/manifests?m=${id}`)
  const description = page.getByRole('region', { name: 'Manifest', exact: true }).getByRole('textbox', { name: 'Description' })
  await description.fill('Means of ten minutes')
  await keep(page).click()
  await expect(page.getByText('Kept as a draft. It does not run.')).toBeVisible()
  expect(one.version, 'what runs is as it was').toBe(1)

  // Somebody else changes the manifest.
  one.version = 2
  await takeUp(page, fresh.url, 'power of all boxes')
  await expect(page.getByText('The manifest was changed since: it was version 1, and is 2.')).toBeVisible()
  await expect(description).toHaveValue('Means of ten minutes')

  // Saved, it is the next version, and no draft any more.
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(page.getByText('Saved: version 3.')).toBeVisible()
  expect(one.model.description).toBe('Means of ten minutes')
  await page.goto(`${fresh.url}/#/manifests`)
  await expect(page.getByTestId('manifests-count')).toBeVisible()
  await expect(drafts(page)).toHaveCount(0)
})

test('two who keep the same draft do not overwrite each other', async ({ page, context, fresh }) => {
  await pretend(page)
  await signIn(page, fresh)
  await page.goto(`${fresh.url}/#/manifests?m=new`)
  await name(page).fill('of both')
  await keep(page).click()
  await expect(keep(page)).toBeDisabled()
  const other = await context.newPage()
  await pretend(other)
  await takeUp(page, fresh.url, 'of both')
  await takeUp(other, fresh.url, 'of both')
  await name(page).fill('of the one')
  await keep(page).click()
  await expect(keep(page)).toBeDisabled()
  await name(other).fill('of the other')
  await keep(other).click()
  await expect(other.getByText('Somebody has kept another draft in its place meanwhile. Look at it again.')).toBeVisible()
  await expect(name(other), 'nothing that was typed is lost').toHaveValue('of the other')
  await takeUp(page, fresh.url, 'of the one')
})
