// Files that the page itself makes.

export function saveBlob(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob)
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  // The browser has taken hold of it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

interface Entry {
  label: string
  colour: string
  dash: number[]
}

/** The lines that are shown, as the legend beside the canvas has them. */
function legendOf(host: HTMLElement): Entry[] {
  return [...host.querySelectorAll('[data-legend] button[aria-pressed="true"]')].flatMap((b) => {
    const line = b.querySelector('line')
    if (!line) return []
    return [{ label: b.querySelector('span')?.textContent ?? '', colour: getComputedStyle(line).stroke, dash: (line.getAttribute('stroke-dasharray') ?? '').split(' ').filter(Boolean).map(Number) }]
  })
}

const row = 20
const sample = 24
const apart = 18

/** Where entries of these widths stand, one behind the other in as many rows as they need. */
export function placed(widths: readonly number[], room: number): { x: number; row: number }[] {
  let x = 0
  let at = 0
  return widths.map((w) => {
    if (x > 0 && x + w > room) {
      x = 0
      at++
    }
    const place = { x, row: at }
    x += w + apart
    return place
  })
}

/** The canvas of a chart as PNG, on the ground of the card it lies on, with its legend beneath. */
export async function picture(host: HTMLElement | null | undefined): Promise<Blob> {
  const canvas = host?.querySelector('canvas')
  if (!host || !canvas) throw new Error('nothing is drawn')
  const out = document.createElement('canvas')
  const ctx = out.getContext('2d')
  if (!ctx) throw new Error('nothing can be drawn')
  const css = getComputedStyle(document.documentElement)
  const font = `13px ${getComputedStyle(document.body).fontFamily}`
  const ratio = canvas.width / (canvas.clientWidth || canvas.width)
  const legend = legendOf(host)
  ctx.font = font
  const widths = legend.map((e) => sample + ctx.measureText(e.label).width)
  const places = placed(widths, canvas.width / ratio - apart)
  out.width = canvas.width
  out.height = canvas.height + Math.ceil(legend.length === 0 ? 0 : ((places.at(-1)?.row ?? 0) + 1.5) * row * ratio)
  ctx.fillStyle = css.getPropertyValue('--ww-card').trim()
  ctx.fillRect(0, 0, out.width, out.height)
  ctx.drawImage(canvas, 0, 0)
  ctx.translate(0, canvas.height)
  ctx.scale(ratio, ratio)
  // A canvas that took another size has forgotten it.
  ctx.font = font
  ctx.textBaseline = 'middle'
  ctx.lineWidth = 3
  legend.forEach((e, i) => {
    const x = apart / 2 + (places[i]?.x ?? 0)
    const y = ((places[i]?.row ?? 0) + 0.75) * row
    ctx.strokeStyle = e.colour
    ctx.setLineDash(e.dash)
    ctx.beginPath()
    ctx.moveTo(x, y)
    ctx.lineTo(x + sample - 6, y)
    ctx.stroke()
    ctx.fillStyle = css.getPropertyValue('--ww-ink').trim()
    ctx.fillText(e.label, x + sample, y, canvas.width / ratio - apart - sample)
  })
  return new Promise((resolve, reject) => out.toBlob((b) => (b ? resolve(b) : reject(new Error('the picture could not be made'))), 'image/png'))
}
