// The frame around the screens: which one is shown, where back leads, who is told of it.
// Long, and in one piece: a packet's first page takes nine requests, and each file would be one more
// (docs/decisions/0040).
import * as api from './api.js'; // first: it takes the token out of the address
import * as bridge from './bridge.js';
import { el, live, say, sayAgain } from './dom.js';
import { isLanguage, speak, t } from './texts.js';

const PACKET = 'rp_[a-z2-7]{26}';
const ORDER = 'hb[a-z2-7]{26}';
const ROUTES = [ // path, screen, title; an id that is misshapen is for nobody
  [/^\/h5\/send$/, 'send', 'send'],
  [/^\/h5\/pay\/([^/]+)$/, 'pay', 'pay', PACKET],
  [/^\/h5\/orders\/([^/]+)$/, 'order', 'waiting', ORDER],
  [/^\/h5\/back\/([^/]+)$/, 'order', 'handed_in', ORDER],
  [/^\/h5\/packet\/([^/]+?)(\/details)?$/, 'packet', 'red_packet', PACKET],
  [/^\/h5\/wallet$/, 'wallet', 'wallet'],
  [/^\/h5\/wallet\/topup$/, 'topup', 'topup'],
  [/^\/h5\/records$/, 'records', 'records'],
];
const TOKEN_WAIT = 3000;

const main = document.getElementById('page');
const banners = el('div', { class: 'banners' });
const over = el('div', { class: 'screen' });
let root = el('div', { class: 'screen' });
const given = new URLSearchParams(location.search);
const kept = [['lang', isLanguage(given.get('lang'))], ['theme', /^(light|dark|auto)$/.test(given.get('theme'))]]
  .filter(([, fits]) => fits).map(([name]) => `${name}=${given.get(name)}`);
const dark = matchMedia('(prefers-color-scheme: dark)');
let at = (history.state && history.state.at) || 0;
const trail = [];
let screen = null;
let theme = given.get('theme');
let session = null;
let afterPop = null;
let paused = false;
let offline = false;
let isStarted = false;
let styles = null;

