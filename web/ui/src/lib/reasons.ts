// Sentences that the program made of a format of Go, and what it put in.

const known = new Map<string, RegExp>()

/** The parts that were put into the format, or undefined when the sentence is none of it. */
export function matching(format: string, said: string): string[] | undefined {
  let is = known.get(format)
  if (!is) {
    is = new RegExp(`^${format.split(/(%%|%\.?\d*[dfgqsv])/).map((x) => (x === '%%' ? '%' : /^%\.?\d*[dfgqsv]$/.test(x) ? '(.+?)' : x.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))).join('')}$`)
    known.set(format, is)
  }
  return is.exec(said)?.slice(1)
}
