// A packet: the envelope, what one got, who took what; and whatever else it may have become. In one
// piece, as main.js is: another file is another request before one can press 開.
import { act, avatar, called, el, isolated, live, name, rows, say, withName, yuan } from './dom.js';
import { parts, span, t, when } from './texts.js';

/** Which face this caller sees of it. */
export function faceOf(packet, me, details) {
  const isMine = packet.sender.user_id === me;
  const { state, type } = packet;
  if (state === 'unpaid') return 'draft';
  if (state === 'closed') return 'closed';
  if (packet.mine || state === 'void' || (isMine && type === 'personal')) return 'luck';
  if (type === 'exclusive' && packet.for_users && !isNamed(packet, me) && !isMine) return 'luck';
  if (details) return 'luck';
  if (state === 'open') return packet.actions.includes('grab') || packet.is_frozen ? 'envelope' : 'luck';
  if (isMine) return 'luck';
  return state === 'finished' ? 'slow' : 'expired';
}

const isNamed = (packet, me) => (packet.for_users || []).includes(me);

export function open(app, { id, details, notify, visit }) {
  let packet = null;
  let shown = null; // {face, frozen, fill}
  let since = 0;
  const poll = app.poller(read);

  async function read() {
    const mine = ++since;
    try {
      const got = await app.read(`/packets/${id}`, packet ? null : notify);
      if (visit.left || mine !== since) return;
      take(got);
    } catch (failure) {
      if (visit.left || mine !== since) return;
      refused(failure);
    }
  }

  function refused(failure) {
    if (failure.code === 'session') app.sessionOver();
    else if (failure.status === 404) gone();
    else if (packet) app.banner(app.words(failure), read);
    else app.fail(failure, again);
  }

  function again() {
    app.loading();
    return read();
  }

  function gone() {
    poll.stop();
    packet = null;
    shown = null;
    app.missing('no_packet');
  }

  function take(got) {
    packet = got;
    const face = faceOf(got, app.caller(), details);
    draw(face);
    plan(face);
  }

  function draw(face) {
    const frozen = Boolean(packet.is_frozen);
    app.banner(frozen ? () => t('frozen') : null);
    const key = `${face} ${frozen}`;
    if (!shown || shown.key !== key) {
      app.face(face, 'red_packet');
      shown = { key, face, fill: FACES[face](app, { id, details, open: grab, missing: gone }) };
      app.show(shown.fill.node);
    }
    shown.fill(packet);
  }

  function plan(face) {
    const isAwaited = packet.pay_status === 'awaiting' && packet.state !== 'void';
    const isOwed = packet.mine && !packet.mine.is_into_account && packet.state !== 'void';
    const isMine = packet.sender.user_id === app.caller();
    if (isOwed || isAwaited) poll.set('owed', (s, times) => (times < 5 ? 2 : s < 120 ? 5 : 15));
    else if (packet.state === 'open' && face === 'luck') poll.set('open', (s) => (s < 60 ? 5 : 15));
    else if (face === 'envelope') poll.set('closed', () => 15);
    else if (packet.state === 'expired' && isMine && !packet.return_time) poll.set('refund', () => 15);
    else poll.stop();
  }

  /** 開: gives the alert to show, or nothing. */
  async function grab(slot) {
    poll.stop();
    const began = Date.now();
    try {
      const { outcome, share } = await app.grab(id, app.countDown(slot));
      app.tell('packet-opened', { packet: id, outcome, money: share && share.money });
      if (visit.left) return null;
      if (!app.calm()) await pause(600 - (Date.now() - began));
      if (share) return await got(outcome, share);
      if (outcome === 'expired') return await settle(() => draw('expired'));
      return await tooSlow();
    } catch (failure) {
      if (visit.left) return null;
      return notGot(failure);
    }
  }

  async function got(outcome, share) {
    app.haptic('success');
    try {
      const now = await app.read(`/packets/${id}`);
      if (!visit.left) take(now);
    } catch (failure) {
      // The grab's own answer stands; the rest comes when it can be read.
      if (visit.left) return null;
      packet = { ...packet, mine: { is_good: null, ...share }, shares: [], actions: [], headline: '' };
      draw('luck');
      if (failure.code === 'session') app.sessionOver();
      else app.banner(app.words(failure), read);
    }
    if (visit.left) return null;
    const key = outcome === 'already_grabbed' ? 'had' : 'got';
    if (shown && shown.fill.announce) shown.fill.announce(() => t(key, { money: share.money }));
    app.focus();
    return null;
  }

  /** His twin's grab may be in flight: the packet knows better than the answer. */
  async function tooSlow() {
    for (let times = 0; times < 4; times += 1) {
      if (times) await pause(1000);
      const now = await app.read(`/packets/${id}`);
      if (visit.left) return null;
      if (now.mine || !now.actions.includes('grab')) {
        take(now.mine || now.state !== 'open' ? now : { ...now, state: 'finished' });
        app.focus();
        return null;
      }
    }
    plan('envelope');
    return () => t('missed');
  }

  async function settle(otherwise) {
    try {
      take(await app.read(`/packets/${id}`));
    } catch {
      otherwise();
    }
    app.focus();
    return null;
  }

  function notGot(failure) {
    if (failure.code === 'session') app.sessionOver();
    if (['session', 'other_user'].includes(failure.code)) return null;
    if (failure.code === 'packet_closed' || failure.status === 404) {
      gone();
      app.focus();
      return null;
    }
    if (failure.code === 'own_packet') return settle(() => draw('luck'));
    if (failure.code === 'not_for_you') return settle(() => draw('luck'));
    if (failure.code === 'packet_frozen') return settle(() => { packet.is_frozen = true; draw('envelope'); });
    plan('envelope');
    app.haptic('error');
    if (failure.code === 'not_issued') return () => t('not_paid');
    if (failure.code === 'wallet_frozen') return () => t('own_wallet_frozen');
    const words = app.words(failure);
    const isUnsure = failure.code === 'no_answer' || failure.status === 503;
    return isUnsure ? () => [words(), el('span', { class: 'line' }, t('never_twice'))] : words;
  }

  read();
  return {
    refresh: read,
    leave: poll.stop,
    reason: () => (packet && packet.mine ? 'done' : 'user'),
  };
}