/** What a screen may use of the frame. */
export const app = {
  ...bridge, ...api, main, flow: null, keys: new Map(), forms: new Map(), made: new Map(),
  path: () => location.pathname,
  first: () => at === 0,
  before: () => trail[at - 1],
  /** Sets the face; its h1 is the screen's. */
  face(face, titleKey) {
    if (!over.isConnected) main.dataset.face = face;
    else over.under = face;
    delete main.dataset.code;
    if (titleKey) say(titleElement(), () => t(titleKey));
  },
  /** A whole page: heading, text and controls. */
  page(face, heading, ...nodes) {
    app.face(face);
    app.show(el('div', { class: 'plain' }, el('h1', { tabindex: '-1', text: heading }), ...nodes));
  },
  /** Other nodes; who was among the old ones is taken to the heading of the new. */
  show(...nodes) {
    const wasHere = root.contains(document.activeElement);
    root.replaceChildren(...nodes);
    const h1 = wasHere && root.querySelector('h1');
    if (h1) h1.focus({ preventScroll: true });
  },
  focus() {
    const h1 = main.querySelector(over.isConnected ? '.over h1' : 'h1');
    if (h1) h1.focus({ preventScroll: true });
    scrollTo(0, 0);
  },
  loading() {
    const slot = el('div');
    app.page('loading', () => t('red_packet'), slot);
    setTimeout(() => {
      live(slot, 'status', () => t('loading'));
    }, 300);
    setTimeout(() => {
      const said = slot.querySelector('[role=status]');
      if (said) said.append(el('span', { class: 'line', text: () => t('slow') }));
    }, 1000);
    return (failure, seconds) => {
      if (failure.status === 429) countDown(slot, seconds);
      else if (failure.status === 503) live(slot, 'alert', app.words(failure));
    };
  },
  missing(key) {
    app.page('missing', () => t(key), button('to_chat', () => app.close('user')));
  },
  fail(failure, again) {
    if (failure.code === 'session') return app.sessionOver();
    if (failure.code === 'other_user') return undefined;
    const code = failure.code === 'no_answer' && offline ? 'offline' : failure.code;
    app.page('error', () => t('wrong'), el('p', { role: 'alert', text: app.words(failure) }), button('retry', again));
    main.dataset.code = code || 'unknown';
    return undefined;
  },
  /** What an error is called: section by section the service's code. */
  words(failure) {
    const known = {
      no_answer: 'no_answer', throttled: 'throttled', unavailable: 'unavailable',
      wallet_frozen: 'wallet_frozen', insufficient_balance: 'not_enough', order_closed: 'order_over',
      channel_unavailable_for_purpose: 'no_way', packet_frozen: 'frozen',
    };
    if (failure.code === 'no_answer' && offline) return () => t('offline');
    const key = known[failure.code];
    return () => (key ? t(key) : t('wrong_number', { id: failure.id || app.lastRequest || '-' }));
  },
  banner(make, again) {
    live(banners, 'alert', make);
    const old = banners.querySelector('button');
    if (old) old.remove();
    if (make && again) banners.append(button('retry', again));
  },
  sessionOver() {
    cover('session-over', () => t('session_over'), el('p', { text: () => t('open_again') }),
      button('to_chat', () => app.close('unauthenticated')));
  },
  link(path, key, kind = '') {
    return el('a', { href: address(path), class: kind, text: typeof key === 'string' ? () => t(key) : key });
  },
  button,
  address,
  go(path, replace = false) {
    const to = address(path);
    if (!replace) at += 1;
    history[replace ? 'replaceState' : 'pushState']({ at }, '', to);
    open();
  },
  /** Back to an earlier screen of ours, which then is another one: what lay between is gone. */
  rewind(base, path, then) {
    const settle = () => {
      history.replaceState({ at }, '', address(path));
      trail[at] = path;
      then();
    };
    if (base === null || base >= at) return settle();
    afterPop = settle;
    history.go(base - at);
    return undefined;
  },
  /** What is shown now stays, whatever wakes the page: its screen has done its work. */
  end() {
    if (screen.leave) screen.leave();
    screen = {};
  },
  back() {
    if (at > 0) history.back();
    else app.close(screen && screen.reason ? screen.reason() : 'user');
    return at > 0;
  },
  close(reason) {
    if (bridge.can('close')) bridge.tell('close', { reason });
    else if (at > 0) history.back();
    else cover('done', () => t('may_close'));
  },
  session() {
    session = session || api.read('/session').catch((failure) => { session = null; throw failure; });
    return session;
  },
  /** One key for one form and body; another one when it is dropped. */
  key(form, body) {
    const name = `${form} ${JSON.stringify(body)}`;
    if (!app.keys.has(name)) app.keys.set(name, api.newKey());
    return app.keys.get(name);
  },
  dropKeys(form) {
    for (const name of [...app.keys.keys()]) if (name.startsWith(`${form} `)) app.keys.delete(name);
  },
  /** A packet that is paid or closed leaves neither keys nor a filled form. */
  forget(packet) {
    app.dropKeys(`pay ${packet}`);
    const form = app.made.get(packet);
    if (!form) return;
    app.dropKeys(form);
    app.forms.delete(form.replace('send ', ''));
  },
  haptic: (kind) => { if (bridge.can('haptic')) bridge.tell('haptic', { kind }); },
  countDown: (slot) => (failure, seconds) => { if (failure.status === 429) countDown(slot, seconds); },
  poller,
  calm: () => matchMedia('(prefers-reduced-motion: reduce)').matches,
};
Object.defineProperty(app, 'lastRequest', { get: () => api.lastRequest });
Object.defineProperty(app, 'at', { get: () => at });

function titleElement() {
  return document.querySelector('title');
}

function button(key, run, kind = 'quiet') {
  return el('button', { type: 'button', class: kind, text: () => t(key), on: { click: run } });
}

function address(path) {
  return kept.length ? `${path}${path.includes('?') ? '&' : '?'}${kept.join('&')}` : path;
}

/** "Too fast", with the seconds that are left; said aloud once. */
function countDown(slot, seconds) {
  const until = Date.now() + seconds * 1000;
  live(slot, 'alert', () => t('throttled'));
  const node = slot.querySelector('[role=alert]');
  const left = el('span', { class: 'left', 'aria-hidden': 'true' });
  node.append(left);
  (function tick() {
    const n = Math.ceil((until - Date.now()) / 1000);
    if (!left.isConnected) return;
    if (n <= 0) {
      node.remove();
      return;
    }
    left.textContent = ` ${n}`;
    setTimeout(tick, 250);
  }());
}

