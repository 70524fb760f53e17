// A phone's own payment, played by the sandbox: what an SDK would say is handed to the page.
import { el } from '../dom.js';
import { open } from './dialog.js';
import { ask, has, t } from './words.js';

const WAYS = { pay: {}, pay_late: { lag_s: 30 }, pay_mute: { notify: false } };

/** {status, result?}, as the bridge's `pay` wants it. */
export function payment(order) {
  return new Promise((done) => {
    const end = (answer) => {
      done(answer);
      dialog.close();
    };
    const cancel = () => end({ status: 'cancelled' });
    const channel = () => (has(order.pay_type) ? t(order.pay_type) : '');
    const dialog = open('pretend', [
      el('h2', { text: () => t('pretend') }),
      el('p', { text: () => `${channel()} ¥${order.money}` }),
      ...Object.entries(WAYS).map(([key, more]) => el('button', {
        type: 'button', class: key === 'pay' ? 'main' : 'quiet', text: () => t(key), on: { click: () => pay(order, more).then(end) },
      })),
      el('button', { type: 'button', class: 'quiet', text: () => t('cancel'), on: { click: cancel } }),
    ], { escape: cancel, closed: () => done({ status: 'unknown' }) });
  });
}

async function pay({ pay_type: payType, pay_params: payParams }, more) {
  try {
    const { status, body } = await ask('/sandbox/control/pay', { pay_type: payType, pay_params: payParams, ...more });
    if (status !== 200) return { status: 'failed' };
    return body.result ? { status: 'success', result: body.result } : { status: 'success' };
  } catch {
    return { status: 'unknown' };
  }
}
