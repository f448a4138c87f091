import { describe, expect, it } from 'vitest'
import { keepWay, takeWay, wayOf } from './way'

describe('wayOf', () => {
  it.each([
    ['/compare?c=c.soven&span=7d', true], ['/?g=hall1', true], ['/sensors', true],
    ['/', false], ['', false], [undefined, false], [7, false], ['/sign-in', false], ['/sign-in?why=link', false],
    ['//evil.example/', false], ['/\\evil.example', false], ['https://evil.example/', false], ['javascript:alert(1)', false], ['compare', false],
  ])('%j: %s', (v, good) => {
    expect(wayOf(v)).toBe(good ? v : undefined)
  })
})

describe('the way that is kept', () => {
  const store = () => {
    const kept = new Map<string, string>()
    return () => ({ getItem: (k: string) => kept.get(k) ?? null, setItem: (k: string, v: string) => void kept.set(k, v), removeItem: (k: string) => void kept.delete(k) })
  }
  it('is given once, and not for ever', () => {
    const s = store()
    expect(takeWay(s, 0)).toBeUndefined()
    keepWay('/costs', s, 0)
    expect(takeWay(s, 899_999)).toBe('/costs')
    expect(takeWay(s, 899_999)).toBeUndefined()
    keepWay('/costs', s, 0)
    expect(takeWay(s, 900_000)).toBeUndefined()
  })
  it('is looked at again: others may write there', () => {
    const s = store()
    keepWay('//evil.example', s, 0)
    expect(takeWay(s, 0)).toBeUndefined()
    s().setItem('wattwerk-way', 'nonsense')
    expect(takeWay(s, 0)).toBeUndefined()
  })
  it('goes without where nothing is kept', () => {
    const none = () => {
      throw new Error('not here')
    }
    keepWay('/costs', none, 0)
    expect(takeWay(none, 0)).toBeUndefined()
  })
})
