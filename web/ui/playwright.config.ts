import { defineConfig } from '@playwright/test'

// The tests drive the real program; e2e/wattwerk.ts starts it.
export default defineConfig({
  testDir: 'e2e',
  testIgnore: process.env.SOAK ? [] : ['soak.spec.ts'],
  outputDir: 'test-results/run',
  // Time limits are for what hangs, not for what is slow while other things are compiled.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  workers: 1,
  retries: 0, // a test that needs a second try is wrong
  forbidOnly: true,
  reporter: [['list']],
  use: {
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    viewport: { width: 1400, height: 1000 },
    contextOptions: { reducedMotion: 'reduce' }, // what is half faded in has the contrast of half
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: [
        '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync',
      ],
    },
    // Recording costs more than most tests do: TRACE=1 keeps what was seen of those that fail.
    trace: process.env.TRACE ? 'retain-on-failure' : 'off',
  },
})
