-- Everything that decides a grab before the database does, in one round trip (docs/map.md).
--
-- KEYS  1 header  2 queue of positions  3 takers  4 frozen wallets  5 the caller's throttle
--       (1 to 3 share the packet's hash tag, and on a Cluster they are all that is given; the
--       group's key is known only from the header)
-- ARGV  1 user  2 now, ms  3 lease, ms  4 "1": take although marked  5 throttle interval, ms (0: off)
--       6 throttle tolerance, ms  7 member: "1" yes, "0" no, "" ask the set  8 on a Cluster: "1":
--       the wallet is frozen
-- Answers {word, ...}. The order of the checks is api.md's.
--
-- Two clocks: the caller's says whether the packet has expired, as it does in the database; rates
-- and leases, which machines share, go by this server's, or a fast machine would shut others out.

local user, now = ARGV[1], tonumber(ARGV[2])

local function here()  -- asked for where it matters: most refusals need no clock
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

if ARGV[5] ~= '0' then
  local interval, tolerance, at = tonumber(ARGV[5]), tonumber(ARGV[6]), here()
  local empty_at = math.max(tonumber(redis.call('GET', KEYS[5]) or 0), at)
  if empty_at - at > tolerance then
    return {'throttled', math.ceil(empty_at - at - tolerance)}
  end
  redis.call('SET', KEYS[5], empty_at + interval, 'PX', math.ceil(tolerance + interval * 2))
end

-- What a refusal needs; the header is built in this order, so these are found first.
local h = redis.call('HMGET', KEYS[1], 'kind', 'for', 'pay', 'frozen', 'shut', 'gone')
local kind, for_id = h[1], h[2]
if not kind then return {'unbuilt', 'packet'} end

if kind == '1' and user == redis.call('HGET', KEYS[1], 'sender') then return {'own_packet'} end

local mark = ARGV[4] ~= '1' and redis.call('HGET', KEYS[3], user)
if mark then
  return {'taken', redis.call('HGET', KEYS[1], 'id'), (tonumber(mark) > here()) and 1 or 0}
end

if kind == '1' then
  if user ~= for_id then return {'not_found'} end
elseif ARGV[7] == '0' then
  return {'not_found'}
elseif ARGV[7] == '' then
  if not KEYS[4] then return {'elsewhere', for_id} end
  local group = 'group:{' .. for_id .. '}'
  if redis.call('SISMEMBER', group, user) == 0 then
    if redis.call('SISMEMBER', group, '') == 0 then return {'unbuilt', 'group', for_id} end
    return {'not_found'}
  end
end

local own  -- the position that is this user's from the start, of an exclusive packet
if kind == '4' then
  own = redis.call('HGET', KEYS[1], 'for:' .. user)
  if not own then return {'not_for_you'} end
end

if h[5] == '1' then return {'packet_closed'} end
if h[3] == '0' then return {'not_issued'} end
if h[4] == '1' then return {'packet_frozen'} end
if KEYS[4] then
  local frozen = redis.call('SMISMEMBER', KEYS[4], '', user)
  if frozen[1] == 0 then return {'unbuilt', 'wallets'} end
  if frozen[2] == 1 then return {'wallet_frozen'} end
elseif ARGV[8] == '1' then
  return {'wallet_frozen'}
end

if h[6] == '1' and not own then return {'too_slow'} end

local id, sender, number, expire, popped =
  unpack(redis.call('HMGET', KEYS[1], 'id', 'sender', 'number', 'expire', 'popped'))
if tonumber(expire) <= now then
  if own or redis.call('LLEN', KEYS[2]) > 0 then return {'expired'} end
  -- Empty, yet nobody has made sure that all are gone: a ticket may have died with its process.
  return {'look', id, expire}
end

local position, at = own or redis.call('LPOP', KEYS[2]), here()
if not position then
  -- The first one after the last lease has run out looks into the table, and so does whoever had a
  -- ticket that was spent: the queue is behind the table. The others need not.
  if ARGV[4] == '1' or at > tonumber(popped) + tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], 'popped', at)
    return {'look', id, expire}
  end
  return {'too_slow'}
end
redis.call('HSET', KEYS[1], 'popped', at)
redis.call('HSET', KEYS[3], user, at + tonumber(ARGV[3]))
if redis.call('HLEN', KEYS[3]) == 1 then  -- the first one made the key: it lives as its header does
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
end
return {'ticket', position, id, kind, sender, for_id, number, h[3]}
