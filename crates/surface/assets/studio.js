// Studio's one script. Every page is complete without it; what it adds is comfort: copied ids, switched times, keys,
// and what has changed since the page was made.
// @ts-check

const $ = (/** @type {string} */ s, /** @type {ParentNode} */ root = document) => /** @type {HTMLElement | null} */ (root.querySelector(s));
const $$ = (/** @type {string} */ s, /** @type {ParentNode} */ root = document) => /** @type {HTMLElement[]} */ ([...root.querySelectorAll(s)]);

/** Says something to people who cannot see it. @param {string} text */
function say(text) {
  let region = $('#said');
  if (!region) {
    region = document.createElement('div');
    region.id = 'said';
    region.className = 'out';
    region.setAttribute('role', 'status');
    document.body.append(region);
  }
  region.textContent = text;
}

// Ids and digests are copied by a click.
document.addEventListener('click', (event) => {
  const id = /** @type {HTMLElement} */ (event.target).closest?.('[data-id]');
  if (!id || id.closest('a')) return;
  const text = /** @type {HTMLElement} */ (id).dataset.id ?? '';
  navigator.clipboard?.writeText(text).then(() => say(`copied ${text}`));
});
