// The token, and every request to the service: when it is given up, repeated, or asks the host.
let token = arrived();
let claims = payload(token);
let reminder = 0;
let asking = null; // one question for a new token, however many requests wait for it

export const hooks = { renew: async () => '', changed() {}, lost() {}, found() {} };
export const caller = () => claims.sub || '';
export const hasToken = () => token !== '';
/** What stood behind the "?" of the address, as it came. */
export const query = location.search.slice(1);
export let lastRequest = '';

const RENEW_BEFORE_S = 30;
const WAIT_MOST_S = 3600; // a timer of 25 days and more would be over at once
const PLANS = {
  read: { limit: 10000, pauses: [1, 2, 4] },
  grab: { limit: 10000, pauses: [1, 3], throttled: 1 },
  keyed: { limit: 15000, pauses: [1, 3], throttled: 1, flying: 5 },
};

/** What went wrong, by the service's code, or `no_answer`, `session`, `other_user`. */
export class Failure extends Error {
  constructor(code, more = {}) {
    super(code);
    Object.assign(this, { code, status: 0, errors: {}, id: '', after: 0 }, more);
  }
}

function arrived() {
  const at = new URL(location.href);
  const given = new URLSearchParams(at.hash.slice(1)).get('token') || '';
  if (at.href.includes('#') || at.searchParams.has('token')) {
    at.hash = '';
    if (at.searchParams.has('token')) at.searchParams.delete('token');
    history.replaceState(history.state, '', at.pathname + at.search);
  }
  return isToken(given) ? given : '';
}

function isToken(given) {
  return typeof given === 'string' && given.length <= 4096 && /^[\w-]+\.[\w-]+\.[\w-]+$/.test(given);
}

/** For manners alone: the service verifies. */
function payload(given) {
  try {
    const part = given.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    const read = JSON.parse(new TextDecoder().decode(bytes));
    return { sub: String(read.sub || ''), exp: Number(read.exp) || Infinity };
  } catch {
    return { sub: '', exp: Infinity };
  }
}

/** Takes the host's token; what came last counts. */
export function accept(given) {
  if (!isToken(given)) return false;
  if (given === token) return true;
  const before = claims.sub;
  token = given;
  claims = payload(given);
  remind();
  hooks.changed(before !== undefined && before !== '' && before !== claims.sub);
  return true;
}

export const acceptAddress = () => accept(arrived());

/** Asks for the next token before this one ends, however still the page is. */
export function remind() {
  clearTimeout(reminder);
  const ms = (claims.exp - RENEW_BEFORE_S) * 1000 - Date.now();
  if (ms > 0 && ms < 2 ** 31) reminder = setTimeout(() => renew('expiring'), ms);
}

function renew(reason) {
  asking = asking || hooks.renew(reason).then((given) => accept(given)).finally(() => { asking = null; });
  return asking;
}

export const read = (path, onWait) => repeat('read', 'GET', path, { onWait });
export const grab = (packet, onWait) => repeat('grab', 'POST', `/packets/${packet}/grab`, { onWait });
export const post = (path, body, key, onWait) => repeat('keyed', 'POST', path, { body, key, onWait });
/** A report is idempotent without a key. */
export const report = (path, body) => repeat('grab', 'POST', path, { body });

/** 24 random bytes. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_');
}

async function repeat(kind, method, path, { body, key, onWait }) {
  const plan = PLANS[kind];
  const text = body === undefined ? undefined : JSON.stringify(body);
  const who = caller();
  const left = { pauses: [...plan.pauses], throttled: plan.throttled || 0, flying: plan.flying || 0 };
  for (;;) {
    try {
      const answer = await once(method, path, text, key, plan.limit, who);
      hooks.found();
      return answer;
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      if (failure.code === 'no_answer') hooks.lost();
      else hooks.found();
      const pause = pauseAfter(failure, kind, left);
      if (pause === null) throw failure;
      if (onWait) onWait(failure, pause);
      await sleep(pause * 1000, failure.code === 'no_answer');
    }
  }
}

/** Seconds until the same request goes out again; null: not by itself. */
function pauseAfter(failure, kind, left) {
  if (failure.code === 'idempotency_in_flight') return left.flying-- > 0 ? 1 : null;
  if (failure.status === 429 && kind !== 'read') return left.throttled-- > 0 ? failure.after || 1 : null;
  if (failure.code === 'no_answer' || failure.status === 429 || failure.status === 503) {
    const pause = left.pauses.shift();
    return pause === undefined ? null : Math.max(pause, failure.after);
  }
  return null;
}

async function once(method, path, text, key, limit, who) {
  const left = claims.exp - Date.now() / 1000;
  const isRefused = left < RENEW_BEFORE_S && !(await renew(left > 0 ? 'expiring' : 'expired')) && left <= 0;
  let used = token;
  let answer = await send(method, path, text, key, limit, who);
  if (answer.status === 401) {
    if (used === token && (isRefused || !(await renew('expired')))) throw new Failure('session', { status: 401 });
    used = token;
    answer = await send(method, path, text, key, limit, who);
    if (answer.status === 401) throw new Failure('session', { status: 401 });
  }
  if (answer.ok) return answer.body;
  throw refused(answer);
}

async function send(method, path, text, key, limit, who) {
  // The host may have switched users meanwhile: this was the other one's wish.
  if (caller() !== who) throw new Failure('other_user');
  const headers = { Authorization: `Bearer ${token}`, 'Accept-Language': document.documentElement.lang };
  if (text !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), limit);
  try {
    const answer = await fetch(`/api/v1${path}`, {
      method, headers, body: text, signal: stop.signal,
      credentials: 'omit', cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer',
    });
    lastRequest = answer.headers.get('X-Request-ID') || lastRequest;
    const said = await answer.text();
    let body = null;
    try { body = JSON.parse(said); } catch { /* a proxy's page, perhaps */ }
    const asked = Number(answer.headers.get('Retry-After')) || 0;
    const after = Math.min(Math.max(asked, 0), WAIT_MOST_S);
    return { ok: answer.ok && body !== null, status: answer.status, body, after };
  } catch {
    throw new Failure('no_answer');
  } finally {
    clearTimeout(timer);
  }
}

function refused({ status, body, after }) {
  const said = body && typeof body === 'object' ? body : {};
  const known = { 429: 'throttled', 503: 'unavailable', 404: 'not_found' };
  const code = typeof said.code === 'string' ? said.code : known[status] || 'unknown';
  return new Failure(code, {
    status, after, errors: said.errors || {}, detail: said.detail, id: said.request_id || lastRequest,
  });
}

/** Shorter when the network comes back meanwhile. */
function sleep(ms, untilOnline) {
  return new Promise((go) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      go();
    };
    const timer = setTimeout(done, ms);
    if (untilOnline) addEventListener('online', done);
  });
}
