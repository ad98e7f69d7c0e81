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

/** @param {string} at @param {string} mode */
function spell(at, mode) {
  const date = new Date(at);
  if (mode === 'local') {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    return `${date.toLocaleString('sv-SE')} ${zone}`;
  }
  if (mode === 'relative') {
    const seconds = Math.round((date.getTime() - Date.now()) / 1000);
    const [size, unit] = [[86400, 'day'], [3600, 'hour'], [60, 'minute'], [1, 'second']]
      .find(([size]) => Math.abs(seconds) >= Number(size)) ?? [1, 'second'];
    const format = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });
    return format.format(Math.round(seconds / Number(size)), /** @type {Intl.RelativeTimeFormatUnit} */ (unit));
  }
  return `${at.slice(0, 10)} ${at.slice(11, 19)} UTC`;
}

/** @param {ParentNode} root */
function times(root = document) {
  const mode = new URLSearchParams(location.search).get('tz') ?? localStorage.getItem('times') ?? 'UTC';
  for (const time of $$('time[datetime]', root)) time.textContent = spell(time.getAttribute('datetime') ?? '', mode);
}

function nextTimes() {
  const next = TIMES[(TIMES.indexOf(localStorage.getItem('times') ?? 'UTC') + 1) % TIMES.length] ?? 'UTC';
  localStorage.setItem('times', next);
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
  ['g then r, a, g, u', 'go to runs, approvals, agents, audit'],
  ['/', 'to the filter'],
  ['j, k', 'next, previous row'],
  ['Enter, o', 'open the row'],
  ['n, N', 'next, previous step that failed or waits'],
  ['1 … 6', 'tabs of a run'],
  ['v', 'check the record in this browser'],
  ['a, z', 'to Approve, to Reject (no key decides)'],
  ['y', 'copy the id of this page'],
  ['t', 'times: UTC, local, relative'],
  ['Ctrl K', 'find anything'],
  ['?', 'these keys'],
];
/** @type {Record<string, string>} */
const PLACES = { r: 'runs', a: 'approvals', g: 'agents', u: 'audit' };
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
  if (Date.now() - gone < 1000 && PLACES[event.key]) return void location.assign(`/studio/${PLACES[event.key]}`);
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
    y: () => copy($('h1 [data-id], [data-page-id]')?.dataset.id ?? location.pathname.split('/').pop() ?? ''),
    t: nextTimes,
    '?': help,
  };
  actions[event.key]?.();
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
 *   durationMicros?: number, startedAt?: string, endedAt?: string }} Step */

/** @param {HTMLElement} table */
function longRun(table) {
  const run = table.dataset.run ?? '';
  let total = Number(table.dataset.total);
  const shown = $$('tbody tr', table).length;
  if (!run || total <= shown || new URLSearchParams(location.search).has('after')) return;
  /** @type {Map<number, Step[] | Promise<void>>} */
  const pages = new Map();
  const signs = JSON.parse(table.dataset.signs ?? '{}');
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
  const fill = (/** @type {HTMLElement} */ row, /** @type {number} */ index, /** @type {Step | undefined} */ step, /** @type {[number, number]} */ span) => {
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
    link.href = `?step=${index}&after=${index - (index % 50) - 1}#inspector`;
    const [word, sign] = signs[step?.status ?? ''] ?? ['', 'queued'];
    chip.className = word ? `chip ${sign}` : '';
    chip.textContent = word;
    rule.textContent = step?.rule ?? '';
    took.textContent = step?.durationMicros === undefined ? '' : spent(step.durationMicros);
    const bar = /** @type {HTMLElement} */ (line.firstElementChild);
    bar.hidden = !step?.startedAt;
    if (!step?.startedAt) return;
    const whole = Math.max(1, span[1] - span[0]);
    const from = (Date.parse(step.startedAt) - span[0]) / whole;
    const to = step.endedAt ? (Date.parse(step.endedAt) - span[0]) / whole : 1;
    bar.className = `bar-line ${sign}`;
    bar.style.left = `${Math.min(99, from * 100)}%`;
    bar.style.width = `${Math.max(1, (to - from) * 100)}%`;
  };
  const draw = () => {
    const first = Math.max(0, Math.floor(grid.scrollTop / ROW) - 4);
    const count = Math.min(total - first, Math.ceil(grid.clientHeight / ROW) + 8);
    const steps = Array.from({ length: count }, (_, offset) => at(first + offset));
    const times = steps.flatMap((step) => [step?.startedAt, step?.endedAt]).filter((it) => it !== undefined).map((it) => Date.parse(it));
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
      if (offset < count) fill(row, first + offset, steps[offset], span);
    }
  };
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
  draw();
}

