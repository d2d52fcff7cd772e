-- Gives a holder a place of a concurrency key, or a place in its queue.
--
-- KEYS[1] who holds a place -> since when, KEYS[2] who waits -> arrival and limit
-- ARGV[1] the holder, ARGV[2] how many places there are, as it sees it
-- Returns {position, promoted, ...}: 0 = it holds a place, else its number in the queue; others who got a place.

-- The score of one that waits is its number of arrival * 16384 + its limit: the limit of who is first decides.
local function promote(holders, queue, now)
  local promoted = {}
  for _ = 1, 100 do -- the next call goes on
    local first = redis.call('ZRANGE', queue, 0, 0, 'WITHSCORES')
    if not first[1] or redis.call('ZCARD', holders) >= tonumber(first[2]) % 16384 then
      break
    end
    redis.call('ZADD', holders, now, first[1])
    redis.call('ZREM', queue, first[1])
    promoted[#promoted + 1] = first[1]
  end
  return promoted
end

local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))

if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return {0}
end
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  local arrival = math.floor(tonumber(last[2] or '0') / 16384) + 1
  redis.call('ZADD', KEYS[2], string.format('%.0f', arrival * 16384 + tonumber(ARGV[2])), ARGV[1])
end
local out = {0}
for _, holder in ipairs(promote(KEYS[1], KEYS[2], now)) do
  if holder ~= ARGV[1] then
    out[#out + 1] = holder
  end
end
local rank = redis.call('ZRANK', KEYS[2], ARGV[1])
out[1] = rank and rank + 1 or 0
return out
