// What a chat says beside its bubbles, as WeChat does: {says, with, who} for this viewer, or nothing.
export function lineOf(type, data, me, items) {
  const isMine = data.user_id === me;
  if (type === 'packet.grabbed') return grabbed(data, me);
  if (type === 'packet.finished' && isMine) finished(data.packet, items);
  if (type === 'packet.expired' && isMine) return { says: 'refund', with: { money: data.return_money } };
  if (type === 'share.credited' && isMine) return { says: 'credited', with: { money: data.money } };
  if (type === 'topup.confirmed' && isMine) return { says: 'topped_up', with: { money: data.money } };
  if (type === 'packet.voided' && isMine) return { says: 'voided' };
  return null;
}

function grabbed({ packet: about, user_id: taker, sender }, me) {
  if (taker === me) return sender === me ? { says: 'own', about } : { says: 'you_took', who: sender, about };
  return sender === me ? { says: 'took_yours', who: taker, about } : null;
}

/** The last of its lines says it, too. */
function finished(packet, items) {
  const last = items.filter((item) => item.about === packet).pop();
  if (last && last.says === 'own') last.says = 'own_last';
  else if (last) last.says = 'took_last';
}
