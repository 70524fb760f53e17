// Waiting for a channel's payment of a packet or a top-up; and the way back from the channel.
import { act, el, live } from './dom.js';
import { t } from './texts.js';
import { issued, report, toppedUp } from './channel.js';

const OVER = ['closed', 'failed', 'unpaid'];

/** `back` without a token: it never says "paid", since channels come back after a cancel, too. */
export function handedIn(app) {
  clean();
  app.face('back', 'handed_in');
  app.page('back', () => t('handed_in'), el('p', { text: () => t('see_in_chat') }), app.button('to_chat', () => app.close('done'), 'main'));
}

const clean = () => history.replaceState(history.state, '', location.pathname);

export function open(app, { id, path, notify, visit }) {
  const isBack = path.startsWith('/h5/back/');
  let shown = null;
  let seen = ''; // the first status that we read: a change from it is news
  let isReported = !(isBack && app.query.includes('sign='));
  const poll = app.poller(read);
  if (isBack) clean();

  async function read() {
    try {
      const order = await app.read(`/orders/${id}`, shown ? null : notify);
      if (visit.left) return;
      seen = seen || order.status;
      if (!isReported && order.pay_type === 'alipay' && !OVER.includes(order.status)) {
        isReported = true;
        await report(app, id, app.query);
        seen = 'created';
        if (!visit.left) await read();
        return;
      }
      await take(order);
    } catch (failure) {
      if (visit.left) return;
      if (failure.status === 404) app.missing('no_order');
      else if (failure.code === 'session') app.sessionOver();
      else if (shown) app.banner(app.words(failure), read);
      else app.fail(failure, () => { app.loading(); read(); });
    }
  }

  async function take(order) {
    app.banner(null);
    const isNews = !['confirmed'].includes(seen);
    if (order.purpose === 'topup' && order.status === 'confirmed') {
      poll.stop();
      toppedUp(app, order, { isNews });
      return;
    }
    if (order.purpose === 'packet' && ['reported', 'confirmed'].includes(order.status)) {
      const packet = await app.read(`/packets/${order.packet}`);
      if (visit.left) return;
      if (packet.pay_status !== 'unpaid') {
        poll.stop();
        issued(app, packet, { isNews });
        return;
      }
    }
    if (!shown) shown = draw(order);
    shown(order);
    if (OVER.includes(order.status)) {
      app.dropKeys(order.purpose === 'topup' ? 'topup' : `pay ${order.packet}`);
      poll.stop();
    } else poll.set('waiting', (s) => (s < 60 ? 2 : 5));
  }

  function draw(first) {
    const slot = el('div', { class: 'slot' });
    const way = el('div', { class: 'ways' }, wayToPay(app, first));
    const check = el('button', { type: 'button', class: 'main second', text: () => t('have_paid') });
    check.addEventListener('click', () => act(check, slot, async () => {
      live(slot, 'status', () => t('checking'));
      await read();
      return null;
    }));
    const others = first.purpose === 'topup' ? '/h5/wallet/topup' : `/h5/pay/${first.packet}`;
    const other = app.link(others, 'other_way', 'quiet');
    other.dataset.back = '1';
    app.page('waiting', () => t('waiting'), el('p', { class: 'amount' }, `¥${first.money}`), slot, way, check, other);
    app.face('waiting', 'waiting');
    return (order) => {
      const isOver = OVER.includes(order.status);
      if (!isOver) return;
      way.replaceChildren();
      check.remove();
      live(slot, 'alert', () => t('order_over'));
    };
  }

  read();
  return { refresh: read, leave: poll.stop };
}

/** A link, or a form to post: only to where the channel's own gateway is. */
function wayToPay(app, order) {
  const params = order.pay_params || {};
  const channel = order.pay_type;
  const label = () => t('pay_at', { channel: t(channel) });
  const address = safe(app, params.url || params.h5_url, channel);
  if (!address) return [];
  if (!params.fields) {
    return [el('a', { class: 'main', target: '_blank', rel: 'noopener noreferrer', href: address, text: label })];
  }
  return [el('button', { type: 'button', class: 'main', text: label, on: { click: () => post(address, params.fields) } })];
}

function safe(app, address, channel) {
  try {
    const { protocol, origin, href } = new URL(address);
    const isOurs = origin === location.origin; // development: the sandbox
    if (protocol !== 'https:' && !isOurs) return '';
    const gateways = app.meta('hongbao-gateways');
    // WeChat Pay's page has a host of its own (wx.tenpay.com).
    return channel === 'wechat' || gateways.includes(origin) ? href : '';
  } catch {
    return '';
  }
}

function post(address, fields) {
  const form = el('form', { method: 'post', action: address, target: '_blank', rel: 'noopener', hidden: true },
    Object.entries(fields).map(([name, value]) => el('input', { type: 'hidden', name, value: String(value) })));
  document.body.append(form);
  form.submit();
  form.remove();
}
