-- What event_offer.lua and event_finish.lua share, and begin with: what became of those to whom an event was offered.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken, KEYS[3] the events that are being published,
-- KEYS[4] waits to whom it is offered -> their groups, KEYS[5] waits that took it
-- ARGV[1] id, ARGV[2] its name among those being published, ARGV[3] "1" if it is kept whoever took it,
-- ARGV[4] how many may take it (0 = all), then n and n waits that took it, n and n waits that never will; then theirs
-- Returns {"gone"}, with nothing written, when the event is not remembered: its time is over, or Redis lost its last writes while
-- it was published; else nothing

local i = 0

local function arg()
  i = i + 1
  return ARGV[i]
end

if redis.call('HEXISTS', KEYS[1], 'event') == 0 then
  return {'gone'}
end
local id, name, keep, limit = arg(), arg(), arg() == '1', tonumber(arg())
local open = redis.call('ZSCORE', KEYS[3], name)

-- How many of a group may take it; nil = all. Groups are "", "*" and "N:…".
local function places(group)
  return tonumber(string.match(group, '^%d+') or '')
end

local function decide(wait, took)
  local group = redis.call('HGET', KEYS[4], wait)
  if not group then
    return
  end
  redis.call('HDEL', KEYS[4], wait)
  if not took or redis.call('SADD', KEYS[5], wait) == 0 then
    return
  end
  redis.call('PEXPIRE', KEYS[5], math.max(1, redis.call('PTTL', KEYS[1])))
  local most = places(group)
  if group == '' or most and redis.call('HINCRBY', KEYS[1], 'n:' .. group, 1) >= most then
    redis.call('HSET', KEYS[1], 'used', '1')
  end
end

for _, took in ipairs({true, false}) do
  for _ = 1, tonumber(arg()) do
    decide(arg(), took)
  end
end

local function spent()
  return not keep and redis.call('HEXISTS', KEYS[1], 'used') == 1 or limit > 0 and redis.call('SCARD', KEYS[5]) >= limit
end

local function drop()
  redis.call('ZREM', KEYS[2], id)
  redis.call('UNLINK', KEYS[4], KEYS[5])
end
