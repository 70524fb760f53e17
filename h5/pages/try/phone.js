// One phone: a group chat, and an ordinary host of the pages under /h5/ (host.js).
import { avatar, called, el, name, rows, say, sayAgain } from '../dom.js';
import { language, speak } from '../texts.js';
import { open as openDialog } from './dialog.js';
import { lineOf } from './lines.js';
import { embed } from './host.js';
import { payment } from './payment.js';
import { ask, dress, has, parts, t } from './words.js';

const RENEW_MS = 30 * 1000;
const ASKED_MAX = 50;

let here = null; // {group, number, me, people, look}
let shown = null; // the page that is open: {host, frame, close}
let token = { text: '', until: 0 };
let asking = 0;
const bubbles = new Map(); // packet -> what /packets/bubbles said
const known = new Map(); // user -> how he is called
const items = []; // of the chat, in order
const list = el('div', { role: 'log', class: 'log', tabindex: '0', 'aria-label': () => t('chat') });
const phone = document.getElementById('phone');

// --- The token: this phone's server gives it

async function freshToken() {
  const { body } = await ask('/try/api/token', { user_id: here.me.user_id });
  token = { text: body.token, until: JSON.parse(atob(body.token.split('.')[1])).exp * 1000 };
  return token.text;
}

async function read(path) {
  if (Date.now() > token.until - RENEW_MS) await freshToken();
  const { status, body } = await ask(`/api/v1${path}`, undefined, { Authorization: `Bearer ${token.text}` });
  return status === 200 ? body : null;
}

// --- The pages

function open(path, more = {}) {
  const frame = el('iframe', { title: () => t('page') });
  const host = embed(frame, location.origin, {
    token: freshToken,
    init: () => ({ lang: language(), theme: here.look.theme, group: groupOf(), ...more }),
    can: {
      pay: (order) => payment(order),
      close: () => dialog.close(),
      'packet-opened': () => look(),
    },
  });
  const away = () => dialog.close();
  const leave = el('button', { type: 'button', class: 'quiet', text: () => t('back'), on: { click: away } });
  const dialog = openDialog('page', [leave, frame], {
    // Where the page has a step to go back, it goes it.
    escape: async () => { if (!await host.back()) dialog.close(); },
    closed() {
      host.stop();
      shown = null;
      look();
    },
  });
  // A WebView's own text size: a page cannot tell it from the machine's.
  frame.addEventListener('load', () => enlarge(frame));
  shown = { host, frame };
  host.open(path);
}

const groupOf = () => ({
  name: t('group'),
  members: here.people.map((one) => ({ user_id: one.user_id, name: one.nickname, avatar: one.avatar })),
});

function enlarge(frame) {
  if (frame.contentDocument) frame.contentDocument.documentElement.style.fontSize = `${here.look.size}%`;
}

function chooseOne() {
  const others = here.people.filter((one) => one.user_id !== here.me.user_id);
  const dialog = openDialog('to_one', [
    el('h2', { text: () => t('to_one') }),
    ...others.map((one) => el('button', {
      type: 'button', class: 'person',
      on: {
        click() {
          dialog.close();
          open(`/h5/send?for=user&id=${encodeURIComponent(one.user_id)}`, { peer: { name: one.nickname, avatar: one.avatar } });
        },
      },
    }, avatar(one), name(called(one)))),
    el('button', { type: 'button', class: 'quiet', text: () => t('cancel'), on: { click: () => dialog.close() } }),
  ], { escape: () => dialog.close() });
}

// --- The chat

const person = (userId) => known.get(userId) || { user_id: userId, nickname: null };

function hear(news) {
  let isUnknown = null;
  for (const { type, data } of news) {
    const isMine = data.user_id === here.me.user_id;
    if (type === 'packet.issued' && (data.for_id === here.group || data.for_id === here.me.user_id || isMine)) {
      items.push({ key: data.packet, packet: data.packet, sender: data.user_id, to: data.for_id });
    }
    const line = lineOf(type, data, here.me.user_id, items);
    if (line) items.push({ key: `line ${items.length}`, ...line });
    if (type === 'packet.grabbed' && data.sender === here.me.user_id && !known.has(data.user_id)) isUnknown = data.packet;
  }
  if (isUnknown) learn(isUnknown);
  look();
  if (shown) shown.host.tell('refresh', {});
}

