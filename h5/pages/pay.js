// Confirm and pay a draft of one's own.
import { act, called, el, live, name } from './dom.js';
import { radios } from './form.js';
import { fenOf } from './money.js';
import { parts, t } from './texts.js';
import { issued, payByHost, unsure } from './channel.js';
import { open as openPacket } from './packet.js';

export function open(app, { id, notify, visit }) {
  let form = null;
  let other = null; // the packet's own faces, where there is nothing to pay

  async function load() {
    try {
      const [packet, session, wallet] = await Promise.all([
        app.read(`/packets/${id}`, notify), app.session(), app.read('/wallet'),
      ]);
      if (visit.left) return;
      if (packet.sender.user_id !== app.caller()) app.missing('no_packet');
      else if (packet.state !== 'unpaid') instead();
      else form = draw(app, { id, packet, session, wallet, visit, instead });
    } catch (failure) {
      if (visit.left) return;
      if (failure.status === 404) app.missing('no_packet');
      else app.fail(failure, () => { app.loading(); load(); });
    }
  }

  function instead() {
    form = null;
    other = openPacket(app, { id, details: true, notify, visit });
  }

  load();
  return {
    refresh: () => { if (other) other.refresh(); else if (!form) load(); else form.refresh(); },
    leave: () => other && other.leave(),
  };
}

function draw(app, { id, packet, session, wallet, visit, instead }) {
  const due = fenOf(packet.total_money);
  let balance = fenOf(wallet.balance);
  const shut = new Set(); // ways that the service has turned down
  let way = balance >= due ? 'balance' : session.channels[0] || 'balance';
  let balanceText = wallet.balance;
  const slot = el('div', { class: 'slot' });
  const more = el('div', { class: 'ways' });
  const ways = radios('way', () => t('pay_with'), [
    { value: 'balance', label: () => t('from_wallet', { money: balanceText }) },
    ...session.channels.map((channel) => ({ value: channel, label: () => t(channel) })),
  ], way, (value) => { way = value; live(slot, 'alert', null); live(slot, 'status', null); });
  const button = el('button', {
    type: 'button', class: 'main', text: () => t('pay_money', { money: packet.total_money }),
    on: { click: () => act(button, slot, work) },
  });

  function mark() {
    const isShort = balance < due;
    ways.disable('balance', isShort ? () => t('not_enough') : shut.has('balance') ? () => t('no_way') : null);
    for (const channel of session.channels) ways.disable(channel, shut.has(channel) ? () => t('no_way') : null);
    ways.relabel('balance', () => t('from_wallet', { money: balanceText }));
    more.replaceChildren(...(isShort ? [app.link('/h5/wallet/topup', 'topup', 'quiet')] : []));
    if (!ways.input(way).disabled) return;
    way = ['balance', ...session.channels].find((one) => !ways.input(one).disabled) || way;
    ways.choose(way);
  }

  async function readBalance() {
    const now = await app.read('/wallet');
    balance = fenOf(now.balance);
    balanceText = now.balance;
    mark();
  }

  async function work() {
    if (ways.input(way).disabled) return () => t(way === 'balance' ? 'not_enough' : 'no_way');
    const chosen = way;
    const body = chosen === 'balance' ? { pay_type: 'balance' } : { pay_type: chosen, scene: app.can('pay') ? 'app' : 'h5' };
    try {
      const paid = await app.post(`/packets/${id}/pay`, body, app.key(`pay ${id}`, body), app.countDown(slot));
      if (visit.left) return null;
      if (!paid.order) {
        issued(app, paid.packet, { isNews: true });
        return null;
      }
      if (body.scene === 'h5') {
        app.go(`/h5/orders/${paid.order.order_no}`);
        return null;
      }
      return await payByHost(app, paid.order, { visit, slot, key: `pay ${id}`, arrived });
    } catch (failure) {
      return visit.left ? null : refused(failure, chosen);
    }
  }

  /** The packet went out, or has to wait for its money. */
  async function arrived() {
    const now = await app.read(`/packets/${id}`);
    return now && now.pay_status !== 'unpaid' && (() => issued(app, now, { isNews: true }));
  }

  async function refused(failure, chosen) {
    if (failure.code === 'already_paid') {
      const now = await app.read(`/packets/${id}`).catch(() => packet);
      issued(app, now, { isNews: false }); // another device paid
      return null;
    }
    if (failure.code === 'packet_closed' || failure.status === 404) {
      app.forget(id);
      instead();
      return null;
    }
    if (failure.code === 'packet_frozen') freeze();
    if (failure.code === 'order_closed') app.dropKeys(`pay ${id}`);
    if (failure.code === 'insufficient_balance') await readBalance().catch(() => {});
    if (failure.code === 'channel_unavailable_for_purpose') {
      shut.add(chosen);
      mark();
    }
    app.haptic('error');
    return unsure(app, failure);
  }

  function freeze() {
    app.banner(() => t('frozen'));
    button.remove();
  }

  const isPersonal = packet.type === 'personal';
  /** The person, the named ones, or the group as the host calls it. */
  const whom = () => {
    if (packet.for_people) return packet.for_people.flatMap((one, at) => [at ? t('names_comma') : '', name(called(one))]);
    const known = isPersonal ? app.host.peer : app.host.group;
    return [name(called({ user_id: packet.for_id, nickname: known && known.name }))];
  };
  const kind = isPersonal ? 'kind_one' : `kind_${packet.type}`;
  app.face('pay', 'pay');
  app.show(
    el('h1', { tabindex: '-1', class: 'top', text: () => t('pay') }),
    el('div', { class: 'bill' },
      el('p', { class: 'amount' }, `¥${packet.total_money}`),
      el('p', { class: 'kind', text: () => `${t(kind)} · ${t('shares', { n: packet.number })}` }),
      el('p', { class: 'to', text: () => parts('to', { name: whom() }).flat() }),
      el('p', { class: 'greeting', dir: 'auto' }, packet.intro)),
    el('div', { class: 'form' }, ways, more, slot, button, app.button('cancel', () => app.back())),
  );
  mark();
  if (packet.is_frozen) freeze();
  return {
    async refresh() {
      const now = await app.read(`/packets/${id}`).catch(() => null);
      if (visit.left || !now) return;
      if (now.state !== 'unpaid' && button.getAttribute('aria-busy') !== 'true') instead();
    },
  };
}
