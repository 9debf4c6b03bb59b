import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Type-aware on purpose: a forgotten `await` is the likeliest fault of an asynchronous server.
export default defineConfig(
  globalIgnores([
    '**/dist',
    'native',
    'bench',
    'models',
    'helm',
    'deploy',
    'autotests',
    '**/.venv',
    'eslint.config.js',
  ]),
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      eqeqeq: 'error',
      'max-lines': ['error', { max: 300 }],
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
      // Only the adapter may know that the engine is an addon.
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/engine/addon.js', './addon.js'],
              message: 'Depend on engine/engine.ts; only engine/native-engine.ts knows the addon.',
            },
          ],
        },
      ],
    },
  },
  { files: ['src/engine/**'], rules: { 'no-restricted-imports': 'off' } },
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
