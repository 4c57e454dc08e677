/** The words of the widget: each language is whole, plurals and numbers are the locale's, a page's own strings come first. */

import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { test } from "node:test";

import { directionOf, learnEnglish, loadStrings, translator } from "../../../static/widget/locale.js";
import { strings as english } from "../../../static/widget/locales/en.js";

learnEnglish(english); // as the list does

const LOCALES = new URL("../../../static/widget/locales/", import.meta.url);
const languages = (await readdir(LOCALES)).map((name) => name.replace(".js", ""));
const placesOf = (text) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
const formsOf = (words) => (typeof words === "string" ? { other: words } : words);

test("six languages are shipped", () => {
  assert.deepEqual(languages.sort(), ["ar", "de", "en", "es", "fr", "ja"]);
});

for (const language of languages) {
  test(`${language} has every text, with the same values`, async () => {
    const { strings } = await import(`${LOCALES}${language}.js`);
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    assert.deepEqual(Object.keys(strings), Object.keys(english));
    for (const [key, words] of Object.entries(strings)) {
      const forms = formsOf(words);
      assert.deepEqual(placesOf(forms.other), placesOf(formsOf(english[key]).other), key);
      for (const [form, text] of Object.entries(forms)) {
        assert.ok(categories.includes(form), `${key} ${form}`);
        assert.equal(text, text.trim());
        assert.notEqual(text, "");
        const others = placesOf(text).filter((place) => place !== "{count}");
        assert.deepEqual(others, placesOf(forms.other).filter((place) => place !== "{count}"), `${key} ${form}`);
      }
    }
    if (language !== "en") assert.deepEqual(await loadStrings(language), strings);
  });
}

test("a language is found whatever its region, and there is none for others", async () => {
  assert.equal((await loadStrings("de-AT"))["item.delete"], "Löschen");
  assert.equal((await loadStrings("FR-ca"))["item.delete"], "Supprimer");
  for (const locale of ["en-GB", "pt-BR", "constructor", undefined]) assert.deepEqual(await loadStrings(locale), {});
});

test("plurals are those of the language", async () => {
  const t = translator("ar", {}, await loadStrings("ar"));
  const texts = [0, 1, 2, 3, 11, 100].map((count) => t("list.news", { count }));
  assert.equal(new Set(texts).size, 6);
  assert.match(texts[2], /إشعاران/);
  assert.equal(translator("en")("list.news", { count: 1 }), "1 new");
});

test("numbers are written as the locale does", () => {
  assert.equal(translator("de", { n: "{count} Stück" })("n", { count: 12345 }), "12.345 Stück");
  assert.equal(translator("en", { n: "{count} and {text}" })("n", { count: 12345, text: "12345" }), "12,345 and 12345");
  assert.equal(translator("ar-EG", { n: "{count}" })("n", { count: 3 }), "٣");
});

test("a page's own strings come first, then those of the language, then English", () => {
  const t = translator("de", { "item.delete": "Weg damit" }, { "item.delete": "Löschen", "item.read": "Gelesen" });
  assert.deepEqual(["item.delete", "item.read", "item.archive"].map((key) => t(key)), ["Weg damit", "Gelesen", "Archive"]);
  assert.equal(t("no.such.text"), "no.such.text");
});

test("a value is text and nothing else", () => {
  const t = translator("en", { a: "{text}!", b: "{constructor} {missing}" });
  assert.equal(t("a", { text: "{count} $& <b>" }), "{count} $& <b>!");
  assert.equal(t("b"), "{constructor} {missing}");
});

test("the direction is that of the script", () => {
  assert.deepEqual(["ar", "ar-EG", "he", "fa-IR", "en", "ja", undefined].map(directionOf), ["rtl", "rtl", "rtl", "rtl", "ltr", "ltr", "ltr"]);
});
