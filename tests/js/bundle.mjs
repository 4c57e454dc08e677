/**
 * Bundle the widget: `node bundle.mjs SOURCES TARGET`. Chunks that are loaded later import what they share from `inbox.js`,
 * so that a page with a closed bell loads one file. The client by itself is a bundle of its own.
 */

import { readFile, writeFile } from "node:fs/promises";
import { brotliCompressSync, constants } from "node:zlib";

import { transform } from "esbuild";
import { rolldown } from "rolldown";

const [sources, target] = process.argv.slice(2);
const BEST = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
const SHEET = /(?<=\.replaceSync\(`)[^`]*(?=`\))/;

/** Minify the style sheets that modules have as text. */
const sheets = {
  name: "sheets",
  transform: {
    filter: { code: ".replaceSync(" },
    async handler(code) {
      const [sheet] = SHEET.exec(code) ?? [];
      if (!sheet || /\\|\$\{/.test(sheet)) throw new Error("a sheet is no plain text");
      const { code: minified } = await transform(sheet, { loader: "css", minify: true, target: "chrome120", charset: "utf8" });
      return { code: code.replace(SHEET, () => minified.trim()), map: null };
    },
  },
};

for (const [name, folder] of [["inbox", ""], ["index", "client/"]]) {
  const bundle = await rolldown({
    input: { [name]: `${sources}/${folder}${name}.js` },
    preserveEntrySignatures: "allow-extension",
    plugins: [sheets],
    onLog(level, { message }) {
      throw new Error(`${level}: ${message}`);
    },
  });
  const { output } = await bundle.write({
    dir: `${target}/${folder}`,
    format: "esm",
    minify: true,
    comments: false,
    sourcemap: true,
    sourcemapPathTransform: (path) => path.replace("../", ""), // as seen from where the bundle is served
    entryFileNames: "[name].js",
    chunkFileNames: "[name]-[hash].js",
  });
  for (const { type, fileName } of output) {
    const path = `${target}/${folder}${fileName}`;
    if (type === "chunk") await writeFile(`${path}.br`, brotliCompressSync(await readFile(path), { params: BEST }));
  }
}
