/**
 * The bell's looks, as a constructed sheet: allowed under `default-src 'self'`, where inline styles are not.
 * A page themes it by custom properties and parts, which docs/widget.md lists.
 */
export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host {
  --accent: var(--inbox-accent, #2557d6); --on-accent: var(--inbox-on-accent, #fff);
  --ground: var(--inbox-background, #fff); --text: var(--inbox-text, #1a1d23); --muted: var(--inbox-muted, #5c6470);
  --line: var(--inbox-border, #e1e4ea); --hover: var(--inbox-hover, #f4f6fa); --badge: var(--inbox-badge, #c8232c);
  --radius: var(--inbox-radius, 12px); --warn: #8a5a00; --warn-ground: #fff6df; --bad: #a61b24; --bad-ground: #fdecec;
  position: relative; display: inline-block; text-align: start;
  font: 400 0.875rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :host {
    --accent: var(--inbox-accent, #8ab0ff); --on-accent: var(--inbox-on-accent, #10141c);
    --ground: var(--inbox-background, #1c2028); --text: var(--inbox-text, #eceff4);
    --muted: var(--inbox-muted, #a3acba); --line: var(--inbox-border, #343a46); --hover: var(--inbox-hover, #262b35);
    --badge: var(--inbox-badge, #d92d37); --warn: #ffd479; --warn-ground: #3a2f14; --bad: #ff9ea4;
    --bad-ground: #40191c;
  }
}
:host([hidden]), [hidden] { display: none !important; }
* { box-sizing: border-box; }
h2, p, ul { margin: 0; padding: 0; }
button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
button[aria-disabled="true"] { cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.panel:focus-visible { outline: none; }
svg {
  width: 1.5em; height: 1.5em; fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linecap: round;
  stroke-linejoin: round;
}

.bell { position: relative; display: grid; place-items: center; width: 2.5rem; height: 2.5rem; border-radius: 50%; }
.bell:hover { background: color-mix(in srgb, currentColor 10%, transparent); }
.bell[data-status="offline"] svg, .bell[data-status="refused"] svg { opacity: 0.45; }
.badge {
  position: absolute; inset-block-start: 0; inset-inline-end: 0; min-width: 1.15rem; padding: 0 0.25rem;
  border-radius: 1rem; background: var(--badge); color: #fff; font-size: 0.6875rem; font-weight: 650;
  line-height: 1.15rem; text-align: center;
}

.panel {
  position: fixed; z-index: 1000; inset: var(--top) auto var(--bottom) var(--left); display: flex;
  flex-direction: column; width: min(var(--inbox-width, 25rem), calc(100vw - 1rem)); height: auto;
  max-height: min(36rem, var(--room)); margin: 0; padding: 0; overflow: hidden; color: var(--text); background: var(--ground); border: 1px solid var(--line);
  border-radius: var(--radius); box-shadow: 0 12px 32px rgb(16 24 40 / 18%), 0 2px 6px rgb(16 24 40 / 10%);
}
.head {
  display: flex; align-items: center; justify-content: space-between; gap: 1rem; padding: 0.875rem 1rem;
  border-block-end: 1px solid var(--line);
}
h2 { font-size: 1rem; font-weight: 650; }
.mark-all { color: var(--accent); font-weight: 550; border-radius: 4px; }
.mark-all[aria-disabled="true"] { color: var(--muted); opacity: 0.6; }
.mark-all:not([aria-disabled="true"]):hover, .undo:hover, .more:hover { text-decoration: underline; }
.status, .problem { padding: 0.5rem 1rem; font-size: 0.8125rem; }
.status { color: var(--warn); background: var(--warn-ground); }
.problem { color: var(--bad); background: var(--bad-ground); }
.scroller { overflow-y: auto; overscroll-behavior: contain; min-height: 0; }
.list { list-style: none; }
.hint { padding: 3rem 1rem; color: var(--muted); text-align: center; }
.more { display: block; width: 100%; padding: 0.75rem; color: var(--accent); font-weight: 550; outline-offset: -3px; }

.item { display: flex; gap: 0.75rem; padding: 0.875rem 1rem; border-block-end: 1px solid var(--line); }
.item:last-child { border-block-end: 0; }
.item:hover { background: var(--hover); }
.avatar { flex: none; width: 2.25rem; height: 2.25rem; border-radius: 50%; object-fit: cover; }
.content { flex: 1; min-width: 0; }
.text {
  display: block; width: 100%; text-align: start; color: inherit; text-decoration: none; overflow-wrap: anywhere;
  border-radius: 4px;
}
.text strong { display: block; font-weight: 500; }
.unread .text strong { font-weight: 680; }
a.text:hover strong { text-decoration: underline; }
.body { display: block; color: var(--muted); white-space: pre-line; }
.unread .body { color: var(--text); }
time { display: block; margin-block-start: 0.25rem; color: var(--muted); font-size: 0.75rem; }
.toggle {
  flex: none; align-self: flex-start; display: grid; place-items: center; width: 1.5rem; height: 1.5rem;
  border-radius: 50%;
}
.toggle::before {
  content: ""; width: 0.625rem; height: 0.625rem; border-radius: 50%; border: 1.5px solid var(--muted); opacity: 0;
}
.item:hover .toggle::before, .toggle:focus-visible::before { opacity: 1; }
@media (hover: none) { .toggle::before { opacity: 1; } }
.unread .toggle::before { opacity: 1; border-color: var(--accent); background: var(--accent); }
.unread[data-severity="high"] .toggle::before { border-color: var(--badge); background: var(--badge); }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; margin-block-start: 0.625rem; }
.action {
  display: inline-flex; align-items: center; gap: 0.375rem; padding: 0.3125rem 0.75rem; border: 1px solid var(--line);
  border-radius: 7px; color: var(--text); font-size: 0.8125rem; font-weight: 550; text-decoration: none;
  background: var(--ground);
}
.action.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.action:not(.done):hover { filter: brightness(0.94); }
.action.done { background: transparent; border-color: var(--line); color: var(--muted); }
.action svg { width: 1em; height: 1em; stroke-width: 2.4; }
.undo { color: var(--muted); font-size: 0.8125rem; border-radius: 4px; }
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@media (max-width: 30rem) {
  .panel {
    inset: auto 0 0; width: auto; max-width: none; max-height: 85vh; max-height: 85dvh;
    border-radius: var(--radius) var(--radius) 0 0;
  }
}
@media (forced-colors: active) { .unread .toggle::before { background: CanvasText; } .badge { border: 1px solid; } }
`);
