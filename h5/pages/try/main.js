// The desk at /try/: phones side by side, and what happens to all of them. The chat server's news are
// read here, once for all; a phone gets them by message, as a chat app gets its own.
import { el, say, sayAgain } from '../dom.js';
import { isLanguage, language, speak } from '../texts.js';
import { ask, dress, t } from './words.js';

const FIRST = 3;
const MOST = 6;
const WAIT_S = 10;
const ENDS = ['packet.finished', 'packet.expired', 'packet.voided'];

const given = new URLSearchParams(location.search).get('lang');
const look = { lang: isLanguage(given) ? given : navigator.language, theme: 'auto', size: 100 };
const status = el('p', { role: 'status', class: 'told' });
const phones = el('div', { class: 'phones' });
const add = button('add', () => { shown += 1; draw(); });
let play = null; // what `start` has said, and the news since
let shown = FIRST;
let run = 0;

function button(key, press) {
  const made = el('button', { type: 'button', class: 'second', text: () => t(key) });
  made.addEventListener('click', async () => {
    if (made.getAttribute('aria-disabled') === 'true') return;
    made.setAttribute('aria-disabled', 'true');
    try {
      await press();
    } catch {
      tell(() => t('failed'));
    } finally {
      made.removeAttribute('aria-disabled');
    }
  });
  return made;
}

function pick(key, options, chosen, change) {
  const select = el('select', { id: key }, options.map(([value, text, lang]) => el('option', { value, text, lang })));
  select.value = chosen;
  select.addEventListener('change', () => { change(select.value); dressAll(); });
  return el('div', { class: 'pick' }, el('label', { for: key, text: () => t(key) }), select);
}

const tell = (make) => say(status, make);

function dressAll() {
  speak(look.lang);
  dress({ theme: look.theme });
  say(document.querySelector('title'), () => t('try_it'));
  sayAgain();
  for (const frame of phones.querySelectorAll('iframe')) post(frame, 'dress', { look });
}

function post(frame, kind, data) {
  if (frame.contentWindow) frame.contentWindow.postMessage({ desk: kind, ...data }, location.origin);
}

const people = () => play.people.slice(0, shown);

/** Phones that are there stay as they are. */
function draw() {
  people().slice(phones.children.length).forEach((me) => {
    phones.append(el('iframe', {
      src: '/try/phone', class: 'phone', title: () => t('phone', { name: me.nickname }), 'data-user': me.user_id,
    }));
  });
  for (const frame of phones.children) post(frame, 'people', { people: people() });
  add.hidden = shown >= MOST;
}

async function start() {
  run += 1;
  const mine = run;
  tell(() => t('starting'));
  phones.replaceChildren();
  play = null;
  const { status: code, body } = await ask('/try/api/start', { phones: MOST });
  if (code !== 201) return tell(() => t('not_started'));
  if (mine !== run) return undefined;
  play = { ...body, news: [] };
  shown = FIRST;
  tell(() => '');
  draw();
  listen(mine);
  return undefined;
}

async function listen(mine) {
  let after = play.after;
  while (mine === run) {
    const began = Date.now();
    let found = [];
    try {
      const { status: code, body } = await ask(`/try/api/feed?group=${play.group}&after=${after}&wait=${WAIT_S}`);
      if (mine !== run) return;
      if (code === 200) {
        after = body.next;
        found = body.results;
      }
    } catch { /* the next one will tell */ }
    if (found.length) hear(found);
    else if (Date.now() - began < 1000) await new Promise((done) => { setTimeout(done, 1000); });
  }
}

function hear(news) {
  play.news.push(...news);
  for (const frame of phones.children) post(frame, 'news', { news });
  for (const { type, data } of news) if (type === 'try.crowd') raced(data);
}

function raced({ bots: n, done, got, late, failed, took_s: s }) {
  if (done < n) tell(() => t('racing', { n, done }));
  else tell(() => t(failed ? 'raced_some' : 'raced', { n, got, late, failed, s }));
}

/** The newest packet that still runs, or one that a crowd can race for. */
function newest(isForAll) {
  const ended = new Set(play.news.filter(({ type }) => ENDS.includes(type)).map(({ data }) => data.packet));
  const open = play.news.filter(({ type, data }) => type === 'packet.issued' && !ended.has(data.packet)
    && (!isForAll || ['lucky', 'equal'].includes(data.type)));
  return open.length ? open[open.length - 1].data.packet : null;
}

async function sendCrowd() {
  const packet = play && newest(true);
  if (!packet) return tell(() => t('none_open'));
  const { status: code } = await ask('/try/api/crowd', { packet });
  if (code === 409) return tell(() => t('crowded'));
  if (code !== 202) tell(() => t('failed'));
  return undefined;
}

async function later() {
  const packet = play && newest(false);
  if (!packet) return tell(() => t('none_left'));
  const { status: code, body } = await ask('/try/api/later', { packet });
  if (code === 200) return tell(() => t('returned', { money: body.return_money }));
  return tell(() => t(code === 409 ? 'none_left' : 'failed'));
}

addEventListener('message', (event) => {
  const frame = [...phones.children].find((one) => one.contentWindow === event.source);
  if (!frame || event.origin !== location.origin || event.data.phone !== 'hello' || !play) return;
  const me = play.people.find((one) => one.user_id === frame.dataset.user);
  const { group, number, news } = play;
  post(frame, 'begin', { group, number, news, me, people: people(), look });
});
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', dressAll);

speak(look.lang);
document.getElementById('desk').append(
  el('h1', { text: () => t('try_it') }),
  el('p', { class: 'about', text: () => t('about') }),
  el('div', { class: 'tools' }, button('crowd', sendCrowd), button('later', later), add, button('over', start)),
  el('div', { class: 'tools' },
    pick('language', [['zh-Hans', '中文', 'zh-Hans'], ['en', 'English', 'en']], language(), (value) => { look.lang = value; }),
    pick('theme', ['auto', 'light', 'dark'].map((one) => [one, () => t(one)]), 'auto', (value) => { look.theme = value; }),
    pick('size', [100, 150, 200].map((one) => [one, () => t(`size_${one}`)]), 100, (value) => { look.size = Number(value); })),
  status, phones,
);
dressAll();
start().catch(() => tell(() => t('not_started')));
