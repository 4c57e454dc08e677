/** The looks of the list, its head, its states and the preferences. Logical properties only, so that right-to-left needs no rule. */
export const sheet = new CSSStyleSheet();

sheet.replaceSync(`
:host {
  --_warn: light-dark(#8a5a00, #ffd479); --_warn-ground: light-dark(#fff6df, #3a2f14);
  --_bad: light-dark(#a61b24, #ff9ea4); --_bad-ground: light-dark(#fdecec, #40191c);
}
:host(inbox-feed) { display: block; height: var(--inbox-height, 38rem); }
.view {
  display: flex; flex-direction: column; height: 100%; overflow: hidden; color: var(--_text); background: var(--_ground);
  font: 400 var(--_size)/1.45 var(--_font); text-align: start; color-scheme: inherit;
}
.view:focus-visible, .scroller:focus-visible { outline: none; }
.main, .page, .preferences { display: flex; flex-direction: column; min-height: 0; height: 100%; }
h2, p, ul, dl, dd { margin: 0; padding: 0; }
.panel {
  position: fixed; z-index: 1000; inset: var(--top) auto var(--bottom) var(--left);
  width: min(var(--inbox-width, 26rem), calc(100vw - 1rem)); height: auto; min-height: min(20rem, var(--inbox-height, 38rem), var(--room)); max-height: min(var(--inbox-height, 38rem), var(--room));
  margin: 0; padding: 0; border: 1px solid var(--_line); border-radius: var(--_radius);
  box-shadow: 0 12px 32px rgb(16 24 40 / 18%), 0 2px 6px rgb(16 24 40 / 10%);
}
.panel > * { flex: 1; height: auto; }

.head { display: flex; flex: none; align-items: center; gap: 0.5rem; min-height: 3.25rem; padding: 0.25rem 1rem; border-block-end: 1px solid var(--_line); }
h2 { min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 1rem; font-weight: 650; }
.head-tools { display: flex; flex: none; align-items: center; gap: 0.125rem; margin-inline-start: auto; }
.filter { display: inline-flex; flex: none; align-items: center; padding-block: 0.125rem; padding-inline: 0.5rem 0.25rem; border-radius: 6px; color: var(--_muted); }
.filter svg { width: 1em; height: 1em; }
.mark-all:not([aria-disabled="true"]) { color: var(--_accent); }
.icon { display: grid; flex: none; place-items: center; width: 2rem; height: 2rem; border-radius: 6px; color: var(--_muted); }
.icon svg { width: 1.125rem; height: 1.125rem; }
.more-actions svg, .options svg { stroke-width: 3; }
:is(.icon, .filter, .menu-item):not([aria-disabled="true"]):hover { color: var(--_text); background: var(--_hover); }
.close { display: none; }
.tabs { display: flex; gap: 0.25rem; padding: 0 0.75rem; overflow-x: auto; border-block-end: 1px solid var(--_line); scrollbar-width: none; }
.tab {
  display: inline-flex; align-items: center; gap: 0.375rem; padding: 0.5rem 0.375rem; color: var(--_muted); white-space: nowrap;
  border-block-end: 2px solid transparent; font-weight: 550; outline-offset: -2px;
}
.tab[aria-selected="true"] { color: var(--_text); border-color: var(--_accent); }
.tab-count { padding: 0 0.375rem; border-radius: 1rem; background: var(--_hover); font-size: 0.75em; font-variant-numeric: tabular-nums; }

.status, .problem { display: flex; align-items: center; gap: 0.75rem; padding: 0.5rem 1rem; font-size: 0.93em; }
.status { color: var(--_warn); background: var(--_warn-ground); }
.problem { justify-content: space-between; color: var(--_bad); background: var(--_bad-ground); }
:is(.retry, .undo, .back) { min-height: 1.5rem; }
.retry { color: inherit; font-weight: 600; text-decoration: underline; }
.body-area { position: relative; display: flex; flex-direction: column; flex: 1; min-height: 0; }
.scroller { flex: 1; min-height: 0; overflow: hidden auto; overflow-anchor: none; overscroll-behavior: contain; }
.list { position: relative; list-style: none; }
.hint { display: grid; justify-items: center; gap: 0.75rem; padding: 3rem 1.5rem; color: var(--_muted); text-align: center; }
.hint .problem { flex-direction: column; padding: 0; color: inherit; background: none; font-size: inherit; }
.hint .retry { color: var(--_accent); }
.hint > svg { width: 2.25rem; height: 2.25rem; stroke-width: 1.4; opacity: 0.75; }
.more { display: block; width: 100%; padding: 0.75rem; color: var(--_accent); font-weight: 550; outline-offset: -3px; }
.news, .toast {
  position: absolute; z-index: 2; inset-inline: 0; width: max-content; max-width: calc(100% - 2rem); margin-inline: auto;
  box-shadow: 0 4px 14px rgb(16 24 40 / 25%);
}
.news { inset-block-start: 0.5rem; padding: 0.25rem 0.875rem; border-radius: 2rem; background: var(--_accent); color: var(--_on-accent); font-weight: 600; }
.toast {
  inset-block-end: 0.75rem; display: flex; align-items: center; gap: 1rem; padding: 0.5rem 1rem; border-radius: 8px; background: var(--_text);
  color: var(--_ground);
}
.toast .undo { outline-color: currentColor; color: inherit; font-weight: 650; text-decoration: underline; }

.item {
  position: absolute; inset-inline: 0; inset-block-start: 0; display: flex; gap: 0.75rem; padding: var(--_pad) 1rem;
  border-block-end: 1px solid var(--_line); contain: layout style; cursor: pointer;
}
.item:has(:focus-visible) { background: var(--_hover); }
.item.failed { box-shadow: inset 0 0 0 2px var(--_bad); }
.item::before { content: ""; position: absolute; inset-block: 0; inset-inline-start: 0; width: 3px; }
.item[data-severity="high"]::before { background: var(--_badge); }
.item[data-severity="medium"]::before { background: light-dark(#d08700, #ffc53d); }
.item[data-severity="low"]::before { background: var(--_accent); }
.avatar { flex: none; width: 2.25rem; height: 2.25rem; border-radius: 50%; object-fit: cover; }
:host([density="compact"]) .avatar { width: 1.75rem; height: 1.75rem; }
.content { flex: 1; min-width: 0; }
.text {
  display: block; width: 100%; padding-inline-end: 1.5rem; text-align: start; color: inherit; text-decoration: none;
  overflow-wrap: anywhere; border-radius: 4px;
}
.text strong { display: block; font-weight: 500; }
.unread .text strong { font-weight: 680; }
a.text:hover strong, .more:hover, .actions .undo:hover { text-decoration: underline; }
.body { display: block; color: var(--_muted); white-space: pre-line; }
.unread .body { color: var(--_text); }
.text strong, .body { text-align: -webkit-match-parent; text-align: match-parent; }
.body :is(ul, ol) { margin: 0; padding-inline-start: 1.25rem; text-align: start; }
.body a { color: var(--_accent); }
.times { display: flex; flex-wrap: wrap; gap: 0 0.75rem; margin-block-start: 0.25rem; color: var(--_muted); font-size: 0.857em; }
.expires { color: var(--_warn); }
.controls { position: absolute; inset-block-start: calc(var(--_pad) - 0.25rem); inset-inline-end: 0.75rem; display: flex; align-items: center; }
.tools { display: flex; opacity: 0; border-radius: 6px; background: var(--_hover); }
.item:has(:focus-visible) .tools { opacity: 1; }
.tool { width: 1.75rem; height: 1.75rem; }
.tool:hover { background: var(--_line); }
.toggle { display: grid; place-items: center; width: 1.75rem; height: 1.75rem; border-radius: 50%; }
.toggle::before {
  content: ""; width: 0.625rem; height: 0.625rem; border-radius: 50%; border: 1.5px solid var(--_muted); opacity: 0;
}
.toggle:focus-visible::before { opacity: 1; }
.unread .toggle::before { opacity: 1; border-color: var(--_accent); background: var(--_accent); }
.unread[data-severity="high"] .toggle::before { border-color: var(--_badge); background: var(--_badge); }
.options { display: none; }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; margin-block-start: 0.625rem; }
.action {
  display: inline-flex; align-items: center; gap: 0.375rem; padding: 0.3125rem 0.75rem; border: 1px solid var(--_line);
  border-radius: 7px; color: var(--_text); font-size: 0.93em; font-weight: 550; text-decoration: none; background: var(--_ground);
}
.action.primary { background: var(--_accent); border-color: var(--_accent); color: var(--_on-accent); }
.action:not(.done):hover { filter: brightness(0.94); }
.action.done { background: transparent; border-color: var(--_line); color: var(--_muted); }
.action svg { width: 1em; height: 1em; stroke-width: 2.4; }
.actions .undo { color: var(--_muted); font-size: 0.93em; border-radius: 4px; }

.skeleton { padding: var(--_pad) 1rem; border-block-end: 1px solid var(--_line); }
.skeleton * { display: block; height: 0.75rem; margin-block: 0.5rem; border-radius: 4px; background: var(--_line); animation: pulse 1.4s infinite alternate; }
.skeleton :last-child { width: 60%; }
@keyframes pulse { to { opacity: 0.45; } }

.menu {
  position: fixed; z-index: 1001; inset: var(--menu-top, 0) auto auto var(--menu-left, 0); min-width: 11rem; max-width: calc(100vw - 1rem);
  margin: 0; padding: 0.25rem; color: var(--_text); background: var(--_ground); border: 1px solid var(--_line); border-radius: 8px;
  box-shadow: 0 8px 24px rgb(16 24 40 / 22%); font: inherit;
}
.menu-item { display: flex; align-items: center; gap: 0.75rem; width: 100%; padding: 0.375rem 0.625rem; border-radius: 5px; text-align: start; white-space: nowrap; }
.menu-item:focus-visible { outline-offset: -2px; background: var(--_hover); }
.menu-item svg { width: 1em; height: 1em; margin-inline-start: auto; }
.menu-hint { margin-inline-start: auto; color: var(--_muted); font-size: 0.9em; }
.pick { display: flex; flex-wrap: wrap; align-items: end; gap: 0.5rem; padding: 0.5rem 0.625rem; border-block-start: 1px solid var(--_line); }
.pick label { display: grid; flex: auto; gap: 0.25rem; color: var(--_muted); }
.pick input { font: inherit; padding: 0.25rem; color: var(--_text); background: var(--_ground); border: 1px solid var(--_muted); border-radius: 6px; }
.page { overflow-y: auto; }
.close-page { margin-inline-start: auto; }
.keys { display: grid; grid-template-columns: auto 1fr; gap: 0.5rem 1rem; padding: 1rem; overflow-y: auto; }
kbd { min-width: 1.6em; padding: 0 0.375rem; margin-inline-end: 0.25rem; border: 1px solid var(--_muted); border-radius: 4px; font: inherit; }

.preferences { display: flex; flex-direction: column; min-height: 0; flex: 1; }
.preferences .back { margin-inline-start: auto; color: var(--_accent); font-weight: 550; border-radius: 4px; }
.choices { overflow-y: auto; overscroll-behavior: contain; min-height: 0; padding: 0 1rem 1rem; }
.choices .loading { padding: 2rem 0; color: var(--_muted); text-align: center; }
.choices .retry { margin-block-start: 0.5rem; color: var(--_accent); font-weight: 550; }
.choices .problem { margin: 0.5rem -1rem 0; }
.choices .group, .schedule { margin: 0; padding: 0.5rem 0; border: 0; border-block-end: 1px solid var(--_line); min-width: 0; }
.choices .group:last-child, .schedule { border-block-end: 0; }
.choice span { overflow-wrap: anywhere; }
.choices legend { float: inline-start; width: 100%; padding: 0; font-weight: 600; overflow-wrap: anywhere; }
.choices legend + * { clear: both; }
.choices .locked { color: var(--_muted); font-size: 0.8125rem; }
.choice, .day { display: flex; align-items: center; justify-content: space-between; gap: 1rem; min-height: 2.25rem; }
.day { flex-wrap: wrap; gap: 0 1rem; padding-block: 0.125rem; }
.day label { display: flex; align-items: center; align-self: stretch; gap: 0.5rem; }
.hours { display: flex; align-items: center; gap: 0.25rem; margin-inline-start: auto; }
.hours input { font: inherit; color: inherit; background: transparent; border: 1px solid var(--_line); border-radius: 6px; padding: 0.125rem 0.25rem; color-scheme: inherit; }
.choices input[type="checkbox"] { accent-color: var(--_accent); width: 1rem; height: 1rem; margin: 0; }
.choices input[role="switch"] {
  appearance: none; flex: none; width: 2.25rem; height: 1.25rem; border-radius: 1rem; background: var(--_muted); cursor: pointer;
  position: relative; transition: background 0.15s;
}
.choices input[role="switch"]::after {
  content: ""; position: absolute; inset-block-start: 2px; inset-inline-start: 2px; width: 1rem; height: 1rem; border-radius: 50%;
  background: var(--_ground); transition: inset-inline-start 0.15s;
}
.choices input[role="switch"]:checked { background: var(--_accent); }
.choices input[role="switch"]:checked::after { inset-inline-start: calc(100% - 1rem - 2px); }
.choices input[role="switch"]:disabled { opacity: 0.5; cursor: not-allowed; }

@media (hover: hover) {
  .item:hover { background: var(--_hover); }
  .item:hover .tools, .item:hover .toggle::before { opacity: 1; }
}
@media (hover: none) {
  .tools { display: none; }
  .options { display: grid; }
  .view :is(button, .text, .action, .choice, .day label, .pick input, .hours input) { min-width: 2.75rem; min-height: 2.75rem; }
  .head-tools, .close-page { margin-inline-end: -0.75rem; }
  .item { min-height: 5.5rem; }
  .controls { flex-direction: column; inset-block-start: 0; inset-inline-end: 0.25rem; }
  .content { padding-inline-end: 2rem; }
  .text { padding: 0; }
  .toggle::before { opacity: 1; }
  .toast { padding-block: 0; }
}
@media (max-width: 30rem) {
  .panel {
    inset: auto 0 0; width: auto; max-width: none; min-height: 0; max-height: none; height: 85vh; height: 85dvh;
    border-radius: var(--_radius) var(--_radius) 0 0; padding-block-end: env(safe-area-inset-bottom);
  }
  .close { display: grid; }
  .head { gap: 0.25rem; }
}
@media (max-width: 23rem) { .mark-all { display: none; } } /* the menu has it too */
@media (prefers-reduced-motion: reduce) { *, ::after { animation: none !important; transition: none !important; } }
@media (prefers-contrast: more) { :host { --_muted: var(--_text); --_line: currentColor; } .item:hover { outline: 1px solid; } }
@media (forced-colors: active) {
  .unread[data-severity] .toggle::before { background: CanvasText; }
  .item:has(:focus-visible), .item.failed { outline: 2px solid Highlight; outline-offset: -2px; }
  .item.failed { outline-style: dashed; }
  .toast, .news { border: 1px solid; }
  .item[data-severity="high"]::before { background: Highlight; }
  .choices input[role="switch"] { appearance: auto; width: 1.25rem; }
  .choices input[role="switch"]::after { content: none; }
  .tab { border-color: Canvas; }
  .tab[aria-selected="true"] { border-color: Highlight; }
}
`);