/** Who the others are, as the packet tells its sender. */
async function learn(packet) {
  const found = await read(`/packets/${packet}`);
  for (const { user } of (found && found.shares) || []) if (user) known.set(user.user_id, user);
  sayAgain(list);
}

/** What each packet is for this viewer now: one request for all, and again for what came meanwhile. */
async function look() {
  asking += 1;
  const mine = asking;
  const ids = items.filter((item) => item.packet).map((item) => item.packet).slice(-ASKED_MAX);
  const found = ids.length ? await read(`/packets/bubbles?ids=${ids.join(',')}`) : { results: [] };
  if (mine !== asking || !found) return;
  for (const one of found.results) {
    bubbles.set(one.id, one);
    known.set(one.sender.user_id, one.sender);
  }
  draw();
}

function draw() {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const chat = items.filter((item) => !item.packet || bubbles.has(item.packet));
  rows(list, chat.length ? chat : [{ key: 'empty' }], (item) => item.key, make);
  sayAgain(list);
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

function make(item) {
  if (item.key === 'empty') return el('p', { class: 'said', text: () => t('empty') });
  if (!item.packet) {
    return el('p', { class: 'said', text: () => parts(item.says, { ...item.with, name: item.who && name(called(person(item.who))) }) });
  }
  const now = () => bubbles.get(item.packet);
  const state = () => t(has(now().bubble) ? now().bubble : 'open');
  const isMine = item.sender === here.me.user_id;
  const bubble = el('button', {
    type: 'button', class: () => `bubble is-${now().bubble}`,
    'aria-label': () => t('bubble', { name: called(now().sender), greeting: now().intro, state: state() }),
    on: { click: () => open(`/h5/packet/${item.packet}`) },
  },
  el('span', { class: 'wish', dir: 'auto', text: () => now().intro }),
  el('span', { class: 'state', text: state }));
  const to = item.to !== here.group && el('p', { class: 'said', text: () => parts('to', { name: name(called(person(item.to))) }) });
  const row = el('div', { class: isMine ? 'row mine' : 'row' }, avatar(now().sender),
    el('div', { class: 'words' }, el('p', { class: 'from' }, name(called(now().sender))), bubble));
  return el('div', {}, to, row);
}

// --- What the desk says

function begin() {
  for (const one of here.people) known.set(one.user_id, one);
  const press = (key, run) => el('button', { type: 'button', text: () => t(key), on: { click: run } });
  phone.replaceChildren(
    el('header', {}, avatar(here.me), el('div', { class: 'words' },
      el('h1', {}, name(called(here.me))), el('p', { class: 'time', text: () => t('people', { n: here.number }) }))),
    list,
    el('div', { class: 'keys' },
      press('send', () => open(`/h5/send?for=group&id=${encodeURIComponent(here.group)}`)),
      press('to_one', chooseOne),
      press('wallet', () => open('/h5/wallet')),
      press('records', () => open('/h5/records'))),
  );
  say(document.querySelector('title'), () => t('phone', { name: called(here.me) }));
  draw();
}

function dressUp(isNew) {
  speak(here.look.lang);
  dress(here.look);
  sayAgain(document);
  if (isNew || !shown) return;
  shown.host.tell('lang', { lang: language() });
  shown.host.tell('theme', { theme: here.look.theme });
  enlarge(shown.frame);
}

addEventListener('message', (event) => {
  if (event.source !== parent || event.origin !== location.origin || !event.data.desk) return;
  const { desk, news, ...data } = event.data;
  if (desk === 'begin' && !here) {
    here = data;
    dressUp(true);
    begin();
    hear(news);
  } else if (here && desk === 'news') hear(news);
  else if (here && desk === 'dress') {
    here.look = data.look;
    dressUp(false);
  } else if (here && desk === 'people') {
    here.people = data.people;
    for (const one of here.people) known.set(one.user_id, one);
  }
});
if (parent !== window) parent.postMessage({ phone: 'hello' }, location.origin);
