-- Keeps an event while it is published, and counts its id once.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken, KEYS[3] the same by the end of their time,
-- KEYS[4] the events that are being published, KEYS[5] how far the events of its type stand in lists by filter
-- ARGV[1] id, ARGV[2] its name among those being published, ARGV[3] event as JSON, ARGV[4] time to live in ms,
-- ARGV[5] for how long the id is remembered in ms, ARGV[6] for how long the publisher is left alone in ms,
-- ARGV[7] how many events of a type are kept at most
-- Returns {"new", when it was recorded}, {"known", result} when it was finished before, {"busy"} while another publishes it, or {"full"}.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now), 'LIMIT', 0, 10)) do
  redis.call('ZREM', KEYS[2], id) -- each event takes a few old ones along, so that they never pile up
  redis.call('ZREM', KEYS[3], id)
end
local seen = redis.call('HGET', KEYS[1], 'result')
if seen then
  return {'known', seen}
end
local lease = redis.call('ZSCORE', KEYS[4], ARGV[2])
if lease and tonumber(lease) > now then
  return {'busy'}
end
local keeps = tonumber(ARGV[4]) > 0 and redis.call('HEXISTS', KEYS[1], 'at') == 0
if keeps and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[7]) then
  return {'full'}
end
redis.call('HSETNX', KEYS[1], 'event', ARGV[3]) -- the first stands: kept events are found by what it says
redis.call('ZADD', KEYS[4], string.format('%.0f', now + ARGV[6]), ARGV[2])
if redis.call('HSETNX', KEYS[1], 'at', string.format('%.0f', now)) == 1 then
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[4]))
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
if keeps then
  local newest = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')[2] -- no two have one place, whatever the clock says
  local place = math.max(now, tonumber(newest or '0') + 1, tonumber(redis.call('HGET', KEYS[5], 'newest') or '0') + 1)
  redis.call('HSET', KEYS[5], 'newest', string.format('%.0f', place))
  redis.call('ZADD', KEYS[2], string.format('%.0f', place), ARGV[1])
  redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[4]), ARGV[1])
  for _, n in ipairs({2, 3, 5}) do
    redis.call('PEXPIRE', KEYS[n], math.max(redis.call('PTTL', KEYS[n]), tonumber(ARGV[5])))
  end
end
return {'new', redis.call('HGET', KEYS[1], 'at')}
