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

/** The canvas of a chart as PNG, on the ground of the card it lies on. */
export async function picture(host: HTMLElement | null | undefined): Promise<Blob> {
  const canvas = host?.querySelector('canvas')
  if (!canvas) throw new Error('nothing is drawn')
  const out = document.createElement('canvas')
  out.width = canvas.width
  out.height = canvas.height
  const ctx = out.getContext('2d')
  if (!ctx) throw new Error('nothing can be drawn')
  ctx.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--ww-card').trim()
  ctx.fillRect(0, 0, out.width, out.height)
  ctx.drawImage(canvas, 0, 0)
  return new Promise((resolve, reject) => out.toBlob((b) => (b ? resolve(b) : reject(new Error('the picture could not be made'))), 'image/png'))
}
