// What forms of amounts share: fields that say what they want, and one alert under the heading.
import { act, el, live, say } from './dom.js';
import { parse, show } from './money.js';
import { t } from './texts.js';

let number = 0;

/** A labelled text box; `hint` describes it. */
export function field(label, { mode = 'text', value = '', hint, placeholder, type } = {}) {
  number += 1;
  const id = `f${number}`;
  const input = el('input', {
    id, type: 'text', inputmode: mode, autocomplete: 'off', dir: type === 'words' ? 'auto' : null,
    placeholder: placeholder || null,
  });
  input.value = value;
  const caption = el('label', { for: id, text: label });
  const about = hint && el('p', { id: `${id}-hint`, class: 'hint', text: hint });
  if (about) input.setAttribute('aria-describedby', about.id);
  if (type === 'money') {
    input.addEventListener('blur', () => {
      const fen = parse(input.value);
      if (fen !== null) input.value = show(fen);
    });
  }
  const box = el('div', { class: 'field' }, caption, input, about || null);
  return { box, input, caption, hint: about };
}

/** Native radios; `choices`: [{value, label, disabled, hint}]. */
export function radios(name, label, choices, chosen, changed) {
  number += 1;
  const id = `r${number}`;
  const group = el('div', { role: 'radiogroup', 'aria-labelledby': id, class: 'radios' },
    el('p', { id, class: 'caption', text: label }));
  const known = new Map();
  for (const choice of choices) {
    const input = el('input', { type: 'radio', name, id: `${id}-${choice.value}`, value: choice.value });
    input.addEventListener('change', () => changed(choice.value));
    const text = el('label', { for: input.id, text: choice.label });
    const hint = el('span', { class: 'hint', id: `${input.id}-hint` });
    group.append(el('div', { class: 'choice' }, input, text, hint));
    known.set(choice.value, { input, text, hint });
  }
  group.choose = (value) => { for (const [key, one] of known) one.input.checked = key === value; };
  group.disable = (value, why) => {
    const { input, hint } = known.get(value);
    input.disabled = Boolean(why);
    say(hint, why || '');
    if (why) input.setAttribute('aria-describedby', hint.id);
    else input.removeAttribute('aria-describedby');
  };
  group.input = (value) => known.get(value).input;
  group.relabel = (value, make) => say(known.get(value).text, make);
  group.choose(chosen);
  return group;
}

/** Marks the field that is meant, and says why; nothing wrong: takes both away. */
export function complain(slot, wrong, fields) {
  for (const input of fields) {
    const isIt = Boolean(wrong && wrong.input === input);
    const others = (input.getAttribute('aria-describedby') || '').split(' ').filter((id) => id && id !== 'problem');
    if (isIt) {
      input.setAttribute('aria-invalid', 'true');
      others.push('problem');
    } else input.removeAttribute('aria-invalid');
    if (others.length) input.setAttribute('aria-describedby', others.join(' '));
    else input.removeAttribute('aria-describedby');
  }
  const key = wrong ? wrong.says() : '';
  if (slot.said === key && (!key || slot.firstChild)) return; // it stands there already
  slot.said = key;
  live(slot, 'alert', wrong ? wrong.says : null);
  if (wrong) slot.firstChild.id = 'problem';
}

/** The form's own button: pale while something is missing, and says what when pressed. */
export function submit(label, { form, slot, complaint, work }) {
  const button = el('button', { type: 'submit', class: 'main', text: label });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wrong = complaint(true);
    if (wrong) {
      if (wrong.input) wrong.input.focus();
      return;
    }
    act(button, slot, work);
  });
  button.retitle = () => say(button, label);
  button.pale = (isPale) => {
    if (button.getAttribute('aria-busy') === 'true') return;
    if (isPale) button.setAttribute('aria-disabled', 'true');
    else button.removeAttribute('aria-disabled');
  };
  return button;
}

/** The service's own words about a field: the alert, the field, and whether one was meant. */
export function fromService(failure, known) {
  if (failure.status !== 400) return null;
  const named = Object.keys(failure.errors);
  const about = (name) => known[name.split('.')[0]]; // for_users.2
  const at = named.find(about) || named[0];
  if (!at) return null;
  const said = [failure.errors[at]].flat(3).map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return { input: about(at), says: () => said.join(' ') };
}

/** ¥10.00, large and not live; a hidden status says it half a second after the last key. */
export function dueLine() {
  const seen = el('p', { class: 'due', 'aria-hidden': 'true' });
  const heard = el('p', { role: 'status', class: 'unseen', 'aria-label': () => t('due') });
  let timer = 0;
  const set = (fen) => {
    const text = `¥${show(fen)}`;
    seen.textContent = text;
    clearTimeout(timer);
    if (!heard.textContent) heard.textContent = text;
    else timer = setTimeout(() => { heard.textContent = text; }, 500);
  };
  return { box: el('div', { class: 'total' }, el('span', { 'aria-hidden': 'true', text: () => t('due') }), seen, heard), set };
}
