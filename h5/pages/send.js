// Put money in: a group's packet, or one person's.
import { avatar, called, el, live, name, say } from './dom.js';
import { complain, dueLine, field, fromService, radios, submit } from './form.js';
import { count, fenOf, parse, show } from './money.js';
import { parts, span, t } from './texts.js';
import { unsure } from './channel.js';

const ID = /^[A-Za-z0-9_.:@-]{1,64}$/;
const CHOSEN_MAX = 10;
const WISH = '恭喜发财，大吉大利';
const isId = (id) => ID.test(id) && id !== '.' && id !== '..';

export function open(app, { visit, notify }) {
  const asked = new URLSearchParams(location.search);
  const way = asked.get('for');
  const id = asked.get('id') || '';
  let form = null;

  async function load() {
    try {
      const [session, group] = await Promise.all([
        app.session(), way === 'group' ? app.read(`/groups/${encodeURIComponent(id)}`, notify) : null,
      ]);
      if (visit.left) return;
      form = draw(app, { way, id, session, members: group && group.number });
    } catch (failure) {
      if (visit.left) return;
      if (failure.status === 404) app.missing('no_group');
      else app.fail(failure, () => { app.loading(); load(); });
    }
  }

  if (!['group', 'user'].includes(way) || !isId(id)) app.missing('incomplete');
  else load();
  return {
    refresh: () => { if (!form && isId(id)) load(); },
    hosted: () => form && form.hosted(),
  };
}

function draw(app, { way, id, session, members }) {
  const { limits } = session;
  const name_ = `${way}:${id}`;
  const typed = app.forms.get(name_) || { kind: way === 'group' ? 'lucky' : 'personal', number: '', money: '', intro: '', chosen: [] };
  app.forms.set(name_, typed);
  const isLucky = () => typed.kind === 'lucky';
  const isExclusive = () => typed.kind === 'exclusive';

  const top = el('div', { class: 'slot' });
  const slot = el('div', { class: 'slot' });
  const form = el('form', { novalidate: true, class: 'form' });
  const kinds = radios('kind', () => t('kind'), [
    { value: 'lucky', label: () => t('kind_lucky') }, { value: 'equal', label: () => t('kind_equal') },
    { value: 'exclusive', label: () => t('kind_exclusive') },
  ], typed.kind, (kind) => { typed.kind = kind; changed(); });
  const number = field(() => t('how_many'), { mode: 'numeric', value: typed.number, hint: () => t('members', { n: members || 0 }) });
  const money = field(() => moneyLabel(), { mode: 'decimal', value: typed.money, type: 'money' });
  const intro = field(() => t('greeting'), { value: typed.intro, placeholder: WISH, type: 'words' });
  const people = choices(app, typed, changed);
  const due = dueLine();
  const inputs = [number.input, money.input, intro.input, people.input];

  function moneyLabel() {
    if (way === 'user') return t('money');
    return t(isLucky() ? 'total' : 'each');
  }

  /** How many shares; null: not said yet, or wrong. */
  function shares() {
    if (way === 'user') return 1;
    return isExclusive() ? typed.chosen.length || null : count(typed.number) || null;
  }

  function total() {
    const fen = parse(typed.money);
    if (fen === null) return 0;
    if (isLucky()) return fen;
    return fen * (shares() || 0);
  }

  /** The first thing that is wrong; on press also what is missing. */
  function wrong(isPressed) {
    const n = shares();
    const fen = parse(typed.money);
    const about = (input, key, values) => ({ input, says: () => t(key, values) });
    if (way === 'group' && isExclusive()) {
      if (typed.chosen.length > CHOSEN_MAX || (isPressed && !n)) return about(people.input, 'choose');
    } else if (way === 'group') {
      const many = count(typed.number);
      if (!typed.number.trim() || many === 0) {
        if (isPressed) return about(number.input, 'say_how_many');
      } else if (many === null) return about(number.input, 'whole');
      else if (many > limits.shares_max) return about(number.input, 'many_max', { n: limits.shares_max });
      else if (many > members) return about(number.input, 'group_max', { n: members });
    }
    if (!typed.money.trim()) {
      if (isPressed) return about(money.input, 'say_money');
    } else if (fen === null) return about(money.input, 'no_money');
    else {
      const parts_ = isLucky() ? n : 1;
      if (parts_ && fen > fenOf(limits.share_max) * parts_) return about(money.input, 'share_max', { money: limits.share_max });
      if (parts_ && fen < fenOf(limits.share_min) * parts_) return about(money.input, 'share_min', { money: limits.share_min });
    }
    if ([...typed.intro].length > limits.intro_max) return about(intro.input, 'intro_max', { n: limits.intro_max });
    return null;
  }

  function complaint(isPressed) {
    const found = wrong(isPressed);
    complain(top, found, inputs);
    return found;
  }

  function changed() {
    number.box.hidden = way === 'user' || isExclusive();
    people.box.hidden = !isExclusive();
    say(money.caption, moneyLabel);
    due.set(total());
    complaint(false);
    live(slot, 'alert', null);
    button.pale(Boolean(wrong(true)));
  }

  function body() {
    const fen = show(parse(typed.money));
    const intro_ = typed.intro.trim() ? { intro: typed.intro } : {};
    const common = { type: typed.kind, for_id: id, ...intro_ };
    if (isLucky()) return { ...common, number: shares(), total_money: fen };
    if (isExclusive()) return { ...common, for_users: typed.chosen.map((one) => one.user_id), single_money: fen };
    return { ...common, ...(way === 'group' ? { number: shares() } : {}), single_money: fen };
  }

  async function work() {
    const wish = body();
    try {
      const packet = await app.post('/packets', wish, app.key(`send ${name_}`, wish), app.countDown(slot));
      app.made.set(packet.id, `send ${name_}`);
      app.go(`/h5/pay/${packet.id}`);
      return null;
    } catch (failure) {
      const fault = fromService(failure, {
        number: number.input, total_money: money.input, single_money: money.input, intro: intro.input, for_users: people.input,
      });
      if (!fault) return unsure(app, failure);
      complain(top, fault, inputs);
      if (fault.input) fault.input.focus();
      return null;
    }
  }

  for (const [key, one] of [['number', number], ['money', money], ['intro', intro]]) {
    one.input.addEventListener('input', () => { typed[key] = one.input.value; changed(); });
    one.input.addEventListener('blur', () => { typed[key] = one.input.value; });
  }
  const button = submit(() => t('put_in'), { form, slot, complaint, work });
  const peer = () => ({ user_id: id, nickname: app.host.peer && app.host.peer.name });
  form.append(
    way === 'group' ? kinds : el('p', { class: 'to', text: () => parts('to', { name: name(called(peer())) }) }),
    ...(way === 'group' ? [number.box, people.box] : []),
    money.box, intro.box, due.box, slot, button,
    el('p', { class: 'note', text: () => t('comes_back', { span: span(session.expire_s) }) }),
    el('div', { class: 'ways' }, app.link('/h5/records', 'records', 'quiet')),
  );
  app.face('send', 'send');
  app.show(el('h1', { tabindex: '-1', class: 'top', text: () => t('send') }), top, form);
  changed();
  return { hosted: people.hosted };
}

