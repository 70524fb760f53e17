// The wallet: what is in it, and what moved.
import { el, live, say } from './dom.js';
import { choice, paged, withCursor } from './pages.js';
import { t, when } from './texts.js';

const KINDS = ['send', 'grab', 'refund', 'topup', 'adjustment'];

export function open(app, { notify, visit }) {
  let kind = '';
  let fill = null;
  const activity = paged(app, {
    label: 'activity', empty: 'nothing', visit, make: (one) => row(app, one),
    path: (cursor) => withCursor(`/wallet/flow?limit=20${kind && `&kind=${kind}`}`, cursor),
  });

  async function load() {
    try {
      const [wallet] = await Promise.all([app.read('/wallet', fill ? null : notify), activity.load()]);
      if (visit.left) return;
      app.banner(null);
      if (!fill) fill = draw();
      fill(wallet);
    } catch (failure) {
      if (visit.left) return;
      if (failure.code === 'session') app.sessionOver();
      else if (fill) app.banner(app.words(failure), load);
      else app.fail(failure, () => { app.loading(); load(); });
    }
  }

  function draw() {
    const amount = el('p', { class: 'due' });
    const slot = el('div', { class: 'slot' });
    app.face('wallet', 'wallet');
    app.show(
      el('h1', { tabindex: '-1', class: 'top', text: () => t('wallet') }), slot,
      el('section', { class: 'purse', 'aria-labelledby': 'balance' },
        el('h2', { id: 'balance', text: () => t('balance') }), amount),
      el('div', { class: 'ways' }, app.link('/h5/wallet/topup', 'topup', 'main'), app.link('/h5/records', 'records', 'quiet')),
      el('section', { class: 'sheet', 'aria-labelledby': 'activity' },
        el('div', { class: 'bar' }, el('h2', { id: 'activity', text: () => t('activity') }),
          choice(() => t('type'), [['', () => t('all')], ...KINDS.map((one) => [one, () => t(`flow_${one}`)])], kind,
            (wanted) => { kind = wanted; load(); })),
        activity.nodes),
    );
    return (wallet) => {
      say(amount, `¥${wallet.balance}`);
      if (Boolean(slot.firstChild) !== wallet.is_frozen) live(slot, 'alert', wallet.is_frozen ? () => t('frozen_wallet') : null);
    };
  }

  load();
  return { refresh: load };
}

function row(app, { money, time, title, packet }) {
  const isIn = !money.startsWith('-');
  return el('li', {},
    el('div', { class: 'who' },
      packet ? app.link(`/h5/packet/${packet}`, () => title, 'row-link') : el('span', {}, title),
      el('span', { class: 'time', text: () => when(time) })),
    el('span', { class: isIn ? 'what in' : 'what' }, isIn ? `+${money.replace(/^\+/, '')}` : money));
}
