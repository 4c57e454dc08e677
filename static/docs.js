/** The API's document as a page: one entry for each operation, grouped by family. It loads nothing from elsewhere. */

const element = (name, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};

const SERVICE = new URL(".", document.baseURI).href.replace(/\/$/, "");
const place = document.getElementById("operations");
const find = document.getElementById("find");

/** A schema as a short text in the manner of a type: `{data: [Message]}`. */
function typeOf(schema, depth = 0) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  const options = schema.anyOf ?? schema.oneOf;
  if (options) return options.map((one) => typeOf(one, depth)).join(" | ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `[${typeOf(schema.items, depth)}]`;
  if (schema.properties && depth < 2) {
    const required = new Set(schema.required ?? []);
    const fields = Object.entries(schema.properties).map(
      ([name, one]) => `${name}${required.has(name) ? "" : "?"}: ${typeOf(one, depth + 1)}`,
    );
    return `{${fields.join(", ")}}`;
  }
  return [schema.type ?? "any"].flat().join(" | ");
}

const resolve = (api, schema) => (schema.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema);

/** The fields of a schema, one a row. */
function fields(api, schema) {
  const known = resolve(api, schema);
  const required = new Set(known.required ?? []);
  const rows = Object.entries(known.properties ?? {}).map(([name, one]) =>
    element("tr", {}, element("td", {}, element("code", { textContent: name })),
      element("td", { textContent: required.has(name) ? "required" : "" }),
      element("td", {}, element("code", { textContent: typeOf(one) }))),
  );
  return element("table", {}, ...rows);
}

function example(method, path, operation) {
  const credential = operation.security?.[0].session ? "Bearer $TOKEN" : "ApiKey $KEY";
  const lines = [`curl -X ${method.toUpperCase()} "${SERVICE}${path}"`];
  if (operation.security) lines.push(`-H "Authorization: ${credential}"`);
  const sent = operation.requestBody?.content["application/json"].example;
  if (sent) lines.push(`-H "Content-Type: application/json"`, `-d '${JSON.stringify(sent).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

function body(api, method, path, operation) {
  const parts = [element("p", { textContent: operation.description })];
  const parameters = operation.parameters.map((one) =>
    element("tr", {}, element("td", {}, element("code", { textContent: one.name })),
      element("td", { textContent: `${one.in}${one.required ? ", required" : ""}` }),
      element("td", {}, element("code", { textContent: typeOf(one.schema) }))),
  );
  if (parameters.length) parts.push(element("h4", { textContent: "Parameters" }), element("table", {}, ...parameters));
  const sent = operation.requestBody?.content["application/json"].schema;
  if (sent) parts.push(element("h4", { textContent: "Body" }), fields(api, sent));
  parts.push(element("h4", { textContent: "Answers" }));
  const answers = Object.entries(operation.responses).map(([status, one]) => {
    const known = one.$ref ? api.components.responses[one.$ref.split("/").at(-1)] : one;
    const schema = known.content?.["application/json"].schema;
    return element("tr", {}, element("td", { textContent: status }), element("td", { textContent: known.description }),
      element("td", {}, element("code", { textContent: schema ? typeOf(schema) : "" })));
  });
  parts.push(element("table", {}, ...answers), element("pre", { textContent: example(method, path, operation) }));
  const [success] = Object.values(operation.responses);
  const answer = success.content?.["application/json"].example;
  if (answer) parts.push(element("pre", { textContent: JSON.stringify(answer, null, 2) }));
  return parts;
}

function entry(api, method, path, operation) {
  const made = element("details", { id: operation.operationId }, element("summary", {},
    element("b", { textContent: method.toUpperCase() }), element("code", { textContent: path }),
    element("span", { textContent: operation.summary })));
  made.dataset.words = `${method} ${path} ${operation.description}`.toLowerCase();
  made.addEventListener("toggle", () => {
    if (made.open && made.children.length === 1) made.append(...body(api, method, path, operation));
  });
  return made;
}

function show(api) {
  document.getElementById("about").textContent = `${api.info.description.split("\n")[0]} Version ${api.info.version}.`;
  const families = new Map();
  const described = new Map(api.tags.map((tag) => [tag.name, tag.description]));
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const family = operation.tags[0];
      if (!families.has(family)) families.set(family, element("section", {},
        element("h2", { textContent: family }), element("p", { textContent: described.get(family) })));
      families.get(family).append(entry(api, method, path, operation));
    }
  }
  place.replaceChildren(...families.values());
  if (location.hash) document.getElementById(location.hash.slice(1))?.setAttribute("open", "");
}

find.addEventListener("input", () => {
  const wanted = find.value.trim().toLowerCase();
  for (const one of place.querySelectorAll("details")) one.hidden = !one.dataset.words.includes(wanted);
  for (const family of place.querySelectorAll("section")) {
    family.hidden = ![...family.querySelectorAll("details")].some((one) => !one.hidden);
  }
});

try {
  const reply = await fetch("openapi.json");
  if (!reply.ok) throw new Error(`status ${reply.status}`);
  show(await reply.json());
} catch (problem) {
  place.textContent = `The document cannot be read: ${problem.message}`;
}
