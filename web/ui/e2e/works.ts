// A works with three weeks of readings across the end of summer time, and
// what is settled of them: for the views of energies.

import { expect, request, type APIRequestContext } from '@playwright/test'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start, test as base, type Program } from './wattwerk'

export interface Works extends Program {
  /** Signed in. */
  api: APIRequestContext
}

export const quarter = 900_000
export const at = (s: string) => Date.parse(s)
/** 13 October to 2 November 2025; the clock goes back on the 26th. */
export const began = at('2025-10-13T00:00:00+02:00')
export const ended = at('2025-11-03T00:00:00+01:00')
/** The press says nothing from here for six hours. */
export const silent = at('2025-10-20T02:00:00+02:00')

const hour = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', hourCycle: 'h23' })

/** kW: the main meter 9, the press 4 by day and 1 by night, the oven 3, the panel 2 from 8 to 16. */
function readings(): string {
  const lines = ['time,main [kW],press [kW],oven [kW],panel [kW]']
  for (let t = began; t < ended; t += quarter) {
    const h = Number(hour.format(t))
    const press = t >= silent && t < silent + 6 * 3_600_000 ? '' : h >= 6 && h < 22 ? '4' : '1'
    lines.push([new Date(t).toISOString(), 9, press, 3, h >= 8 && h < 16 ? 2 : 0].join(','))
  }
  return `${lines.join('\n')}\n`
}

async function ok(res: Promise<{ ok: () => boolean; text: () => Promise<string> }>): Promise<void> {
  const r = await res
  expect(r.ok(), await r.text()).toBe(true)
}

// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- the type of "nothing more"
export const test = base.extend<{}, { works: Works }>({
  works: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names from here
    async ({}, use) => {
      const r = await start()
      const api = await request.newContext({ baseURL: `${r.program.url}/` })
      await ok(api.post('api/v1/login', { data: { name: 'admin', password: r.program.password } }))
      const put = (path: string, data: unknown) => ok(api.put(`api/v1/${path}`, { data }))
      await put('sites/kiel', { id: 'kiel', name: 'Kiel', zone: 'Europe/Berlin' })
      for (const [id, name] of [['main', 'Main meter'], ['press', 'Press'], ['oven', 'Oven'], ['panel', 'Solar panels'], ['lamp', 'Lamp']] as const) {
        await put(`sensors/${id}`, { id, name, site: 'kiel', quantity: 'active_power', interval: '15m', maxAge: '15m' })
      }
      await put('groups/hall', { id: 'hall', name: 'Hall 1', members: [{ sensor: 'press' }, { sensor: 'oven' }] })
      await put('groups/plant', { id: 'plant', name: 'Works', members: [{ sensor: 'main', meter: true }, { group: 'hall' }, { sensor: 'panel', sign: -1 }, { sensor: 'lamp' }] })
      await put('hierarchies/place', { id: 'place', name: 'Works', root: 'plant', site: 'kiel' })
      const file = join(tmpdir(), `wattwerk-works-${process.pid}.csv`)
      writeFileSync(file, readings())
      await r.program.run('import', file)
      rmSync(file)
      // All of it is settled when the first and the last day are known, and nothing waits.
      await expect
        .poll(
          async () => {
            const day = async (from: string, to: string) => {
              const w = (await (await api.get(`api/v1/settled/sensors/oven?size=1d&from=${from}&to=${to}`)).json()) as { amount: (number | null)[] | null }
              return w.amount?.[0] ?? null
            }
            const s = (await (await api.get('api/v1/settled/status')).json()) as { marks: number }
            return [await day('2025-10-13', '2025-10-14'), await day('2025-10-26', '2025-10-27'), await day('2025-11-02', '2025-11-03'), s.marks]
          },
          { timeout: 120_000, message: 'what was imported is settled' },
        )
        .toEqual([72_000, 75_000, 72_000, 0])
      await use({ ...r.program, api })
      await api.dispose()
      await r.stop()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
})

export { expect }