/** Covers the screen and keeps it, with what was typed, for when a token comes. */
function cover(face, heading, ...nodes) {
  if (over.isConnected && over.key === face) return;
  over.under = over.isConnected ? over.under : main.dataset.face;
  over.replaceChildren(el('div', { class: 'plain over' }, el('h1', { tabindex: '-1', text: heading }), ...nodes));
  over.key = face;
  root.hidden = true;
  banners.hidden = true;
  main.append(over);
  main.dataset.face = face;
  app.focus();
}

function uncover() {
  if (!over.isConnected) return;
  over.remove();
  root.hidden = false;
  banners.hidden = false;
  if (over.under) main.dataset.face = over.under;
}

/** Reads again and again while somebody looks. `pace(seconds, times)`: seconds until the next. */
function poller(read) {
  let timer = 0;
  let pace = null;
  let name = '';
  let began = 0;
  let times = 0;
  const plan = () => {
    clearTimeout(timer);
    const wait = pace && pace((Date.now() - began) / 1000, times);
    if (!wait || document.hidden || paused || over.isConnected) return;
    timer = setTimeout(() => { if (!paused && !document.hidden) run(); }, wait * 1000 * (0.8 + Math.random() * 0.4));
  };
  const run = async () => {
    clearTimeout(timer);
    times += 1;
    await read();
    plan();
  };
  return {
    /** Goes on in the same way while its name stays. */
    set(wanted, its) {
      if (wanted !== name || !its) {
        began = Date.now();
        times = 0;
      }
      name = wanted;
      pace = its;
      plan();
    },
    now: () => (pace ? run() : undefined),
    stop: () => { pace = null; clearTimeout(timer); },
    plan,
  };
}

function awake() {
  if (!screen || document.hidden || paused) return;
  if (screen.refresh) screen.refresh();
}

async function open() {
  const path = location.pathname;
  if (screen && screen.leave) screen.leave();
  screen = null;
  uncover();
  app.banner(null);
  const found = ROUTES.map(([pattern, ...rest]) => [pattern.exec(path), ...rest]).find(([match]) => match);
  const [match, name, title, id] = found || [null, 'packet', 'red_packet', 'none'];
  const isFirst = trail.length === 0;
  trail[at] = path;
  say(titleElement(), () => t(title));
  root = el('div', { class: 'screen' });
  main.replaceChildren(banners, root);
  const visit = { left: false };
  screen = { leave: () => { visit.left = true; } };
  const misshapen = id && !(match && new RegExp(`^${id}$`).test(decode(match[1])));
  if (misshapen) app.missing(id === ORDER ? 'no_order' : 'no_packet');
  else {
    if (['send', 'topup'].includes(name) || app.flow > at) app.flow = at;
    else if (!['pay', 'order'].includes(name)) app.flow = null;
    else if (app.flow === null) app.flow = at;
    const notify = app.loading();
    const module = await import(`./${name}.js`);
    if (visit.left) return;
    const its = module.open(app, { id: match[1], details: Boolean(match[2]), path, notify, visit });
    screen = { ...its, leave() { visit.left = true; if (its.leave) its.leave(); } };
  }
  bridge.tell('navigate', { path, title: document.title, can_go_back: at > 0 });
  if (!isFirst) app.focus();
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return ''; }
}

/** In a frame nothing is shown to press before a host that we know has spoken. */
function startWithToken() {
  if (isStarted || !api.hasToken() || (bridge.framed && !bridge.host.began)) return;
  isStarted = true;
  open().catch(broken);
}

function noToken() {
  app.page('no-token', () => t('no_token'));
}

function broken(error) {
  if (error instanceof api.Failure && error.code === 'session') app.sessionOver();
  else if (!(error instanceof api.Failure && error.code === 'other_user')) {
    app.fail(error instanceof api.Failure ? error : new api.Failure('unknown'), () => location.reload());
  }
}

function choose(wanted) {
  if (!isLanguage(wanted)) return;
  speak(wanted);
  sayAgain(document.documentElement);
  if (screen && screen.refresh && isStarted) screen.refresh();
}

