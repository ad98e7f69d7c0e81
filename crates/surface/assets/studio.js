// Studio's one script. Every page is complete without it; what it adds is comfort: what has changed since the page was
// made, keys, switched times, copied ids, long runs that scroll, and a check of the record in this browser.
// @ts-check

/** @param {string} s @param {ParentNode} root @returns {HTMLElement | null} */
const $ = (s, root = document) => root.querySelector(s);
/** @param {string} s @param {ParentNode} root @returns {HTMLElement[]} */
const $$ = (s, root = document) => [...root.querySelectorAll(s)].map((it) => /** @type {HTMLElement} */ (it));

/** An element. @param {string} tag @param {Record<string, string>} attributes @param {(Node | string)[]} inside */
function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

/** Says something to people who cannot see that it happened. @param {string} text */
function say(text) {
  const region = $('#said') ?? document.body.appendChild(make('div', { id: 'said', class: 'out', role: 'status' }));
  region.textContent = text;
}

// ---------------------------------------------------------------------------------------------------------------
// Times: as they are stored, or as they are here, or as a distance

const TIMES = ['UTC', 'local', 'relative'];

/** The name under which a browser knows a zone; nothing for what is none. @param {string} name */
function zoneOf(name) {
  try {
    return new Intl.DateTimeFormat('en', name === 'local' ? {} : { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}

/** @param {string} at @param {string} mode `relative`, `local`, or the name of a zone; UTC where it is none of them */
function spell(at, mode) {
  const date = new Date(at);
  if (mode === 'relative') {
    const seconds = Math.round((date.getTime() - Date.now()) / 1000);
    const [size, unit] = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
      .find(([size]) => Math.abs(seconds) >= Number(size)) ?? [1, 'second'];
    const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
    return format.format(Math.round(seconds / Number(size)), /** @type {Intl.RelativeTimeFormatUnit} */ (unit));
  }
  const zone = mode === 'UTC' ? undefined : zoneOf(mode);
  if (zone) return `${date.toLocaleString('sv-SE', { timeZone: zone })} ${mode === 'local' ? zone : mode}`;
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}

/** @param {ParentNode} root */
function times(root = document) {
  const asked = new URLSearchParams(location.search).get('tz');
  const mode = asked ?? localStorage.getItem('times') ?? 'UTC';
  for (const time of $$('time[datetime]', root)) {
    const text = spell(time.getAttribute('datetime') ?? '', mode);
    if (time.textContent !== text) time.textContent = text;
  }
  const button = $('[data-times]');
  if (!button) return;
  button.hidden = false;
  button.textContent = asked && !zoneOf(asked) && !TIMES.includes(asked) ? `Times: UTC, for “${asked}” is no zone` : `Times: ${mode}`;
}

/** From UTC to local to relative, on this page and on those to come. What the address asked for is left. */
function nextTimes() {
  const next = TIMES[(TIMES.indexOf(localStorage.getItem('times') ?? 'UTC') + 1) % TIMES.length] ?? 'UTC';
  localStorage.setItem('times', next);
  const here = new URL(location.href);
  here.searchParams.delete('tz');
  history.replaceState(null, '', here);
  times();
  say(`times are ${next}`);
}

// ---------------------------------------------------------------------------------------------------------------
// What has changed: one stream for the whole browser

/** @typedef {{ from: number, to: number, types: string[] }} Change */
/** @typedef {{ runs: Record<string, Change>, waiting?: number, admin: boolean }} Changes */

let place = Number(document.body.dataset.place ?? 0);
let seen = new Date();
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('affiant') : null;

/** @param {'live' | 'lost' | 'closed'} state */
function connected(state) {
  const shown = $('[data-live]');
  if (!shown) return;
  const since = seen.toLocaleTimeString();
  const words = { live: 'Live', lost: `Reconnecting… data from ${since}`, closed: 'Signed out: load the page again' };
  if (shown.dataset.state !== state) shown.textContent = words[state];
  shown.dataset.state = state;
}

/** What the stream said, whichever tab heard it. @param {{ id: number, kind: string, changes?: Changes }} message */
function heard(message) {
  if (message.kind === 'state') return connected(message.id === 1 ? 'live' : 'lost');
  seen = new Date();
  connected('live');
  if (message.id <= place && message.kind === 'changes') return;
  place = Math.max(place, message.id);
  if (message.kind === 'everything') return refreshSoon();
  const changes = message.changes;
  if (!changes) return;
  document.dispatchEvent(new CustomEvent('affiant:changes', { detail: changes }));
  if (changes.waiting !== undefined) waiting(changes.waiting);
  const page = $('[data-run-page]')?.dataset.runPage;
  const concerned = page ? page in changes.runs : $('[data-rows]') && Object.keys(changes.runs).length > 0;
  if (concerned || (changes.admin && $('[data-admin]'))) refreshSoon();
}

/** @param {number} count */
function waiting(count) {
  const shown = $('[data-waiting]');
  if (shown) shown.replaceChildren(...(count ? [String(count), make('span', { class: 'out' }, ' waiting')] : []));
  document.title = document.title.replace(/^(\(\d+\) )?/, count ? `(${count}) ` : '');
}

/** Holds the stream and tells the other tabs. Ends when the tab does; then another takes over. */
function lead() {
  /** @param {{ id: number, kind: string, changes?: Changes }} message */
  const tell = (message) => {
    channel?.postMessage(message);
    heard(message);
  };
  return new Promise(() => {
    const open = () => {
      const source = new EventSource(`/studio/live?after=${place}`);
      const took = (/** @type {MessageEvent} */ event) => tell({
        id: Number(event.lastEventId), kind: event.type,
        changes: event.type === 'changes' ? JSON.parse(event.data) : undefined,
      });
      for (const kind of ['still', 'changes', 'everything']) source.addEventListener(kind, took);
      source.onerror = async () => {
        tell({ id: 0, kind: 'state' });
        if (source.readyState !== EventSource.CLOSED) return;
        const answer = await fetch('/studio/live', { method: 'HEAD' }).catch(() => null);
        if (answer?.status === 401) connected('closed');
        else setTimeout(open, 2000);
      };
    };
    open();
  });
}

function follow() {
  if (!document.body.dataset.place) return;
  channel?.addEventListener('message', (event) => heard(event.data));
  if (navigator.locks) navigator.locks.request('affiant-live', lead);
  else if (!document.hidden) lead();
}

// ---------------------------------------------------------------------------------------------------------------
// The same page once more: what differs is put in the place of what is there

let asked = 0;
let again = false;

/** At most one request a second, and the last change is never forgotten. */
function refreshSoon() {
  if (again) return;
  again = true;
  setTimeout(async () => {
    again = false;
    asked = Date.now();
    await refresh().catch(() => {});
  }, Math.max(0, asked + 1000 - Date.now()));
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
  if (!answer.ok || new URL(answer.url).pathname !== location.pathname) return;
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const frame of $$('[data-frame]')) {
    const fresh = $(`[data-frame="${frame.dataset.frame}"]`, page);
    if (!fresh || same(frame, fresh) || busy(frame)) continue;
    if (frame.matches('[data-rows]')) rows(frame, fresh);
    else if ($('[data-window]', frame)) {
      const total = Number($('[data-steps]', fresh)?.dataset.total ?? 0);
      document.dispatchEvent(new CustomEvent('affiant:steps', { detail: total }));
    } else {
      put(frame, fresh);
      for (const table of $$('[data-steps]', fresh)) longRun(table);
    }
  }
}

/** Whether two pieces of a page say the same. Times may be spelled differently here, something may have been opened, and
 *  every form has a new key.
 *  @param {HTMLElement} old @param {HTMLElement} fresh */
function same(old, fresh) {
  const [one, other] = [old, fresh].map((piece) => {
    const copy = /** @type {HTMLElement} */ (piece.cloneNode(true));
    for (const key of $$('input[name="once"]', copy)) key.remove();
    for (const details of $$('details', copy)) details.removeAttribute('open');
    for (const time of $$('time[datetime]', copy)) time.textContent = time.getAttribute('datetime');
    return copy.outerHTML;
  });
  return one === other;
}

/** Puts a piece in the place of an older one: what was open stays open, and whoever was on a link or button stays on it.
 *  @param {HTMLElement} old @param {HTMLElement} fresh */
function put(old, fresh) {
  const on = old.contains(document.activeElement) ? document.activeElement : null;
  const at = on ? $$('a, button, summary, [tabindex]', old).indexOf(/** @type {HTMLElement} */ (on)) : -1;
  const open = $$('details', old).map((details) => details.hasAttribute('open'));
  for (const [index, details] of $$('details', fresh).entries()) details.toggleAttribute('open', open[index] ?? false);
  old.replaceWith(fresh);
  times(fresh);
  if (at >= 0) $$('a, button, summary, [tabindex]', fresh)[at]?.focus();
}

/** Whether somebody is writing or deciding there. @param {HTMLElement} frame */
function busy(frame) {
  const active = document.activeElement;
  const typing = active instanceof HTMLElement && frame.contains(active) && active.matches('input, textarea, select, summary');
  return typing || $$('details[open] form', frame).length > 0;
}

/** Known rows change in place; new ones wait until somebody wants them. @param {HTMLElement} old @param {HTMLElement} fresh */
function rows(old, fresh) {
  const known = new Map($$('[data-row]', old).map((row) => [row.dataset.row, row]));
  let added = 0;
  for (const row of $$('[data-row]', fresh)) {
    const there = known.get(row.dataset.row);
    if (!there) added += 1;
    else if (!same(there, row)) put(there, row);
  }
  const pill = $('[data-new]');
  if (!pill || added === 0) return;
  pill.hidden = false;
  const button = /** @type {HTMLElement} */ ($('button', pill));
  button.textContent = `${added} new: show`;
  button.onclick = () => location.reload();
}

// ---------------------------------------------------------------------------------------------------------------
// Keys

const KEYS = [
  ['g then r, a, g, c, u, m, s', 'go to runs, approvals, agents, contracts, audit, metrics, settings'],
  ['/', 'to the filter'],
  ['j, k', 'next, previous row'],
  ['Enter, o', 'open the row'],
  ['x', 'choose the row; two chosen runs are compared'],
  ['Escape', 'back to the list'],
  ['n, N', 'next, previous step that failed or waits'],
  ['1 … 6', 'tabs of a run'],
  ['v', 'check the record in this browser'],
  ['a, z', 'to Approve, to Reject (no key decides)'],
  ['f, r, c', 'fork the run; to Retry, to Cancel (no key does it)'],
  ['y, Y', 'copy the id, the link of this page'],
  ['.', 'copy this page as…'],
  ['t', 'times: UTC, local, relative'],
  ['Ctrl K', 'find anything'],
  ['?', 'these keys'],
];
/** @type {Record<string, string>} */
const PLACES = {
  r: '/studio/runs', a: '/studio/approvals', g: '/studio/agents', c: '/docs/reference', u: '/studio/audit', m: '/studio/metrics',
  s: '/studio/settings',
};
let gone = 0;

/** @param {KeyboardEvent} event */
function pressed(event) {
  if ((event.ctrlKey || event.metaKey) && event.key === 'k') {
    event.preventDefault();
    return palette();
  }
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select, dialog')) return;
  if (localStorage.getItem('keys') === 'off') return;
  if (Date.now() - gone < 1000 && PLACES[event.key]) return void location.assign(PLACES[event.key] ?? '');
  const tab = Number(event.key);
  if (tab >= 1 && tab <= 6) return $$('.tabs > a')[tab - 1]?.click();
  /** @type {Record<string, () => void>} */
  const actions = {
    g: () => { gone = Date.now(); },
    '/': () => { event.preventDefault(); ($('#q') ?? $('.find input'))?.focus(); },
    j: () => step(1), k: () => step(-1),
    o: () => { $('a', document.activeElement?.closest('[data-row]') ?? document.createElement('p'))?.click(); },
    n: () => trouble(1), N: () => trouble(-1),
    v: () => $('[data-verify]')?.click(),
    a: () => $('[data-decide] [value="approve"]')?.focus(),
    z: () => $('[data-decide] [value="reject"]')?.focus(),
    x: choose,
    f: () => $('.actions a[href$="/fork"]')?.click(),
    r: () => $('.actions form[action$="/retry"] button')?.focus(),
    c: () => { const ask = $('.actions details.ask'); ask?.setAttribute('open', ''); $('input[name="reason"]', ask ?? undefined)?.focus(); },
    Escape: () => { if ($('.crumbs') && document.referrer.startsWith(location.origin)) history.back(); else $('.crumbs a')?.click(); },
    y: () => copy($('h1 [data-id], [data-page-id]')?.dataset.id ?? location.pathname.split('/').pop() ?? ''),
    Y: () => copy(location.href),
    '.': () => { const all = $('[data-copies]'); all?.setAttribute('open', ''); $('button', all ?? undefined)?.focus(); },
    t: nextTimes,
    '?': help,
  };
  actions[event.key]?.();
}

/** Chooses the run of this row, or no longer. Two of them are compared. */
function choose() {
  const row = document.activeElement?.closest('[data-row^="run_"]');
  if (!row) return;
  const chosen = row.classList.toggle('chosen');
  row.setAttribute('aria-selected', String(chosen));
  const [a, b] = $$('[data-row].chosen').map((it) => it.dataset.row);
  if (a && b) return void location.assign(`/studio/compare?a=${a}&b=${b}`);
  say(chosen ? 'chosen; choose another run to compare them' : 'no longer chosen');
}

/** To another row. @param {1 | -1} by @param {string} which */
function step(by, which = '[data-row]') {
  const all = $$(which);
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const to = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by];
  to?.querySelector('a')?.focus();
  to?.scrollIntoView({ block: 'nearest' });
}

/** To another step that failed or waits. @param {1 | -1} by */
function trouble(by) {
  const [range, map] = [/** @type {HTMLInputElement | null} */ ($('[data-jump]')), $('.map')];
  if (range && map && $('[data-window]')) {
    /** @type {number[]} */
    const all = JSON.parse(map.dataset.trouble ?? '[]');
    const there = by > 0 ? all.find((step) => step > Number(range.value)) : all.findLast((step) => step < Number(range.value));
    if (there === undefined) return;
    document.dispatchEvent(new CustomEvent('affiant:jump', { detail: there }));
    range.value = String(there);
    return say(`step ${there}`);
  }
  step(by, '[data-row][data-sign="failed"], [data-row][data-sign="approval"]');
}

/** @param {string} text */
function copy(text) {
  navigator.clipboard?.writeText(text).then(() => say(`copied ${text}`), () => {});
}

/** A dialog that is gone when it is closed. @param {string} name @param {(Node | string)[]} inside */
function dialog(name, ...inside) {
  const shown = /** @type {HTMLDialogElement} */ (make('dialog', { 'aria-label': name }, ...inside));
  shown.addEventListener('close', () => shown.remove());
  document.body.append(shown);
  shown.showModal();
  return shown;
}

function help() {
  const off = localStorage.getItem('keys') === 'off';
  const rows = KEYS.map(([key, does]) => make('tr', {}, make('th', { scope: 'row' }, make('kbd', {}, key)), make('td', {}, does)));
  const toggle = make('button', { type: 'button' }, off ? 'Switch single keys on' : 'Switch single keys off');
  const close = make('button', { type: 'button', autofocus: '' }, 'Close');
  const shown = dialog('Keys', make('h2', {}, 'Keys'), make('table', {}, ...rows), make('p', { class: 'buttons' }, close, toggle));
  close.onclick = () => shown.close();
  toggle.onclick = () => { localStorage.setItem('keys', off ? 'on' : 'off'); shown.close(); };
}

function palette() {
  const input = /** @type {HTMLInputElement} */ (make('input', { 'aria-label': 'Page, action or id', autofocus: '', autocomplete: 'off' }));
  const list = make('ul', { class: 'palette' });
  const shown = dialog('Find anything', input, list);
  const places = $$('.bar nav a, .tabs > a, main a.button, [data-palette]').map((a) => ({ name: (a.textContent ?? '').trim(), a }));
  const show = () => {
    const wanted = input.value.toLowerCase();
    const fit = places.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, 10);
    const buttons = fit.map(({ name, a }) => {
      const button = make('button', { type: 'button', class: 'plain' }, name);
      button.onclick = () => { shown.close(); a.click(); };
      return make('li', {}, button);
    });
    const find = make('a', { href: `/studio/go?id=${encodeURIComponent(input.value)}` }, `Find “${input.value}”`);
    list.replaceChildren(...buttons, ...(wanted ? [make('li', {}, find)] : []));
  };
  input.oninput = show;
  input.onkeydown = (event) => { if (event.key === 'Enter') $('button, a', list)?.click(); };
  show();
}

