// What the linter asks of the JavaScript that pages load, and of the examples in docs/; run by `make check`.
import js from "@eslint/js";
import globals from "globals";

const rules = {
  eqeqeq: "error",
  "no-var": "error",
  "prefer-const": "error",
  "no-eval": "error",
  "no-unused-private-class-members": "off", // it takes `this.#timer ??= …` for a field that nobody reads
};

export default [
  { ignores: ["static/dist/"] },
  js.configs.recommended,
  { files: ["static/**/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["tests/js/client/*.mjs"], languageOptions: { globals: globals.nodeBuiltin }, rules },
  { files: ["tests/js/apps/**/*.js"], languageOptions: { globals: globals.browser }, rules },
  { files: ["docs/examples/*.mjs"], languageOptions: { globals: globals.nodeBuiltin }, rules },
];
