import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Sources of the service and of its tools; everything else is scripts. */
const TYPED = ['src/**/*.ts', 'tools/**/*.ts'];
/** What k6 runs has k6's own globals. */
const K6 = ['autotests/**/*.js', 'bench/**/*.js', 'deploy/cluster/steady-load.js'];

/** Globals that a script may use without an import, for ESLint's `no-undef`. */
const readonly = (...names) => Object.fromEntries(names.map((name) => [name, 'readonly']));

export default defineConfig(
  globalIgnores([
    '**/dist',
    'native/target',
    '**/.venv',
    'bench/.bin',
    'bench/.work',
    'deploy/.bin',
  ]),
  js.configs.recommended,
  {
    rules: { eqeqeq: 'error', 'max-lines': ['error', { max: 300 }] },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', 'eslint.config.js'],
    languageOptions: {
      globals: readonly(
        ...['AbortController', 'AbortSignal', 'Buffer', 'TextDecoder', 'TextEncoder', 'URL'],
        ...['URLSearchParams', 'clearInterval', 'clearTimeout', 'console', 'fetch'],
        ...['performance', 'process', 'setInterval', 'setTimeout'],
      ),
    },
    rules: { 'no-unused-vars': ['error', { ignoreRestSiblings: true }] },
  },
  {
    files: K6,
    languageOptions: { globals: readonly('__ENV', 'console', 'open') },
  },
  {
    files: ['docs-page/*.js'],
    languageOptions: { globals: readonly('SwaggerUIBundle', 'document', 'fetch') },
  },
  {
    files: ['bench/api/docs-page.mjs'],
    languageOptions: { globals: readonly('document', 'window') },
  },
  {
    files: TYPED,
    // Type-aware on purpose: a forgotten `await` is the likeliest fault of an asynchronous server.
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['src/**/*.test.ts', 'tools/**/*.test.ts'],
    rules: {
      // node:test returns promises that its own runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['describe', 'it', 'test'] },
          ],
        },
      ],
    },
  },
);