/** @param {number} micros */
function spent(micros) {
  if (micros < 1000) return `${micros} µs`;
  if (micros < 1e6) return `${Math.floor(micros / 1000)} ms`;
  return `${(micros / 1e6).toFixed(1)} s`;
}

// ---------------------------------------------------------------------------------------------------------------
// The record of a run, checked here (docs/record-format.md): bytes, order, chain, end, and the signed log

/** @param {Uint8Array} bytes */
const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
/** @param {string} text */
const unhex = (text) => Uint8Array.from(text.replace(/^sha256:/, '').match(/../g) ?? [], (pair) => parseInt(pair, 16));
/** @param {string} text */
const unbase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** SHA-256 over a first byte and what follows it. @param {number} first @param {Uint8Array[]} rest */
async function hash(first, ...rest) {
  const whole = new Uint8Array(1 + rest.reduce((sum, part) => sum + part.length, 0));
  whole[0] = first;
  let at = 1;
  for (const part of rest) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
}

/** The one spelling that a document has (section 1). @param {any} value @returns {string} */
function spelled(value) {
  if (Array.isArray(value)) return `[${value.map(spelled).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const order = (/** @type {string} */ a, /** @type {string} */ b) => {
    const [one, other] = [[...a], [...b]];
    for (let i = 0; i < Math.min(one.length, other.length); i += 1) {
      const by = (one[i]?.codePointAt(0) ?? 0) - (other[i]?.codePointAt(0) ?? 0);
      if (by) return by;
    }
    return one.length - other.length;
  };
  return `{${Object.keys(value).sort(order).map((key) => `${JSON.stringify(key)}:${spelled(value[key])}`).join(',')}}`;
}

/** @typedef {{ events: number, brokenAt?: number, because?: string, head?: Uint8Array, ended: boolean }} Chain */

/** Every event of a run: its spelling, its place, and that it names the one before it. @param {Uint8Array} bytes @param {string} run
 *  @returns {Promise<Chain>} */
async function chain(bytes, run) {
  const lines = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(10, from);
    lines.push(bytes.subarray(from, end < 0 ? bytes.length : end));
    from = end < 0 ? bytes.length : end + 1;
  }
  const leaves = await Promise.all(lines.map((line) => hash(0, line)));
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let ended = false;
  for (const [seq, line] of lines.entries()) {
    const broken = (/** @type {string} */ because, at = seq) => ({ events: lines.length, brokenAt: at, because, ended });
    let event;
    let text;
    try {
      text = decoder.decode(line);
      event = JSON.parse(text);
    } catch {
      return broken('it cannot be read');
    }
    if (spelled(event) !== text) return broken('it is not spelled as it was stored');
    if (event.seq !== seq || event.stream !== run) return broken(`it is #${event.seq} of ${event.stream}`);
    const before = seq === 0 ? null : `sha256:${hex(/** @type {Uint8Array} */ (leaves[seq - 1]))}`;
    if (event.prev !== before) return broken('its content does not match the hash that the next event names', Math.max(0, seq - 1));
    if (ended) return broken('it stands after the end of the run');
    ended = ['run.completed', 'run.failed', 'run.cancelled'].includes(event.type);
    const totals = event.body?.totals;
    if (ended && totals && (totals.events !== lines.length || totals.head !== event.prev)) return broken('the end of the run counts other events');
  }
  return { events: lines.length, head: leaves.at(-1), ended };
}

/** The root that a leaf and the hashes beside its way lead to (RFC 9162, 2.1.3.2). @param {Uint8Array} leaf @param {number} index
 *  @param {number} size @param {string[]} way */
