// Makes what is far down on a page only when somebody comes near it, or
// prints the page. Its place is kept free.

import { useEffect, useRef, useState, type ReactNode } from 'react'

/** `height` is what its content needs at least, px. */
export function Seen({ height, className, children }: { height: number; className?: string | undefined; children: ReactNode }) {
  const [seen, setSeen] = useState(false)
  const host = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const el = host.current
    if (seen || !el) return
    const show = () => setSeen(true)
    const watch = new IntersectionObserver((es) => es.some((e) => e.isIntersecting) && show(), { rootMargin: '500px 0px' })
    watch.observe(el)
    window.addEventListener('beforeprint', show)
    return () => {
      watch.disconnect()
      window.removeEventListener('beforeprint', show)
    }
  }, [seen])
  return (
    <div ref={host} className={className} style={seen ? undefined : { minHeight: height }}>
      {seen && children}
    </div>
  )
}
