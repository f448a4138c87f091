import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import globals from 'globals'
import ts from 'typescript-eslint'

export default ts.config(
  { ignores: ['dist', 'dist.stub', 'node_modules', 'test-results', 'playwright-report', 'src/api/generated'] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ['*.js', 'public/*.js'] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-non-null-assertion': 'error',
    },
  },
  { files: ['src/**/*.{ts,tsx}'], ...hooks.configs.flat.recommended, languageOptions: { globals: globals.browser } },
  { files: ['*.js', 'public/*.js'], ...ts.configs.disableTypeChecked, languageOptions: { globals: { ...globals.browser, ...globals.node } } },
)
