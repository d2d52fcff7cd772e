-- Keeps an event while it is published, and counts its id once.
--
-- KEYS[1] the event, KEYS[2] the events of its type that may be taken, KEYS[3] the same by the end of their time
-- ARGV[1] id, ARGV[2] event as JSON, ARGV[3] time to live in ms, ARGV[4] for how long the id is remembered in ms,
-- ARGV[5] lease of the publisher in ms
-- Returns {"new"}, {"known", result} when it was finished before, or {"busy"} while another publishes it.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now), 'LIMIT', 0, 10)) do
  redis.call('ZREM', KEYS[2], id) -- each event takes a few old ones along, so that they never pile up
  redis.call('ZREM', KEYS[3], id)
end
local seen = redis.call('HMGET', KEYS[1], 'result', 'lease')
if seen[1] then
  return {'known', seen[1]}
end
if seen[2] and tonumber(seen[2]) > now then
  return {'busy'}
end
local stamp = string.format('%.0f', now)
redis.call('HSET', KEYS[1], 'event', ARGV[2], 'lease', string.format('%.0f', now + ARGV[5]))
if redis.call('HSETNX', KEYS[1], 'at', stamp) == 1 then
  redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  if tonumber(ARGV[3]) > 0 then
    redis.call('ZADD', KEYS[2], stamp, ARGV[1])
    redis.call('ZADD', KEYS[3], string.format('%.0f', now + ARGV[3]), ARGV[1])
    for n = 2, 3 do
      redis.call('PEXPIRE', KEYS[n], math.max(redis.call('PTTL', KEYS[n]), tonumber(ARGV[4])))
    end
  end
end
return {'new'}
