// Money through a channel: the host's own payment, and what a paid order turns into.
import { el, live } from './dom.js';
import { t } from './texts.js';

const PAY_WAIT = 15 * 60 * 1000;
const told = new Set(); // packets whose issue the host has heard of

/** What a keyed request that failed says above its button. */
export function unsure(app, failure) {
  if (failure.code === 'session') app.sessionOver();
  if (failure.code === 'session' || failure.code === 'other_user') return null;
  if (failure.code === 'no_answer' || failure.code === 'idempotency_in_flight') return () => t('unsure');
  if (failure.status === 503) {
    return () => [el('span', { class: 'line' }, t('unavailable')), el('span', { class: 'line' }, t('unsure'))];
  }
  return app.words(failure);
}

/** Lets the host pay an order, and goes on with what came of it: `arrived` reads whether the money
 *  has, and shows that; until it has, the order's screen waits. Says what stands above the button. */
export async function payByHost(app, order, { visit, slot, key, arrived }) {
  const outcome = await payInHost(app, order);
  if (visit.left) return null;
  if (outcome === 'failed') return () => t('failed');
  if (outcome === 'cancelled') {
    setTimeout(() => live(slot, 'status', () => t('cancelled')));
    return null;
  }
  if (outcome === 'over') {
    app.dropKeys(key);
    return () => t('order_over');
  }
  const shown = outcome === 'done' && await arrived();
  if (visit.left) return null;
  if (shown) shown();
  else app.go(`/h5/orders/${order.order_no}`);
  return null;
}

/** `done`, `waiting`, `cancelled`, `failed` or `over`. Only the host's own `success` is reported:
 *  the user's word alone reports nothing. */
async function payInHost(app, order) {
  const answer = await app.request('pay', {
    order_no: order.order_no, purpose: order.purpose, packet: order.packet, pay_type: order.pay_type,
    money: order.money, pay_params: order.pay_params,
  }, PAY_WAIT);
  const status = answer && answer.status;
  if (status === 'cancelled' || status === 'failed') return status;
  if (status !== 'success') return 'waiting';
  return report(app, order.order_no, answer.result);
}

export async function report(app, orderNo, result) {
  try {
    await app.report(`/orders/${orderNo}/report`, typeof result === 'string' ? { result } : {});
    return 'done';
  } catch (failure) {
    if (failure.code === 'order_closed') return 'over';
    if (failure.code === 'session') throw failure;
    return 'waiting'; // refused or unheard: the channel's own word will tell
  }
}

/** The packet went out: the host hears of it once, and no filled form is left behind us. */
export function issued(app, packet, { isNews }) {
  app.forget(packet.id);
  app.rewind(app.flow, `/h5/pay/${packet.id}`, () => {
    app.end();
    app.page('sent', () => t('sent'), el('div', { class: 'ways' },
      app.button('to_chat', () => app.close('sent'), 'main'), app.link(`/h5/packet/${packet.id}`, 'view', 'quiet')));
    app.focus();
    if (isNews && !told.has(packet.id)) {
      told.add(packet.id);
      const { type, for_id, number, intro, pay_status } = packet;
      app.tell('packet-sent', { packet: packet.id, type, for_id, number, intro, pay_status });
      app.haptic('success');
      if (app.can('close')) app.tell('close', { reason: 'sent' });
    }
  });
}

export function toppedUp(app, order, { isNews }) {
  app.dropKeys('topup');
  app.forms.delete('topup');
  app.rewind(app.flow, `/h5/orders/${order.order_no}`, () => {
    app.end();
    app.page('topped-up', () => t('topped_up'), el('p', { class: 'amount' }, `¥${order.money}`), el('div', { class: 'ways' },
      app.button('to_chat', () => app.close('done'), 'main'), app.link('/h5/wallet', 'wallet', 'quiet')));
    app.focus();
    if (isNews && !told.has(order.order_no)) {
      told.add(order.order_no);
      app.tell('topup-done', { order_no: order.order_no, money: order.money });
    }
  });
}
