// The tokens everything is drawn with. Charts read the same ones from CSS
// variables (tokens.css), because a canvas inherits nothing.

import { createTheme, type MantineColorsTuple } from '@mantine/core'

const current: MantineColorsTuple = [
  '#e6f7fa', '#cfecf2', '#9fd8e4', '#6bc3d5', '#43b1c8', '#2aa6c0', '#1597b3', '#0b7285', '#075a6b', '#04414e',
]

// What Mantine draws with in dark, from the ink to the page, in the hue of tokens.css; what is faint in it (3) is still read on a card (5 to 1).
const dark: MantineColorsTuple = [
  '#d3dce5', '#b9c5d0', '#9aa9b8', '#8595a5', '#32404c', '#26323d', '#1c2630', '#161e26', '#121920', '#0f151b',
]

export const theme = createTheme({
  primaryColor: 'current',
  // Of both schemes: white is read on it (5.6 to 1), and what stands on a button is reckoned once for both.
  primaryShade: 7,
  colors: { current, dark },
  autoContrast: true,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontFamily: 'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace',
  headings: { fontWeight: '650' },
  // The page does not scroll beneath a dialog, and keeps the place of its scroll bar (tokens.css).
  components: {
    Modal: { defaultProps: { removeScrollProps: { removeScrollBar: false } } },
    Drawer: { defaultProps: { removeScrollProps: { removeScrollBar: false } } },
  },
})
