-- Gives a holder a place of a concurrency key, or a place in its queue.
--
-- KEYS[1] who holds a place -> since when, KEYS[2] who waits -> arrival and limit
-- ARGV[1] the holder, ARGV[2] how many places there are, as it sees it
-- Returns {position, promoted, ...}: 0 = it holds a place, else its number in the queue; others who got a place.

local holder = ARGV[1]
if redis.call('ZSCORE', KEYS[1], holder) then
  return {0}
end
if not redis.call('ZSCORE', KEYS[2], holder) then
  local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  local arrival = math.floor(tonumber(last[2] or '0') / 16384) + 1
  redis.call('ZADD', KEYS[2], string.format('%.0f', arrival * 16384 + tonumber(ARGV[2])), holder)
end
local out = {0}
for _, other in ipairs(promote(KEYS[1], KEYS[2])) do
  if other ~= holder then
    out[#out + 1] = other
  end
end
local rank = redis.call('ZRANK', KEYS[2], holder)
out[1] = rank and rank + 1 or 0
return out
