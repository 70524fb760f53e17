// Money into one's own wallet, through a channel.
import { el, live } from './dom.js';
import { complain, field, fromService, radios, submit } from './form.js';
import { fenOf, grouped, parse, show } from './money.js';
import { language, t } from './texts.js';
import { payByHost, toppedUp, unsure } from './channel.js';

export function open(app, { notify, visit }) {
  let isDrawn = false;

  async function load() {
    try {
      const session = await app.session();
      if (visit.left) return;
      isDrawn = true;
      draw(app, { session, visit });
    } catch (failure) {
      if (!visit.left) app.fail(failure, () => { app.loading(); load(); });
    }
  }

  load(notify);
  return { refresh: () => { if (!isDrawn) load(); } };
}

function draw(app, { session, visit }) {
  const { limits, channels } = session;
  const typed = app.forms.get('topup') || { money: '', way: channels[0] };
  app.forms.set('topup', typed);
  const shut = new Set();
  const top = el('div', { class: 'slot' });
  const slot = el('div', { class: 'slot' });
  const form = el('form', { novalidate: true, class: 'form' });
  const money = field(() => t('money'), { mode: 'decimal', value: typed.money, type: 'money' });
  const ways = radios('way', () => t('pay_with'), channels.map((channel) => ({ value: channel, label: () => t(channel) })),
    typed.way, (way) => { typed.way = way; live(slot, 'alert', null); live(slot, 'status', null); });
  const written = (yuan) => (language() === 'en' ? grouped(yuan) : yuan);

  function wrong(isPressed) {
    const about = (key, values) => ({ input: money.input, says: () => t(key, values && values()) });
    const fen = parse(typed.money);
    if (!channels.length && isPressed) return { input: null, says: () => t('no_way') };
    if (!typed.money.trim()) return isPressed ? about('say_money') : null;
    if (fen === null) return about('no_money');
    if (fen < fenOf(limits.topup_min) || fen > fenOf(limits.topup_max)) {
      return about('topup_range', () => ({ least: written(limits.topup_min), most: written(limits.topup_max) }));
    }
    return null;
  }

  function complaint(isPressed) {
    const found = wrong(isPressed);
    complain(top, found, [money.input]);
    return found;
  }

  async function work() {
    const body = { money: show(parse(typed.money)), pay_type: typed.way, scene: app.can('pay') ? 'app' : 'h5' };
    try {
      const order = await app.post('/wallet/topups', body, app.key('topup', body), app.countDown(slot));
      if (visit.left) return null;
      if (body.scene === 'h5') {
        app.go(`/h5/orders/${order.order_no}`);
        return null;
      }
      return await payByHost(app, order, { visit, slot, key: 'topup', arrived: () => arrived(order) });
    } catch (failure) {
      return visit.left ? null : refused(failure);
    }
  }

  async function arrived(order) {
    const now = await app.read(`/orders/${order.order_no}`).catch(() => null);
    return now && now.status === 'confirmed' && (() => toppedUp(app, now, { isNews: true }));
  }

  function refused(failure) {
    if (failure.code === 'order_closed') app.dropKeys('topup');
    if (failure.code === 'channel_unavailable_for_purpose') {
      shut.add(typed.way);
      for (const channel of channels) ways.disable(channel, shut.has(channel) ? () => t('no_way') : null);
      typed.way = channels.find((channel) => !shut.has(channel)) || typed.way;
      ways.choose(typed.way);
    }
    const fault = fromService(failure, { money: money.input });
    if (!fault) return unsure(app, failure);
    complain(top, fault, [money.input]);
    if (fault.input) fault.input.focus();
    return null;
  }

  const button = submit(() => {
    const fen = parse(typed.money);
    return t('topup_money', { money: show(fen === null ? 0 : fen) });
  }, { form, slot, complaint, work });

  function changed() {
    complaint(false);
    live(slot, 'alert', null);
    button.retitle();
    button.pale(Boolean(wrong(true)));
  }

  money.input.addEventListener('input', () => { typed.money = money.input.value; changed(); });
  money.input.addEventListener('blur', () => { typed.money = money.input.value; });
  form.append(money.box, ways, slot, button);
  app.face('topup', 'topup');
  app.show(el('h1', { tabindex: '-1', class: 'top', text: () => t('topup') }), top, form);
  changed();
}
