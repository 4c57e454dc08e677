/** The code that embeds an element with its settings: in plain HTML, React, Vue and Svelte. */

import { knobsOf } from "./knobs.js";

/**
 * @typedef {object} Embedding
 * @property {import("./knobs.js").Tag} tag
 * @property {string} service the URL of the service
 * @property {import("./knobs.js").Settings} settings
 */

/** @param {string} text */
const escapeQuotes = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

/** @param {Embedding} embedding */
function parts({ tag, service, settings }) {
  const set = knobsOf(tag).filter(({ name }) => name in settings);
  const of = (/** @type {string} */ kind) => set.filter((knob) => knob.kind === kind);
  return {
    script: `<script type="module" src="${service}/static/inbox.js"></script>`,
    attributes: of("attribute").map(({ name }) => /** @type {const} */ ([name, settings[name]])),
    properties: of("property").map(({ name, type }) => {
      const value = settings[name];
      return /** @type {const} */ ([name, type === "text" ? JSON.stringify(value) : value]);
    }),
    styles: of("style").map(({ name }) => `  ${name}: ${settings[name]};`),
  };
}

/** @param {string} start @param {string[]} attributes @param {string} end @param {string} [indent] */
function element(start, attributes, end, indent = "") {
  return [`${indent}<${start}`, ...attributes.map((one) => `${indent}  ${one}`), `${indent}${end}`].join("\n");
}

/** @param {readonly (readonly [string, string])[]} attributes */
const inMarkup = (attributes) => attributes.map(([name, value]) => (value ? `${name}="${escapeQuotes(value)}"` : name));

/** @param {string} tag @param {string[]} styles */
const sheet = (tag, styles) => (styles.length ? `<style>\n${tag} {\n${styles.join("\n")}\n}\n</style>` : "");

/** @param {string} text @param {string} indent */
const indented = (text, indent) => text.replaceAll("\n", `\n${indent}`);

/** @param {(string | false)[]} blocks */
const joined = (...blocks) => blocks.filter(Boolean).join("\n\n");

/** @param {Embedding} embedding */
function html(embedding) {
  const { script, attributes, properties, styles } = parts(embedding);
  const { tag } = embedding;
  const lines = properties.map(([name, value]) => `  inbox.${name} = ${indented(value, "  ")};`);
  return joined(
    script,
    sheet(tag, styles),
    element(tag, inMarkup(attributes), `></${tag}>`),
    lines.length > 0 &&
      `<script type="module">\n  const inbox = document.querySelector("${tag}");\n${lines.join("\n")}\n</script>`,
  );
}

/** @param {Embedding} embedding */
function react(embedding) {
  const { script, attributes, properties, styles } = parts(embedding);
  const { tag } = embedding;
  const given = attributes.map(([name, value]) =>
    (/["\\\n&{]/.test(value) ? `${name}={${JSON.stringify(value)}}` : `${name}="${value}"`));
  const lines = properties.map(([name, value]) => `    inbox.current.${name} = ${indented(value, "    ")};`);
  const hooks = lines.length > 0;
  return joined(
    `// in index.html: ${script}`,
    styles.length > 0 && `/* in your style sheet:\n${tag} {\n${styles.join("\n")}\n} */`,
    hooks && 'import { useEffect, useRef } from "react";',
    [
      "export function Inbox() {",
      ...(hooks ? ["  const inbox = useRef(null);", "  useEffect(() => {", ...lines, "  }, []);"] : []),
      "  return (",
      element(tag, [...(hooks ? ["ref={inbox}"] : []), ...given], "/>", "    "),
      "  );",
      "}",
    ].join("\n"),
  );
}

/** @param {Embedding} embedding */
function vue(embedding) {
  const { script, attributes, properties, styles } = parts(embedding);
  const { tag } = embedding;
  const lines = properties.map(([name, value]) => `const ${name} = ${value};`);
  const given = [...inMarkup(attributes), ...properties.map(([name]) => `.${name}="${name}"`)];
  return joined(
    `<!-- in index.html: ${script}\n     in vite.config.js: vue({ template: { compilerOptions: { isCustomElement: (tag) => tag.startsWith("inbox-") } } }) -->`,
    lines.length > 0 && `<script setup>\n${lines.join("\n")}\n</script>`,
    `<template>\n${element(tag, given, "/>", "  ")}\n</template>`,
    sheet(tag, styles),
  );
}

/** @param {Embedding} embedding */
function svelte(embedding) {
  const { script, attributes, properties, styles } = parts(embedding);
  const { tag } = embedding;
  const lines = properties.map(([name, value]) => `    inbox.${name} = ${indented(value, "    ")};`);
  const hooks = lines.length > 0;
  const given = inMarkup(attributes).map((one) => one.replaceAll("{", "&#123;"));
  return joined(
    `<!-- in app.html: ${script} -->`,
    hooks &&
      `<script>\n  import { onMount } from "svelte";\n\n  let inbox;\n  onMount(() => {\n${lines.join("\n")}\n  });\n</script>`,
    element(tag, [...(hooks ? ["bind:this={inbox}"] : []), ...given], `></${tag}>`),
    sheet(tag, styles),
  );
}

/** @type {Record<string, (embedding: Embedding) => string>} what makes the code, by the name of the framework */
export const FRAMEWORKS = { HTML: html, React: react, Vue: vue, Svelte: svelte };