// ---------------------------------------------------------------------------------------------------------------
// Long runs: a window over all steps, with as many rows as are seen, filled from pages of data

const ROW = 32;
const PAGE = 500;

/** @typedef {{ stepNumber: number, label?: string, operation: string, rule?: string, status: string, attempts: number,
 *   durationMicros?: number, startedAt?: string, endedAt?: string, idleMicros?: number, marks?: string }} Step */

/** @param {HTMLElement} table */
function longRun(table) {
  const run = table.dataset.run ?? '';
  let total = Number(table.dataset.total);
  const shown = $$('tbody tr', table).length;
  if (!run || total <= shown || new URLSearchParams(location.search).has('after')) return;
  /** @type {Map<number, Step[] | Promise<void>>} */
  const pages = new Map();
  const signs = JSON.parse(table.dataset.signs ?? '{}');
  const effects = new Map(JSON.parse(table.dataset.marks ?? '[]'));
  const spacer = make('div', { role: 'presentation' });
  const grid = make('div', { class: 'window', role: 'grid', tabindex: '0', 'aria-label': `All ${total} steps`, 'aria-rowcount': String(total), 'data-window': '' }, spacer);
  grid.style.height = `${Math.min(total * ROW, Math.max(320, window.innerHeight - 280))}px`;
  spacer.style.height = `${total * ROW}px`;
  (table.closest('.scroll') ?? table).replaceWith(grid);
  for (const link of $$('[rel="next"]')) link.remove();
  /** @type {HTMLElement[]} */
  const pool = [];

  const load = (/** @type {number} */ page) => {
    const after = page * PAGE - 1;
    pages.set(page, fetch(`/studio/runs/${run}/steps.json?after=${after}&limit=${PAGE}`).then((answer) => answer.json())
      .then((data) => { pages.set(page, data.steps); draw(); }, () => { pages.delete(page); }));
  };
  const at = (/** @type {number} */ index) => {
    const page = Math.floor(index / PAGE);
    const known = pages.get(page);
    if (known === undefined) load(page);
    return Array.isArray(known) ? known[index % PAGE] : undefined;
  };
  const fill = (/** @type {HTMLElement} */ row, /** @type {number} */ index, /** @type {Step | undefined} */ step, /** @type {(number | undefined)[]} */ [began, ended], /** @type {[number, number]} */ span) => {
    row.style.transform = `translateY(${index * ROW}px)`;
    const was = step ? `${index} ${step.status} ${span}` : `${index}`;
    if (row.dataset.was === was) return;
    row.dataset.was = was;
    row.setAttribute('aria-rowindex', String(index + 1));
    const [number, name, chip, rule, line, took] = /** @type {HTMLElement[]} */ ([...row.children]);
    if (!number || !name || !chip || !rule || !line || !took) return;
    number.textContent = String(index);
    const link = /** @type {HTMLAnchorElement} */ (name.firstElementChild);
    link.textContent = step ? step.label ?? step.operation : '…';
    const did = [...step?.marks ?? ''].map((mark) => make('span', { class: 'effect', title: effects.get(mark) },
      make('span', { 'aria-hidden': 'true' }, mark), make('span', { class: 'out' }, effects.get(mark))));
    const idle = step?.idleMicros ? [make('span', { class: 'quiet' }, ` ⋯ after ${spent(step.idleMicros)} idle`)] : [];
    name.replaceChildren(link, ...did.flatMap((mark) => [' ', mark]), ...idle);
    link.href = `?step=${index}&after=${index - (index % 50) - 1}#inspector`;
    const [word, sign] = signs[step?.status ?? ''] ?? ['', 'queued'];
    chip.className = word ? `chip ${sign}` : '';
    chip.textContent = word;
    rule.textContent = step?.rule ?? '';
    took.textContent = step?.durationMicros === undefined ? '' : spent(step.durationMicros);
    const bar = /** @type {HTMLElement} */ (line.firstElementChild);
    bar.hidden = began === undefined;
    if (began === undefined) return;
    const whole = Math.max(1, span[1] - span[0]);
    const from = (began - span[0]) / whole;
    const to = ended === undefined ? 1 : (ended - span[0]) / whole;
    bar.className = `bar-line ${sign}`;
    bar.style.left = `${Math.min(99, from * 100)}%`;
    bar.style.width = `${Math.max(1, (to - from) * 100)}%`;
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - 4);
    const count = Math.min(total - first, Math.ceil(grid.clientHeight / ROW) + 8);
    const steps = Array.from({ length: count }, (_, offset) => at(first + offset));
    // A gap takes no room on the line: whatever comes after it is moved to the left by as much.
    let lost = 0;
    const drawn = steps.map((step) => {
      lost += (step?.idleMicros ?? 0) / 1000;
      return [step?.startedAt, step?.endedAt].map((it) => it === undefined ? undefined : Date.parse(it) - lost);
    });
    const times = drawn.flat().filter((it) => it !== undefined);
    /** @type {[number, number]} */
    const span = [Math.min(...times), Math.max(...times)];
    while (pool.length < count) {
      const cells = ['num', '', '', 'rule', 'line', 'num'].map((name) => make('span', { role: 'gridcell', class: name }));
      cells[1]?.append(make('a', {}));
      cells[4]?.append(make('span', { class: 'bar-line' }));
      pool.push(spacer.appendChild(make('div', { role: 'row', class: 'window-row' }, ...cells)));
    }
    for (const [offset, row] of pool.entries()) {
      row.hidden = offset >= count;
      if (offset < count) fill(row, first + offset, steps[offset], drawn[offset] ?? [], span);
    }
    follows(Math.floor(grid.scrollTop / ROW));
  };
  // The map above shows where the window is, and leads it.
  const jump = () => /** @type {HTMLInputElement | null} */ ($('[data-jump]'));
  const follows = (/** @type {number} */ first) => {
    const range = jump();
    if (!range || range === document.activeElement) return;
    range.max = String(total - 1);
    range.value = String(first);
  };
  const to = (/** @type {number} */ step) => {
    grid.scrollTop = step * ROW;
    jump()?.setAttribute('aria-valuetext', `step ${step} of ${total}`);
    draw();
  };
  document.addEventListener('affiant:jump', (event) => { if (grid.isConnected) to(/** @type {CustomEvent<number>} */ (event).detail); });
  let waits = false;
  grid.addEventListener('scroll', () => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => { waits = false; draw(); });
  }, { passive: true });
  // A run that goes on has more steps, and its last ones may have ended. Whoever looks at the end stays there.
  document.addEventListener('affiant:steps', (event) => {
    if (!grid.isConnected) return;
    const end = grid.scrollTop + grid.clientHeight > (total - 2) * ROW;
    pages.delete(Math.floor((total - 1) / PAGE));
    total = Math.max(total, /** @type {CustomEvent<number>} */ (event).detail);
    spacer.style.height = `${total * ROW}px`;
    grid.setAttribute('aria-rowcount', String(total));
    if (end) grid.scrollTop = total * ROW;
    draw();
  });
  to(Number(table.dataset.from ?? 0));
}

