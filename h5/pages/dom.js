// Nodes are built once; afterwards their texts and attributes are set. A text is a function, so that
// another language is a walk over the page and loses neither input nor focus.
import { parts, t } from './texts.js';
import { meta } from './bridge.js';

const spoken = new WeakMap(); // node -> Map(attribute, or '' for its content -> function)

/** el('p', {class: 'x', text: () => t('loading'), on: {click}}, ...children) */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === 'text') say(node, value);
    else if (name === 'on') for (const [type, run] of Object.entries(value)) node.addEventListener(type, run);
    else if (typeof value === 'function') say(node, value, name);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A text, or a list of texts and nodes, for the node or one of its attributes. */
export function say(node, make, attribute = '') {
  if (!spoken.has(node)) spoken.set(node, new Map());
  spoken.get(node).set(attribute, typeof make === 'function' ? make : () => make);
  put(node, attribute);
}

function put(node, attribute) {
  const said = spoken.get(node).get(attribute)();
  if (attribute) {
    if (node.getAttribute(attribute) !== said) node.setAttribute(attribute, said);
  } else if (Array.isArray(said)) node.replaceChildren(...said);
  else if (node.textContent !== String(said)) node.textContent = said;
}

export function sayAgain(root = document.body) {
  for (const node of [root, ...root.querySelectorAll('*')]) {
    for (const attribute of (spoken.get(node) || new Map()).keys()) put(node, attribute);
  }
}

/** Rows by key: kept while they stay, so that nobody loses his place. */
export function rows(list, items, keyOf, make) {
  const old = list.known || new Map();
  list.known = new Map();
  items.forEach((item, at) => {
    const key = keyOf(item);
    const row = old.get(key) || make(item);
    list.known.set(key, row);
    if (list.children[at] !== row) list.insertBefore(row, list.children[at] || null);
  });
  while (list.children.length > items.length) list.lastChild.remove();
}

/** A live region that exists while it says something. */
export function live(slot, role, make) {
  const last = slot.querySelector(`:scope > [role=${role}]`);
  if (!make) {
    if (last) last.remove();
    return;
  }
  // What says the same once more is said again: a reader hears of new nodes.
  const node = el('p', { role, class: role, text: make });
  if (last) last.replaceWith(node);
  else slot.append(node);
}

const VISIBLE = /[^\p{C}\p{Z}\p{Mn}\u115f\u1160\u3164\uffa0\u2800]/u;

/** What stands for a person: his nickname where it can be seen, else his id. */
export const called = (user) => (user.nickname && VISIBLE.test(user.nickname) ? user.nickname : user.user_id);

/** Somebody's own words among ours: isolated, so that they turn nothing around. */
export const name = (text) => el('bdi', { class: 'name' }, text);
/** A sentence of the service, with the words of others in it isolated, in their order. */
export function isolated(text, words) {
  let rest = text;
  const made = words.flatMap((word) => {
    const at = rest.indexOf(word);
    if (at < 0) return [];
    const before = rest.slice(0, at);
    rest = rest.slice(at + word.length);
    return [before, name(word)];
  });
  return [...made, rest];
}
export const withName = (key, user, node = 'name') => parts(key, { [node]: name(called(user)) });

const pictures = meta('hongbao-avatars');

function isPicture(address) {
  if (/^data:image\/(png|jpeg|gif|webp)[;,]/.test(address || '')) return true;
  try {
    return pictures.includes(new URL(address).origin);
  } catch {
    return false;
  }
}

export function avatar(user, size = 40) {
  const letter = [...called(user)].find((character) => VISIBLE.test(character)) || '·';
  let colour = 0;
  for (const character of user.user_id) colour = (colour * 31 + character.codePointAt(0)) % 8;
  const blank = el('span', { class: `face hue${colour} size${size}`, 'aria-hidden': 'true' }, letter);
  if (!isPicture(user.avatar)) return blank;
  return el('img', {
    class: `face size${size}`, alt: '', width: size, height: size, loading: 'lazy',
    referrerpolicy: 'no-referrer', src: user.avatar, on: { error: (event) => event.target.replaceWith(blank) },
  });
}

export const yuan = (money) => () => t('yuan', { money });

/** One action, one request: taps while it runs are not heard, and the button keeps its focus.
 *  `work` gives the alert to show (a function), or nothing. */
export async function act(button, slot, work) {
  if (button.getAttribute('aria-busy') === 'true') return;
  button.setAttribute('aria-busy', 'true');
  const pale = button.getAttribute('aria-disabled');
  button.setAttribute('aria-disabled', 'true');
  live(slot, 'alert', null);
  const slow = setTimeout(() => live(slot, 'status', () => t('slow')), 1000);
  let says;
  try {
    says = await work();
  } finally {
    clearTimeout(slow);
    live(slot, 'status', null);
    button.removeAttribute('aria-busy');
    if (pale === null) button.removeAttribute('aria-disabled');
    else button.setAttribute('aria-disabled', pale);
  }
  if (says) live(slot, 'alert', says);
}