const pause = (ms) => new Promise((go) => { setTimeout(go, ms); });
const spanOf = (packet) => (Date.parse(packet.expire_time) - Date.parse(packet.pay_time || packet.add_time)) / 1000;

/** {name}的红包, with the badge of a lucky one beside it. */
function heading(packet) {
  const h1 = el('h1', { tabindex: '-1', text: () => withName('packet_of', packet.sender) });
  const badge = packet.type === 'lucky' && el('span', { class: 'badge' },
    el('span', { 'aria-hidden': 'true', text: () => t('badge') }),
    el('span', { class: 'unseen', text: () => t('badge_said') }));
  return el('div', { class: 'heading' }, avatar(packet.sender, 56), el('div', { class: 'title' }, h1, badge || null));
}

const greeting = (packet) => el('p', { class: 'greeting', dir: 'auto' }, packet.intro);
const total = (packet) => packet.total_money || '';
const kindKey = (type) => (type === 'personal' ? 'kind_one' : `kind_${type}`);
const closing = (app, reason) => app.button('close', () => app.close(reason));

function links(app, packet, isFrozen, { wallet, records, details, id }) {
  if (isFrozen) return [];
  return [
    details && app.link(`/h5/packet/${id}/details`, 'details', 'quiet'),
    wallet && app.link('/h5/wallet', 'wallet', 'quiet'),
    records && app.link('/h5/records', 'records', 'quiet'),
  ].filter(Boolean);
}

/** A face: its nodes, and how a packet is put into them. Nodes that never change are built at the
 *  first packet. */
function faceWith(build) {
  return (app, more) => {
    const node = el('div', { class: 'packet' });
    let update = null;
    const fill = (packet) => {
      if (!update) update = build(app, packet, node, more, fill) || (() => {});
      update(packet);
    };
    fill.node = node;
    return fill;
  };
}

const envelope = faceWith((app, packet, node, { id, open }) => {
  const isSender = packet.sender.user_id === app.caller();
  const slot = el('div', { class: 'slot' });
  const kind = packet.type === 'personal' || packet.type === 'exclusive' ? 'kind_personal' : `kind_${packet.type}`;
  const coin = el('button', { type: 'button', class: 'coin', 'aria-label': () => t('open_packet') },
    el('span', { text: () => t('open') }));
  coin.addEventListener('click', () => act(coin, slot, () => open(slot)));
  node.append(el('div', { class: 'envelope' },
    el('div', { class: 'flap' }, heading(packet), el('p', { class: 'kind', text: () => t(kind) }), greeting(packet), slot),
    packet.is_frozen ? null : coin,
    el('div', { class: 'ways' }, links(app, packet, packet.is_frozen, { details: isSender, id }), closing(app, 'user'))));
});

