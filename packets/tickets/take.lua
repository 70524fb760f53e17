-- Everything that decides a grab before the database does, in one round trip (docs/map.md).
--
-- KEYS  1 header  2 queue of positions  3 takers  4 frozen wallets  5 the caller's throttle
--       (1 to 3 share the packet's hash tag; the group's key is known only from the header)
-- ARGV  1 user  2 now, ms  3 lease, ms  4 "1": take although marked  5 throttle interval, ms (0: off)
--       6 throttle tolerance, ms  7 member: "1" yes, "0" no, "" ask the set
-- Answers {word, ...}. The order of the checks is api.md's.
--
-- Two clocks: the caller's says whether the packet has expired, as it does in the database; rates
-- and leases, which machines share, go by this server's, or a fast machine would shut others out.

local user, now = ARGV[1], tonumber(ARGV[2])
local time = redis.call('TIME')
local here = time[1] * 1000 + math.floor(time[2] / 1000)

local interval = tonumber(ARGV[5])
if interval > 0 then
  local tolerance = tonumber(ARGV[6])
  local empty_at = math.max(tonumber(redis.call('GET', KEYS[5]) or 0), here)
  if empty_at - here > tolerance then
    return {'throttled', math.ceil(empty_at - here - tolerance)}
  end
  redis.call('SET', KEYS[5], empty_at + interval, 'PX', math.ceil(tolerance + interval * 2))
end

local h = redis.call('HMGET', KEYS[1],
  'id', 'kind', 'sender', 'for', 'number', 'pay', 'expire', 'frozen', 'shut', 'gone', 'popped')
if not h[1] then return {'unbuilt', 'packet'} end
local kind, sender, for_id = h[2], h[3], h[4]

if kind == '1' and user == sender then return {'own_packet'} end

local mark = redis.call('HGET', KEYS[3], user)
if mark and ARGV[4] ~= '1' then
  return {'taken', h[1], (tonumber(mark) > here) and 1 or 0}
end

if kind == '1' then
  if user ~= for_id then return {'not_found'} end
elseif ARGV[7] == '0' then
  return {'not_found'}
elseif ARGV[7] == '' then
  local member = redis.call('SMISMEMBER', 'group:' .. for_id, '', user)
  if member[1] == 0 then return {'unbuilt', 'group', for_id} end
  if member[2] == 0 then return {'not_found'} end
end

local own  -- the position that is this user's from the start, of an exclusive packet
if kind == '4' then
  own = redis.call('HGET', KEYS[1], 'for:' .. user)
  if not own then return {'not_for_you'} end
end

if h[9] == '1' then return {'packet_closed'} end
if h[6] == '0' then return {'not_issued'} end
if h[8] == '1' then return {'packet_frozen'} end
local frozen = redis.call('SMISMEMBER', KEYS[4], '', user)
if frozen[1] == 0 then return {'unbuilt', 'wallets'} end
if frozen[2] == 1 then return {'wallet_frozen'} end

if h[10] == '1' and not own then return {'too_slow'} end
if tonumber(h[7]) <= now then
  if own or redis.call('LLEN', KEYS[2]) > 0 then return {'expired'} end
  -- Empty, yet nobody has made sure that all are gone: a ticket may have died with its process.
  return {'look', h[1], h[7]}
end

local position = own or redis.call('LPOP', KEYS[2])
if not position then
  -- The first one after the last lease has run out looks into the table; the others need not.
  if here > tonumber(h[11]) + tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], 'popped', here)
    return {'look', h[1], h[7]}
  end
  return {'too_slow'}
end
redis.call('HSET', KEYS[1], 'popped', here)
redis.call('HSET', KEYS[3], user, here + tonumber(ARGV[3]))
if redis.call('HLEN', KEYS[3]) == 1 then  -- the first one made the key: it lives as its header does
  redis.call('PEXPIRE', KEYS[3], redis.call('PTTL', KEYS[1]))
end
return {'ticket', position, h[1], kind, sender, for_id, h[5], h[6]}
