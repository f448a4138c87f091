// What the program put into a sentence that the page says in its own words.

import { locale } from './locale'
import { time } from './time'
import { bytes, count, lasting } from './units'

const all = new Intl.NumberFormat(locale, { maximumSignificantDigits: 15 })

/** Params, as far as they are what is expected. */
export class Given {
  constructor(private readonly params: Readonly<Record<string, unknown>>) {}
  text(name: string): string {
    const v = this.params[name]
    return typeof v === 'string' ? v : typeof v === 'number' ? String(v) : ''
  }
  number(name: string): number {
    const v = this.params[name]
    return typeof v === 'number' ? v : 0
  }
  flag(name: string): boolean {
    return this.params[name] === true
  }
  /** An error or a sentence of another program, with a full stop. */
  error(name = 'error'): string {
    const v = this.text(name).trim()
    return v === '' || v.endsWith('.') ? v : `${v}.`
  }
  list(name: string): string {
    const v = this.params[name]
    return Array.isArray(v) ? v.filter((x) => typeof x === 'string').join(', ') : ''
  }
  has(name: string): boolean {
    return this.params[name] !== undefined && this.params[name] !== null && this.params[name] !== ''
  }
  /** A number with all its digits, or the text that stands for it. */
  exact(name: string): string {
    const v = this.params[name]
    return typeof v === 'number' ? all.format(v) : this.text(name)
  }
  /** A moment (RFC 3339) in the zone. */
  time(name: string, zone: string): string {
    const at = Date.parse(this.text(name))
    return Number.isNaN(at) ? this.text(name) : time(at, zone, 'exact')
  }
  count = (name: string) => count(this.number(name))
  bytes = (name: string) => bytes(this.number(name))
  lasting = (name: string) => lasting(this.number(name))
}
