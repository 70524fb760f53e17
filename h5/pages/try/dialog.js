// Dialogs over a phone: what is below is out of reach until they are closed.
import { el } from '../dom.js';
import { t } from './words.js';

const stack = []; // {node, escape}

export function open(label, nodes, { escape, closed = () => {} }) {
  const before = document.activeElement;
  const node = el('div', { role: 'dialog', 'aria-modal': 'true', class: `dialog ${label}`, 'aria-label': () => t(label) }, nodes);
  const entry = { node, escape };
  document.body.append(node);
  stack.push(entry);
  guard();
  node.querySelector('button').focus();
  return {
    close() {
      if (!stack.includes(entry)) return;
      stack.splice(stack.indexOf(entry), 1);
      node.remove();
      guard();
      closed();
      if (before && before.isConnected) before.focus();
    },
  };
}

function guard() {
  const top = stack.length ? stack[stack.length - 1].node : document.getElementById('phone');
  for (const node of document.body.children) node.inert = node !== top;
}

addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && stack.length) stack[stack.length - 1].escape();
});
