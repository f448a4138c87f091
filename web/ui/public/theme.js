// Sets the colour scheme before anything is drawn, so that nothing flashes.
// A file of its own, because scripts in the page are forbidden by its policy.
;(function () {
  var chosen = null
  try {
    chosen = localStorage.getItem('wattwerk-color-scheme')
  } catch {
    // Storage can be switched off; then the system's scheme counts.
  }
  var dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')
})()
