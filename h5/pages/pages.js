// Long lists: a page at a time, behind one button that keeps the reader's place.
import { act, el } from './dom.js';
import { t } from './texts.js';

/** `path(cursor)` of a page, `make(item)` of a row; `empty` says that there is nothing. */
export function paged(app, { label, path, make, empty, visit }) {
  const list = el('ul', { class: 'rows', 'aria-labelledby': label });
  const none = el('p', { class: 'note', hidden: true, text: () => t(empty) });
  const slot = el('div', { class: 'slot' });
  const more = el('button', { type: 'button', class: 'quiet', hidden: true, text: () => t('more') });
  let next = null;
  let asked = 0;

  function show(page) {
    list.append(...page.results.map(make));
    next = page.next;
    more.hidden = !next;
    none.hidden = list.children.length > 0;
    list.hidden = list.children.length === 0;
  }

  more.addEventListener('click', () => act(more, slot, async () => {
    const before = list.children.length;
    const mine = asked;
    try {
      const page = await app.read(path(next));
      if (visit.left || mine !== asked) return null;
      show(page);
    } catch (failure) {
      if (failure.code === 'session') app.sessionOver();
      return failure.code === 'session' ? null : app.words(failure);
    }
    const row = list.children[before];
    if (row && more.hidden) {
      row.tabIndex = -1;
      row.focus();
    }
    return null;
  }));

  return {
    nodes: [list, none, slot, el('div', { class: 'ways' }, more)],
    /** From the beginning; throws when it cannot be read. */
    async load(onWait) {
      asked += 1;
      const mine = asked;
      const page = await app.read(path(''), onWait);
      if (visit.left || mine !== asked) return;
      list.replaceChildren();
      show(page);
    },
  };
}

export const withCursor = (path, cursor) => (cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path);

/** A native select with its label. */
export function choice(label, options, chosen, changed) {
  const select = el('select', { id: 'choice' }, options.map(([value, text]) => el('option', { value, text })));
  select.value = chosen;
  select.addEventListener('change', () => changed(select.value));
  return el('div', { class: 'pick' }, el('label', { for: 'choice', text: label }), select);
}
