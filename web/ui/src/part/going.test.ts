import { describe, expect, it } from 'vitest'
import { Going } from './going'

describe('Going', () => {
  const leave = (w: EventTarget) => !w.dispatchEvent(new Event('beforeunload', { cancelable: true }))

  it('goes on when nobody looks, knows that, and is there for who comes back', async () => {
    const page = new EventTarget()
    const g = new Going('idle', () => page)
    const said: string[] = []
    const look = () => g.subscribe(() => said.push(g.now()))
    let finish: () => void = () => undefined
    const away = look()
    const work = g.run(async (signal) => {
      g.set('running')
      await new Promise<void>((r) => (finish = r))
      g.set(signal.aborted ? 'cancelled' : 'done')
    })
    expect(leave(page)).toBe(true)
    expect(g.unseen).toBe(false)
    away()
    expect(g.unseen).toBe(true)
    await g.run(() => Promise.reject(new Error('it runs twice')))
    finish()
    await work
    expect(said).toEqual(['running'])
    look()
    expect(g.now()).toBe('done')
    expect(leave(page)).toBe(false)
  })

  it('is cancelled by who says so, and can be done again after a fault', async () => {
    const g = new Going('idle', () => new EventTarget())
    await expect(g.run(() => Promise.reject(new Error('away')))).rejects.toThrow('away')
    await g.run((signal) => {
      g.cancel()
      g.set(signal.aborted ? 'cancelled' : 'done')
      return Promise.resolve()
    })
    expect(g.now()).toBe('cancelled')
  })
})