/** Whom an exclusive packet is for: the members that the host has named, else ids one at a time. */
function choices(app, typed, changed) {
  const list = el('div', { class: 'people' });
  const adding = field(() => t('user_id'));
  const add = el('button', { type: 'button', class: 'quiet', text: () => t('add') });
  const slot = el('div');
  const more = el('div', { class: 'adding' }, adding.box, add, slot);
  const box = el('div', { role: 'group', 'aria-labelledby': 'whom', class: 'radios' },
    el('p', { id: 'whom', class: 'caption', text: () => t('for_whom') }), list, more);
  const found = () => (app.host.group ? app.host.group.members : []).filter((one) => one.user_id !== app.caller());

  function toggle(person, isChosen) {
    typed.chosen = typed.chosen.filter((one) => one.user_id !== person.user_id);
    if (isChosen) typed.chosen.push({ user_id: person.user_id, nickname: person.nickname });
    changed();
  }

  function draw_() {
    const known = found();
    more.hidden = known.length > 0;
    const others = typed.chosen.filter((one) => !known.some((other) => other.user_id === one.user_id));
    list.replaceChildren(...[...known, ...others].map((person, at) => {
      const input = el('input', { type: 'checkbox', id: `p${at}` });
      input.checked = typed.chosen.some((one) => one.user_id === person.user_id);
      input.addEventListener('change', () => toggle(person, input.checked));
      return el('div', { class: 'choice' }, input, el('label', { for: input.id }, avatar(person), name(called(person))));
    }));
  }

  add.addEventListener('click', () => {
    const id = adding.input.value.trim();
    if (!isId(id)) {
      live(slot, 'alert', () => t('wrong_user'));
      adding.input.focus();
      return;
    }
    live(slot, 'alert', null);
    adding.input.value = '';
    toggle({ user_id: id, nickname: null }, true);
    draw_();
    adding.input.focus();
  });
  adding.input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !adding.input.value) return;
    event.preventDefault();
    add.click();
  });
  draw_();
  return {
    box,
    hosted: draw_,
    get input() { return list.querySelector('input') || adding.input; },
  };
}
