// Starts the program as a person would, and reads the link it prints.

import { AxeBuilder } from '@axe-core/playwright'
import { test as base, expect, type Page } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface Program {
  url: string
  link: string
  password: string
  /** When it was started, ms. */
  began: number
  /** What it has said so far. */
  said: () => string
  /** The command line of the program, for the same data. */
  run: (...args: string[]) => Promise<string>
}

const binary = process.env.PROGRAM ?? resolve(import.meta.dirname, '../../../bin/wattwerk')

interface Running {
  program: Program
  /** Ends it and starts it again with the same data at the same address. The page notices when it is there. */
  restart: () => Promise<void>
  stop: () => Promise<void>
}

function output(child: ChildProcess, done: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => reject(new Error(`the program did not say where it is within two minutes:\n${text}`)), 120_000)
    const take = (b: Buffer) => {
      text += b.toString()
      if (done(text)) {
        clearTimeout(timer)
        resolve(text)
      }
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('error', (e) => {
      clearTimeout(timer)
      reject(e)
    })
    child.on('exit', (code) => {
      clearTimeout(timer)
      reject(new Error(`the program ended with ${code ?? 'a signal'}:\n${text}`))
    })
  })
}

export const start = (...args: string[]): Promise<Running> => startAs(['run'], ...args)

/** Starts another command that goes on as `run` does. */
export async function startAs(command: readonly string[], ...args: string[]): Promise<Running> {
  const data = mkdtempSync(join(tmpdir(), 'wattwerk-e2e-'))
  const began = Date.now()
  const launch = (addr: string) => spawn(binary, [...command, '--data', data, '--addr', addr, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let child = launch('127.0.0.1:0')
  let said = await output(child, (t) => /once=\w+/.test(t))
  const link = /http:\/\/\S+once=\w+/.exec(said)?.[0] ?? ''
  const password = /password\s+(\S+)/.exec(said)?.[1] ?? ''
  child.removeAllListeners('exit')
  child.stdout.on('data', (b: Buffer) => {
    if (said.length < 100_000) said += b.toString()
  })
  child.stderr.resume()
  const end = () =>
    new Promise<void>((resolve) => {
      child.on('exit', () => resolve())
      child.kill('SIGTERM')
    })
  return {
    restart: async () => {
      await end()
      child = launch(new URL(link).host)
      child.stdout.resume()
      child.stderr.resume()
    },
    program: {
      url: link.replace(/\/login.*/, ''),
      link,
      password,
      began,
      said: () => said,
      run: (...more) =>
        new Promise((resolve, reject) => {
          const c = spawn(binary, [...more, '--data', data], { stdio: ['ignore', 'pipe', 'pipe'] })
          let out = ''
          let err = ''
          c.stdout.on('data', (b: Buffer) => (out += b.toString()))
          c.stderr.on('data', (b: Buffer) => (err += b.toString()))
          c.on('close', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(err))))
        }),
    },
    stop: async () => {
      await end()
      rmSync(data, { recursive: true, force: true })
    },
  }
}

export const test = base.extend<{ fresh: Program }, { demo: Program; empty: Program }>({
  // One of its own, in which nothing was ever done.
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
  fresh: async ({}, use) => {
    const r = await start()
    await use(r.program)
    await r.stop()
  },
  // One program for all tests of a file; each context signs in anew.
  demo: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
    async ({}, use) => {
      const r = await start('--demo')
      await use(r.program)
      await r.stop()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  empty: [
    // eslint-disable-next-line no-empty-pattern -- as above
    async ({}, use) => {
      const r = await start()
      await use(r.program)
      await r.stop()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

/** Signs in past the form, which first.spec.ts looks at. */
export async function signIn(page: Page, p: Program, name = 'admin'): Promise<void> {
  const r = await page.request.post(`${p.url}/api/v1/login`, { data: { name, password: p.password } })
  expect(r.ok(), await r.text()).toBe(true)
  await page.goto(p.url)
  await expect(page.getByTestId('connection')).toHaveText('Live')
}

/**
 * No finding of axe that hinders anybody, once all has come into view: what is
 * half faded in has the contrast of half. Of a page that was looked at in other
 * colours, colours alone are looked at: the rest is as it was.
 */
export async function accessible(page: Page, { coloursAlone = false } = {}): Promise<void> {
  await page.waitForFunction(() => document.getAnimations().every((a) => a.playState !== 'running' || a.effect?.getComputedTiming().endTime === Infinity))
  // There are no frames in it, and what hinders nobody need not be told of: that took more than looking.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] })
  const { violations } = await (coloursAlone ? axe.withRules(['color-contrast', 'link-in-text-block']) : axe).analyze()
  const bad = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
  expect(bad.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`)).toEqual([])
}

/** Nothing sticks out sideways, once the page has taken its new width; what does is named. */
export async function fits(page: Page): Promise<void> {
  await expect
    .poll(() =>
      page.evaluate(() => {
        const { clientWidth, scrollWidth } = document.documentElement
        if (scrollWidth <= clientWidth) return []
        // What is in something that scrolls by itself does not make the page wider.
        const kept = (e: Element | null): boolean => e !== null && e !== document.body && (getComputedStyle(e).overflowX !== 'visible' || kept(e.parentElement))
        const out = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > clientWidth + 0.5 && !kept(e.parentElement))
        return [`${String(scrollWidth)} of ${String(clientWidth)} px`, ...out.slice(-5).map((e) => `${e.tagName} ${e.getAttribute('class') ?? ''}`)]
      }),
    )
    .toEqual([])
}

/** The page as it stands, in light, in dark and as wide as a phone: nothing hinders anybody, nothing sticks out, and a picture of each. */
export async function looks(page: Page, name: string, { whole = false, still }: { whole?: boolean; still?: () => Promise<void> } = {}): Promise<void> {
  for (const [as, colorScheme, width, height] of [['light', 'light', 1400, 1000], ['dark', 'dark', 1400, 1000], ['phone', 'light', 390, 844]] as const) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize({ width, height })
    await expect(page.locator('html')).toHaveAttribute('data-mantine-color-scheme', colorScheme)
    await still?.()
    await fits(page)
    // Some colours are taken a moment after the scheme; what hinders then hinders for good.
    await expect(() => accessible(page, { coloursAlone: as === 'dark' })).toPass({ timeout: 30_000 })
    await page.screenshot({ path: `test-results/${name}-${as}.png`, fullPage: whole || as === 'phone' })
  }
}

/** Fails the test when the page complains in the console. */
export function quiet(page: Page): () => void {
  const said: string[] = []
  page.on('console', (m) => {
    // Being asked to sign in is no fault.
    if (m.type() === 'error' && !m.text().includes('401')) said.push(`${m.text()} ${m.location().url}`)
  })
  page.on('pageerror', (e) => said.push(e.message))
  return () => expect(said).toEqual([])
}

export { expect }
