// Version 1 of the talk with the app around us: docs/embedding.md. Hosts are not trusted further
// than their origin: nothing they say makes the page throw, move money, or write markup.
const VERSION = 1;
const MOST = 64 * 1024;
const ID = /^[A-Za-z0-9_-]{1,64}$/;
const READY_EVERY = 500;
const READY_TIMES = 6;

export const framed = window.parent !== window;
const allowed = meta('hongbao-origins');
const waiting = new Map(); // id -> {type, done}
const handlers = new Map(); // type -> what to do
let pinned = '';
let ready = 0;
let number = 0;

/** What the last `init` said. */
export const host = { here: false, began: false, capabilities: [], peer: null, group: null };
export const can = (what) => host.began && host.capabilities.includes(what);

export function meta(name) {
  const found = document.querySelector(`meta[name="${name}"]`);
  return found ? found.content.split(' ').filter(Boolean) : [];
}

export const on = (type, handler) => handlers.set(type, handler);

const android = () => (typeof HongbaoHost !== 'undefined' && HongbaoHost ? HongbaoHost : null);
const ios = () => (window.webkit && window.webkit.messageHandlers
  && window.webkit.messageHandlers.HongbaoHost) || null;

/** Finds out who is there, and says that we are. */
export function start() {
  if (framed) {
    addEventListener('message', (event) => {
      if (event.source !== window.parent || !allowed.includes(event.origin)) return;
      if (pinned && event.origin !== pinned) return;
      hear(event.data, event.origin);
    });
    host.here = true;
  } else {
    window.hongbao = Object.freeze({ receive: (text) => hearText(text) });
    const native = android();
    if (native) {
      try { native.onmessage = (event) => hearText(event && event.data); } catch { /* read only */ }
    }
    host.here = Boolean(native || ios());
  }
  if (host.here) sayReady();
}

function sayReady() {
  if (host.began || ready >= READY_TIMES) return;
  ready += 1;
  post({ hongbao: VERSION, type: 'ready', data: { version: VERSION } }, '*');
  setTimeout(sayReady, READY_EVERY);
}

/** An event: nobody answers. Skipped without a host. */
export function tell(type, data) {
  post({ hongbao: VERSION, type, data });
}

/** A question; null when nobody has answered it in time. */
export function request(type, data, ms) {
  if (!host.here || (framed && !pinned)) return Promise.resolve(null);
  number += 1;
  const id = `p${number}`;
  return new Promise((done) => {
    const timer = setTimeout(() => { waiting.delete(id); done(null); }, ms);
    waiting.set(id, { type, done: (answer) => { clearTimeout(timer); done(answer); } });
    post({ hongbao: VERSION, type, id, data });
  });
}

function post(message, target = pinned) {
  if (!host.here) return;
  try {
    if (framed) {
      if (target) window.parent.postMessage(message, target);
    } else if (android()) android().postMessage(JSON.stringify(message));
    else if (ios()) ios().postMessage(JSON.stringify(message));
  } catch { /* a host that throws is no host */ }
}

function hearText(text) {
  if (typeof text !== 'string' || isLong(text)) return;
  let message;
  try { message = JSON.parse(text); } catch { return; }
  hear(message, '');
}

const isLong = (text) => text.length > MOST || new TextEncoder().encode(text).length > MOST;

function isPlain(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hear(message, origin) {
  try {
    if (!isPlain(message) || message.hongbao !== VERSION || typeof message.type !== 'string') return;
    if (framed && isLong(JSON.stringify(message))) return;
    if (framed && !pinned && message.type !== 'init') return;
    const data = isPlain(message.data) ? message.data : {};
    if (message.re !== undefined) return answered(message, data);
    if (message.type === 'init') begin(data, origin);
    if (!handlers.has(message.type)) return unknown(message);
    const answer = handlers.get(message.type)(data);
    if (isId(message.id) && answer) reply(message, answer);
  } catch { /* whatever it was, it was no message of ours */ }
}

const isId = (id) => typeof id === 'string' && ID.test(id);
const reply = (message, data) => post({ hongbao: VERSION, type: message.type, re: message.id, data });

function unknown(message) {
  if (isId(message.id) && message.type.length <= 64) reply(message, { error: 'unknown' });
}

function answered(message, data) {
  const question = typeof message.re === 'string' && waiting.get(message.re);
  if (!question || question.type !== message.type) return;
  waiting.delete(message.re);
  question.done(data);
}

function begin(data, origin) {
  if (framed && !pinned) pinned = origin;
  host.began = true;
  if (Array.isArray(data.capabilities)) host.capabilities = data.capabilities.map(String);
  if (isPlain(data.peer)) host.peer = { name: word(data.peer.name), avatar: word(data.peer.avatar) };
  if (isPlain(data.group)) {
    const members = Array.isArray(data.group.members) ? data.group.members.filter(isPlain) : [];
    host.group = {
      name: word(data.group.name),
      members: members.map((one) => ({
        user_id: word(one.user_id), nickname: word(one.name), avatar: word(one.avatar),
      })).filter((one) => one.user_id),
    };
  }
}

const word = (value) => (typeof value === 'string' ? value : '');
