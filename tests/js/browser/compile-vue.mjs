// Compiles a Vue component into a module, as Vite's plugin would: node compile-vue.mjs <component> <module> <isCustomElement>
import { readFileSync, writeFileSync } from "node:fs";
import { compileScript, parse } from "vue/compiler-sfc";

const [, , component, module, isCustomElement] = process.argv;
const { descriptor, errors } = parse(readFileSync(component, "utf8"), { filename: component });
if (errors.length) throw errors[0];
const compilerOptions = { isCustomElement: new Function(`return ${isCustomElement}`)() };
const { content } = compileScript(descriptor, { id: "bell", inlineTemplate: true, templateOptions: { compilerOptions } });
writeFileSync(module, content);