function dress() {
  const is = theme === 'light' || theme === 'dark' ? theme : (dark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = is;
}

/** Through a rule of our style sheet: the policy knows no style attributes. */
function inset(data) {
  const sheet = document.styleSheets[0];
  if (!styles) styles = sheet.cssRules[sheet.insertRule(':root {}', sheet.cssRules.length)];
  for (const side of ['top', 'right', 'bottom', 'left']) {
    const px = Number(data[side]);
    if (Number.isFinite(px) && px >= 0 && px <= 400) styles.style.setProperty(`--inset-${side}`, `${px}px`);
  }
}

function listen() {
  bridge.on('init', (data) => {
    if (data.insets) inset(data.insets);
    if (data.theme) { theme = data.theme; dress(); }
    if (data.lang) choose(data.lang);
    sayAgain(main); // the names that it has brought
    if (data.token) api.accept(data.token);
    else if (!api.hasToken()) bridge.request('token', { reason: 'missing' }, 5000).then((a) => a && api.accept(a.token));
    startWithToken();
    if (screen && screen.hosted) screen.hosted();
  });
  bridge.on('token', (data) => { api.accept(data.token); });
  bridge.on('theme', (data) => { theme = data.theme; dress(); });
  bridge.on('insets', inset);
  bridge.on('lang', (data) => choose(data.lang));
  bridge.on('refresh', () => { awake(); });
  bridge.on('pause', () => { paused = true; });
  bridge.on('resume', () => { paused = false; awake(); });
  bridge.on('back', () => ({ handled: app.first() ? false : app.back() }));
  api.hooks.renew = async (reason) => {
    const answer = await bridge.request('token', { reason }, 5000);
    return answer && answer.token;
  };
  api.hooks.changed = (isOther) => {
    if (isOther) {
      session = null;
      app.keys.clear();
      app.forms.clear();
      app.made.clear();
    }
    if (!isStarted) startWithToken();
    else if (isOther) open().catch(broken);
    else if (over.isConnected && over.key === 'session-over') {
      uncover();
      awake();
    }
  };
  api.hooks.lost = () => {
    if (navigator.onLine || offline) return;
    offline = true;
    app.banner(() => t('offline'), awake);
  };
  api.hooks.found = () => {
    if (offline) app.banner(null);
    offline = false;
  };
  addEventListener('online', awake);
  addEventListener('pageshow', (event) => { if (event.persisted) awake(); });
  document.addEventListener('visibilitychange', awake);
  addEventListener('hashchange', () => { api.acceptAddress(); });
  dark.addEventListener('change', dress);
  addEventListener('popstate', (event) => {
    at = (event.state && event.state.at) || 0;
    const settle = afterPop;
    afterPop = null;
    if (settle) settle();
    else if (isStarted && !location.hash) open().catch(broken); // a fragment is a token: hashchange
  });
  addEventListener('keydown', (event) => { if (event.key === 'Escape' && isStarted) app.back(); });
  document.addEventListener('click', (event) => {
    const link = event.target.closest && event.target.closest('a[href]');
    const isPlain = !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button);
    if (!link || link.target || !isPlain || link.origin !== location.origin) return;
    event.preventDefault();
    const path = link.pathname + link.search.replace(/[?&](lang|theme)=[^&]*/g, '').replace(/^&/, '?');
    if (app.before() === link.pathname && link.dataset.back) history.back();
    else app.go(path);
  });
  addEventListener('error', (event) => { if (event.error) broken(event.error); });
  addEventListener('unhandledrejection', (event) => broken(event.reason));
}

main.append(banners, root);
history.scrollRestoration = 'manual';
history.replaceState({ at }, '', location.href);
speak(isLanguage(given.get('lang')) ? given.get('lang') : navigator.language);
dress();
listen();
api.remind();
bridge.start();
const isBack = location.pathname.startsWith('/h5/back/');
startWithToken();
const unlessStarted = (then) => { if (!isStarted) then(); };
if (isBack) import('./order.js').then((order) => unlessStarted(() => order.handedIn(app)));
else if (bridge.host.here) {
  unlessStarted(app.loading);
  setTimeout(() => unlessStarted(noToken), TOKEN_WAIT);
} else unlessStarted(noToken);