/** Goes where somebody points in the map of a run: in the window if there is one, to another page if not.
 *  @param {Event} event */
function jumped(event) {
  const range = event.target;
  if (!(range instanceof HTMLInputElement) || !range.matches('[data-jump]')) return;
  if ($('[data-window]')) document.dispatchEvent(new CustomEvent('affiant:jump', { detail: Number(range.value) }));
  else if (event.type === 'change') location.assign(`?from=${range.value}`);
}

/** @param {number} micros */
function spent(micros) {
  if (micros < 1000) return `${micros} µs`;
  if (micros < 1e6) return `${Math.floor(micros / 1000)} ms`;
  const s = Math.floor(micros / 1e6);
  const two = (/** @type {number} */ it) => String(it).padStart(2, '0');
  if (s < 60) return `${(Math.floor(micros / 1e5) / 10).toFixed(1)} s`;
  return s < 3600 ? `${Math.floor(s / 60)}m ${two(s % 60)}s` : `${Math.floor(s / 3600)}h ${two(Math.floor(s / 60) % 60)}m`;
}

// ---------------------------------------------------------------------------------------------------------------
// The record of a run, checked in this browser by a thread of its own (record.js)

/** @param {HTMLElement} button */
async function check(button) {
  const place = $('[data-verdict]');
  if (!place) return;
  place.replaceChildren(make('p', {}, 'Computing…'));
  const began = performance.now();
  const checker = new Worker(button.dataset.checker ?? '', { type: 'module' });
  /** @type {{ level: string, lines: [string, string][], brokenAt?: number }} */
  const verdict = await new Promise((resolve) => {
    checker.onmessage = (event) => resolve(event.data);
    checker.onerror = () => resolve({ level: 'incomplete', lines: [['○', 'this browser does not load the check']] });
    checker.postMessage(button.dataset.verify);
  });
  checker.terminate();
  const took = Math.round(performance.now() - began);
  const words = { intact: 'Intact', signed: 'Intact and signed', broken: 'Broken', incomplete: 'Could not be checked' };
  const list = verdict.lines.map(([sign, text]) => make('li', {}, `${sign} ${text}`));
  const name = words[/** @type {keyof typeof words} */ (verdict.level)];
  const told = { 'data-level': verdict.level, 'data-took': String(took), ...(verdict.brokenAt === undefined ? {} : { 'data-broken-at': String(verdict.brokenAt) }) };
  place.replaceChildren(make('div', { class: `note ${verdict.level === 'broken' ? 'broken' : 'intact'}`, ...told },
    make('strong', {}, `${name}: checked here at ${new Date().toLocaleTimeString()}, in ${took} ms`), make('ul', { class: 'checks' }, ...list)));
}

// ---------------------------------------------------------------------------------------------------------------
// Small things

function start() {
  times();
  follow();
  document.addEventListener('keydown', pressed);
  document.addEventListener('input', jumped);
  document.addEventListener('change', jumped);
  // Ids and digests are copied by a click.
  document.addEventListener('click', (event) => {
    const id = /** @type {HTMLElement} */ (event.target).closest('[data-id]');
    if (id instanceof HTMLElement && !id.closest('a')) copy(id.dataset.id ?? '');
  });
  for (const table of $$('[data-steps]')) longRun(table);
  $('[data-times]')?.addEventListener('click', nextTimes);
  for (const button of $$('[data-copy]')) {
    button.hidden = false;
    button.addEventListener('click', () => copy(button.dataset.copy ?? ''));
  }
  for (const button of $$('[data-verify]')) button.addEventListener('click', () => check(button));
  // What must be opened before a decision is ticked by opening it.
  for (const more of $$('details[data-must-open]')) {
    const tick = /** @type {HTMLInputElement | null} */ ($('input[name="seen"]'));
    more.addEventListener('toggle', () => { if (tick && /** @type {HTMLDetailsElement} */ (more).open) tick.checked = true; });
  }
}

start();