const luck = faceWith((app, packet, node, { id, details }, fill) => {
  const me = app.caller();
  const isMine = packet.sender.user_id === me;
  const slot = el('div', { class: 'slot' });
  const amount = el('p', { class: 'amount' });
  const line = el('p', { class: 'fate' });
  const note = el('p', { class: 'note' });
  const headline = el('p', { class: 'headline' });
  const list = el('ul', { class: 'rows' });
  const takers = el('section', {}, el('h2', { id: 'takers', text: () => t('who_took') }), list);
  list.setAttribute('aria-labelledby', 'takers');
  const grabLink = el('div', { class: 'ways' });
  node.append(el('div', { class: 'arc' }), heading(packet), greeting(packet), amount, line, slot, grabLink,
    headline, note, takers,
    el('div', { class: 'ways' }, closing(app, packet.mine ? 'done' : 'user'),
      links(app, packet, packet.is_frozen, { wallet: true, records: true })));
  let fate = '';
  fill.announce = (make) => {
    slot.replaceChildren();
    live(slot, 'status', make);
    slot.firstChild.classList.add('unseen');
  };
  return (now) => {
    amount.hidden = !now.mine;
    if (now.mine) say(amount, yuan(now.mine.money));
    const key = fateOf(now, me);
    line.hidden = !key;
    if (key === 'for_names') say(line, () => parts('for_names', { names: namesOf(now) }).flat());
    else if (key) say(line, () => t(key));
    // Said once when it turns; not when the page is opened.
    if (fate && key && fate !== key) fill.announce(() => t(key));
    fate = key;
    say(headline, () => isolated(now.headline, namesIn(now)));
    const said = noteOf(now, isMine);
    note.hidden = !said;
    if (said) say(note, said);
    const isHidden = now.type === 'personal' && !isMine;
    takers.hidden = isHidden || !now.shares || now.shares.length === 0;
    rows(list, now.shares || [], (share) => `${share.user.user_id} ${share.is_good} ${share.money}`, row);
    const mayGrab = details && now.actions.includes('grab');
    if (mayGrab && !grabLink.firstChild) grabLink.append(app.link(`/h5/packet/${id}`, 'take_it', 'main'));
    if (!mayGrab) grabLink.replaceChildren();
  };
});

function fateOf(packet, me) {
  if (packet.mine) {
    if (packet.state === 'void') return 'never_paid';
    return packet.mine.is_into_account ? 'in_wallet' : 'on_its_way';
  }
  const isOthers = packet.type === 'exclusive' && packet.for_users && packet.sender.user_id !== me;
  return isOthers && !isNamed(packet, me) ? 'for_names' : '';
}

/** As the service's sentences have them. */
const namesIn = (packet) => (packet.for_people || []).map(called);

const namesOf = (packet) => packet.for_people.flatMap((one, at) => (
  at ? [t('names_comma'), name(called(one))] : [name(called(one))]));

/** What becomes of the rest: for the sender alone. */
function noteOf(packet, isMine) {
  if (!isMine) return null;
  if (packet.state === 'open') return () => t('comes_back', { span: span(spanOf(packet)) });
  if (packet.state !== 'expired' || packet.taken_number >= packet.number) return null;
  if (packet.return_money !== null) {
    return () => t('returned', { money: packet.return_money, when: when(packet.return_time) });
  }
  return () => t(packet.pay_status === 'awaiting' ? 'returns_later' : 'returning');
}

function row(share) {
  const best = share.is_good === true && el('span', { class: 'best' },
    el('span', { class: 'crown', 'aria-hidden': 'true' }, '♛'), el('span', { text: () => t('best') }));
  return el('li', {}, avatar(share.user),
    el('div', { class: 'who' }, name(called(share.user)), el('span', { class: 'time', text: () => when(share.update_time) })),
    el('div', { class: 'what' }, share.money === null ? null : el('span', { text: yuan(share.money) }), best || null));
}

const tooLate = (face, text, withList, records) => faceWith((app, packet, node, { id }) => {
  node.append(el('div', { class: 'envelope' },
    el('div', { class: 'flap' }, heading(packet), el('p', { class: 'big', text: () => text(packet) })),
    el('div', { class: 'ways' }, links(app, packet, packet.is_frozen, { id, details: withList(packet), records }),
      closing(app, 'user'))));
});

const draft = faceWith((app, packet, node, { id }) => {
  const headline = el('p', { class: 'headline' });
  node.append(el('div', { class: 'arc' }), heading(packet), greeting(packet),
    el('p', { class: 'amount', text: yuan(total(packet)) }),
    el('p', { class: 'kind', text: () => `${t(kindKey(packet.type))} · ${t('shares', { n: packet.number })}` }),
    headline,
    el('div', { class: 'ways' }, packet.is_frozen ? null : app.button('pay_now', () => app.go(`/h5/pay/${id}`), 'main'),
      closing(app, 'user')));
  return (now) => say(headline, now.headline);
});

const closed = faceWith((app, packet, node) => {
  const headline = el('p', { class: 'headline' });
  const way = packet.type === 'personal' ? 'user' : 'group';
  node.append(el('div', { class: 'arc' }), heading(packet), greeting(packet),
    headline,
    el('div', { class: 'ways' },
      packet.is_frozen ? null : app.link(`/h5/send?for=${way}&id=${encodeURIComponent(packet.for_id)}`, 'another', 'main'),
      closing(app, 'user')));
  return (now) => say(headline, now.headline);
});

const FACES = {
  envelope, luck, draft, closed,
  slow: tooLate('slow', () => t('gone'), () => true, false),
  expired: tooLate('expired', (packet) => t('expired', { span: span(spanOf(packet)) }),
    (packet) => packet.type !== 'personal', true),
};
