-- Takes a holder out of a concurrency key, and gives what is free to the first of the queue.
--
-- KEYS[1] who holds a place -> since when, KEYS[2] who waits -> arrival and limit
-- ARGV[1] the holder
-- Returns those who got a place.

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

redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return promote(KEYS[1], KEYS[2], now)