async function root(leaf, index, size, way) {
  let [at, last, here] = [index, size - 1, leaf];
  for (const step of way) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      here = await hash(1, unhex(step), here);
      while (at % 2 === 0 && at !== 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else here = await hash(1, here, unhex(step));
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? here : null;
}

/** Whether one of these keys signed the note (c2sp.org/signed-note). Undefined where this browser knows no Ed25519.
 *  @param {string} note @param {string[]} keys */
async function signed(note, keys) {
  const [text, signatures] = [note.slice(0, note.indexOf('\n\n') + 1), note.slice(note.indexOf('\n\n') + 2).split('\n')];
  for (const key of keys) {
    const [name, id, material] = [key.split('+')[0], key.split('+')[1], unbase64(key.split('+').slice(2).join('+'))];
    for (const line of signatures) {
      const [dash, by, value] = line.split(' ');
      if (dash !== '—' || by !== name || !value) continue;
      const bytes = unbase64(value);
      if (hex(bytes.subarray(0, 4)) !== id) continue;
      const imported = await crypto.subtle.importKey('raw', material.subarray(1), 'Ed25519', false, ['verify']).catch(() => null);
      if (!imported) return undefined;
      if (await crypto.subtle.verify('Ed25519', imported, bytes.subarray(4), new TextEncoder().encode(text))) return true;
    }
  }
  return false;
}

/** Checks a run and says what was found. @param {string} run */
async function verify(run) {
  const began = performance.now();
  const [record, told] = await Promise.all([
    fetch(`/studio/runs/${run}/events.jsonl`, { cache: 'no-store' }).then((answer) => answer.arrayBuffer()),
    fetch(`/studio/runs/${run}/proof`, { cache: 'no-store' }).then((answer) => answer.json()),
  ]);
  const found = await chain(new Uint8Array(record), run);
  /** @type {{ level: string, lines: [string, string][] }} */
  const verdict = { level: 'intact', lines: [] };
  const add = (/** @type {boolean | undefined} */ good, /** @type {string} */ text) => verdict.lines.push([good === undefined ? '○' : good ? '✓' : '✗', text]);
  if (found.brokenAt !== undefined) {
    verdict.level = 'broken';
    add(false, `event #${found.brokenAt}: ${found.because}`);
  } else {
    add(true, `${found.events} of ${found.events} events are as they were written and follow one another`);
    add(found.ended || undefined, found.ended ? 'the last event ends the run and counts all before it' : 'the run has not ended');
    const { proof, checkpoint, keys } = told;
    const inclusion = proof?.inclusion;
    if (inclusion && found.head) {
      const top = await root(found.head, inclusion.leafIndex, proof.treeSize, inclusion.hashes);
      const size = Number(checkpoint.note.split('\n')[1]);
      const fits = top !== null && size === proof.treeSize && hex(top) === hex(unbase64(checkpoint.note.split('\n')[2]));
      add(fits, `the newest event ${fits ? 'stands' : 'does not stand'} in the log of ${size} entries`);
      const by = await signed(checkpoint.note, (keys?.keys ?? []).map((/** @type {{ key: string }} */ it) => it.key));
      add(by, by === undefined ? 'this browser cannot check Ed25519 signatures' : `the head of the log is ${by ? '' : 'not '}signed by ${checkpoint.keyId}`);
      if (!fits || by === false) verdict.level = 'broken';
      else if (by) verdict.level = 'signed';
    } else add(undefined, 'the newest event is not in a signed head of the log yet');
    add(undefined, 'no witness was asked: the log’s owner could show others another history');
  }
  return { ...verdict, brokenAt: found.brokenAt, took: Math.round(performance.now() - began) };
}

/** @param {HTMLElement} button */
async function check(button) {
  const place = $('[data-verdict]');
  if (!place) return;
  place.replaceChildren(make('p', {}, 'Computing…'));
  const run = button.dataset.verify ?? '';
  if (!globalThis.crypto?.subtle) {
    return place.replaceChildren(make('p', { class: 'note' }, 'Browsers compute hashes only on this machine or over HTTPS. In a terminal: affiant audit verify'));
  }
  const verdict = await verify(run).catch((error) => ({ level: 'incomplete', lines: [['○', String(error)]], took: 0, brokenAt: undefined }));
  const words = { intact: 'Intact', signed: 'Intact and signed', broken: 'Broken', incomplete: 'Could not be checked' };
  const list = verdict.lines.map(([sign, text]) => make('li', {}, `${sign} ${text}`));
  const name = words[/** @type {keyof typeof words} */ (verdict.level)];
  place.replaceChildren(make('div', { class: `note ${verdict.level === 'broken' ? 'broken' : 'intact'}`, 'data-level': verdict.level, ...(verdict.brokenAt === undefined ? {} : { 'data-broken-at': String(verdict.brokenAt) }) },
    make('strong', {}, `${name}: checked here at ${new Date().toLocaleTimeString()}, in ${verdict.took} ms`), make('ul', { class: 'checks' }, ...list)));
}

// ---------------------------------------------------------------------------------------------------------------
// Small things

function start() {
  times();
  follow();
  document.addEventListener('keydown', pressed);
  // Ids and digests are copied by a click.
  document.addEventListener('click', (event) => {
    const id = /** @type {HTMLElement} */ (event.target).closest('[data-id]');
    if (id instanceof HTMLElement && !id.closest('a')) copy(id.dataset.id ?? '');
  });
  for (const table of $$('[data-steps]')) longRun(table);
  for (const button of $$('[data-verify]')) button.addEventListener('click', () => check(button));
  // What must be opened before a decision is ticked by opening it.
  for (const more of $$('details[data-must-open]')) {
    const tick = /** @type {HTMLInputElement | null} */ ($('input[name="seen"]'));
    more.addEventListener('toggle', () => { if (tick && /** @type {HTMLDetailsElement} */ (more).open) tick.checked = true; });
  }
}

start();
