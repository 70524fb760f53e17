// Keys for whoever works through a queue, and the sum of what is selected. Everything here is a short
// way to links, boxes and buttons that are on the page: without this file nothing is missing.
'use strict';
{
  const OFF = 'hongbao.keys-off';
  const one = (css, within = document) => within.querySelector(css);
  const all = (css, within = document) => [...within.querySelectorAll(css)];
  const dialog = one('#keys');
  const off = one('#keys-off');

  // --- rows of a list

  const rows = () => all('#result_list tbody tr');
  const here = () => one('#result_list tr.is-here');

  function goTo(row) {
    if (!row) return;
    here()?.classList.remove('is-here');
    row.classList.add('is-here');
    one('th a, td a', row)?.focus();
    row.scrollIntoView({ block: 'nearest' });
  }

  function step(by) {
    const way = one(by > 0 ? '[data-go=next]' : '[data-go=previous]');
    if (way) return way.click();
    const listed = rows();
    const at = listed.indexOf(here());
    goTo(listed[at < 0 ? 0 : Math.min(Math.max(at + by, 0), listed.length - 1)]);
  }

  // --- keys

  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    x: () => one('input.action-select', here() ?? document.createElement('p'))?.click(),
    u: () => one('[data-go=list]')?.click(),
    '/': () => one('#find input')?.focus(),
    '?': open,
  };

  function press(key) {
    const place = rows().length ? here() : one('.dossier-acts');
    return place && one(`[data-key="${CSS.escape(key)}"]`, place);
  }

  const isTyping = (at) => at.closest('input:not([type=checkbox]), textarea, select, [contenteditable]');

  document.addEventListener('keydown', (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(target) || dialog?.open || localStorage.getItem(OFF)) return;
    const button = /^[a-z]$/.test(key) && press(key);
    const act = button ? () => button.click() : KEYS[key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  // --- the help

  function open() {
    const told = one('tbody', dialog);
    all('tr[data-own]', told).forEach((row) => row.remove());
    const own = new Map(all('[data-key]').map((each) => [each.dataset.key, each.textContent.trim()]));
    for (const [key, title] of own) {
      const row = told.insertRow();
      row.dataset.own = '';
      row.insertCell().append(Object.assign(document.createElement('kbd'), { textContent: key }));
      row.insertCell().append(title);
    }
    off.checked = !localStorage.getItem(OFF);
    dialog.showModal();
  }

  one('#keys-open')?.addEventListener('click', open);
  off?.addEventListener('change', () => {
    if (off.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, '1');
  });

  // --- what is selected: yuan as whole fen, never as a fraction

  const fen = (text) => BigInt(text.replace(/[^\d-]/g, ''));
  const AMOUNT = '.field-amount .yuan, .field-balance .yuan, .field-total_money .yuan';

  function sum() {
    const output = one('#selected-sum');
    if (!output) return;
    const chosen = all('#result_list input.action-select:checked');
    const amounts = chosen.map((box) => one(AMOUNT, box.closest('tr'))?.textContent ?? '');
    const known = amounts.filter((text) => /\d\.\d\d$/.test(text.trim())).map(fen);
    const digits = String(known.reduce((a, b) => a + b, 0n)).padStart(3, '0');
    const yuan = `${digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ',')}.${digits.slice(-2)}`;
    output.textContent = known.length ? `${output.dataset.label} ${yuan}` : '';
  }

  // Django's own script sets boxes without an event of theirs.
  const later = () => requestAnimationFrame(sum);
  document.addEventListener('change', later);
  document.addEventListener('click', later);
  later();
}
